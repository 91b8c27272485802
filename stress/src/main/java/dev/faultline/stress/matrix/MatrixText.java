package dev.faultline.stress.matrix;

import dev.faultline.stress.matrix.Matrix.Cell;
import dev.faultline.stress.matrix.Matrix.Engine;
import dev.faultline.vm.base.Defect;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** A matrix as a page. */
public final class MatrixText {
  private MatrixText() {}

  /**
   * Returns the page.
   *
   * @param how what was run, in a sentence or two
   * @param defects those that were tried
   */
  public static String page(String how, List<Cell> healthy, List<Cell> found, List<Defect> defects) {
    StringBuilder b = new StringBuilder("# Scenarios, engines, defects\n\n").append(how).append("\n\n");
    b.append("## The correct kernel\n\n");
    b.append("| scenario | explorer, dpor | explorer, pos | stress |\n| --- | --- | --- | --- |\n");
    row(b, healthy, false);
    b.append("\n## Kernels with a defect\n\n");
    b.append("Executions and time to the first finding. A pair not listed was tried by both strategies of the\n");
    b.append("explorer, and nothing was found.\n\n");
    b.append("| defect | scenario | explorer, dpor | explorer, pos | stress |\n| --- | --- | --- | --- | --- |\n");
    row(b, found, true);
    b.append('\n');
    summary(b, found, defects);
    return b.toString();
  }

  private static void row(StringBuilder b, List<Cell> cells, boolean withDefect) {
    for (int i = 0; i < cells.size(); i += Engine.values().length) {
      Cell first = cells.get(i);
      Defect d = first.defect();
      b.append("| ").append(withDefect && d != null ? d.label() + " | " : "").append(first.scenario().name());
      for (int e = 0; e < Engine.values().length; e++) {
        b.append(" | ").append(text(cells.get(i + e), withDefect));
      }
      b.append(" |\n");
    }
  }

  private static String text(Cell c, boolean expected) {
    String n = String.format(Locale.ROOT, "%,d", c.executions());
    if (c.finding() == null) {
      return expected ? "not in " + n : c.complete() ? "all " + n + " classes" : n;
    }
    String sought = n + " in " + time(c.nanos());
    return expected ? sought : "**finding**: " + c.finding() + " (" + sought + ")";
  }

  private static String time(long nanos) {
    return nanos < 1_000_000_000 ? nanos / 1_000_000 + " ms" : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
  }

  private static void summary(StringBuilder b, List<Cell> found, List<Defect> defects) {
    Map<Engine, Set<Defect>> by = new EnumMap<>(Engine.class);
    Set<Defect> all = new LinkedHashSet<>();
    for (Engine e : Engine.values()) {
      by.put(e, new LinkedHashSet<>());
    }
    for (Cell c : found) {
      Defect d = c.defect();
      if (c.finding() != null && d != null) {
        Objects.requireNonNull(by.get(c.engine())).add(d);
        all.add(d);
      }
    }
    by.forEach((e, ds) -> b.append("- ").append(e.name().toLowerCase(Locale.ROOT)).append(" finds ").append(ds.size())
        .append(" of ").append(defects.size()).append(" defects\n"));
    List<String> none = new ArrayList<>();
    defects.stream().filter(d -> !all.contains(d)).forEach(d -> none.add(d.label()));
    b.append("- found by none here: ").append(none.isEmpty() ? "none" : String.join(", ", none)).append('\n');
  }
}
