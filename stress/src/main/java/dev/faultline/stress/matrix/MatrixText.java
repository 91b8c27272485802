package dev.faultline.stress.matrix;

import dev.faultline.stress.matrix.Cell.State;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A matrix as a page. */
public final class MatrixText {
  private final List<Cell> cells; // (C)
  private final List<Engine> engines; // (C) the columns
  private final Set<String> scenarios = new LinkedHashSet<>();
  private final Set<Variant> broken = new LinkedHashSet<>();
  private final StringBuilder b = new StringBuilder();

  private MatrixText(List<Cell> cells) {
    this.cells = cells;
    Set<Engine> seen = new LinkedHashSet<>();
    for (Cell c : cells) {
      seen.add(c.engine());
      scenarios.add(c.scenario());
      if (!c.variant().isHealthy()) {
        broken.add(c.variant());
      }
    }
    engines = List.copyOf(seen);
  }

  /**
   * Returns the page.
   *
   * @param how what was run, in a few sentences
   * @param cells what came of it
   */
  public static String page(String how, List<Cell> cells) {
    MatrixText t = new MatrixText(cells);
    t.b.append("# Scenarios, engines, defects\n\n").append(how).append("\n\n");
    t.best();
    t.found();
    t.healthy();
    t.tried();
    return t.b.toString();
  }

  private void table(String title, String lead, String... columns) {
    b.append("## ").append(title).append("\n\n").append(lead).append("\n\n|");
    List<String> all = new ArrayList<>(List.of(columns));
    engines.forEach(e -> all.add(e.label()));
    all.forEach(c -> b.append(' ').append(c).append(" |"));
    b.append('\n').append("| --- ".repeat(all.size())).append("|\n");
  }

  private void row(String... fields) {
    b.append("| ").append(String.join(" | ", fields)).append(" |\n");
  }

  private List<Cell> of(Variant v, Engine e) {
    return cells.stream().filter(c -> c.variant().equals(v) && c.engine() == e).toList();
  }

  /** The soonest finding of each kernel by each engine. */
  private void best() {
    table(
        "Each defect, where it is found soonest",
        "Executions and time to the first finding, in the scenario where that took the least time, and in how many\n"
            + "scenarios there was one.",
        "kernel");
    int[] counts = new int[engines.size()];
    for (Variant v : broken) {
      String[] row = new String[engines.size() + 1];
      row[0] = v.label();
      for (int i = 0; i < engines.size(); i++) {
        List<Cell> hits = of(v, engines.get(i)).stream().filter(Cell::isFound).toList();
        Optional<Cell> best = hits.stream().min(Comparator.comparingLong(Cell::nanos));
        row[i + 1] = best.map(c -> cost(c) + ", `" + c.scenario() + "`; " + hits.size()).orElse("-");
        counts[i] += hits.isEmpty() ? 0 : 1;
      }
      row(row);
    }
    String[] last = new String[engines.size() + 1];
    last[0] = "found, of " + broken.size();
    for (int i = 0; i < counts.length; i++) {
      last[i + 1] = Integer.toString(counts[i]);
    }
    row(last);
    b.append('\n');
  }

  /** Every pair of scenario and kernel where some engine found something. */
  private void found() {
    table(
        "Scenarios and what they find",
        "Executions and time to the first finding; `not in` so many, where that engine found nothing; nothing, where\n"
            + "it was not tried.",
        "scenario", "kernel");
    for (String s : scenarios) {
      for (Variant v : broken) {
        String[] row = new String[engines.size() + 2];
        row[0] = s;
        row[1] = v.label();
        boolean any = false;
        for (int i = 0; i < engines.size(); i++) {
          Cell c = cell(s, v, engines.get(i));
          any |= c != null && c.isFound();
          row[i + 2] = c == null ? "" : text(c);
        }
        if (any) {
          row(row);
        }
      }
    }
    b.append('\n');
  }

  private void healthy() {
    table(
        "The correct kernel",
        "Executions without a finding. `all`: every class of schedules was explored once.",
        "scenario");
    for (String s : scenarios) {
      String[] row = new String[engines.size() + 1];
      row[0] = s;
      for (int i = 0; i < engines.size(); i++) {
        Cell c = cell(s, Variant.HEALTHY, engines.get(i));
        row[i + 1] = c == null ? "" : c.isFound() ? "**" + c.finding() + "**" : seen(c, "");
      }
      row(row);
    }
    b.append('\n');
  }

  /** How much was tried in vain. */
  private void tried() {
    table(
        "What was tried",
        "Scenarios where the defect was found / where every class of schedules was explored without / where the\n"
            + "time ended without / where the process gave no answer. Reached: scenarios where the correct kernel\n"
            + "asks, in a sample of schedules, whether it has the defect; the others were not tried.",
        "kernel", "reached");
    for (Variant v : broken) {
      String[] row = new String[engines.size() + 2];
      row[0] = v.label();
      List<Cell> first = of(v, engines.get(0));
      row[1] = Long.toString(first.size() - count(first, State.NOT_REACHED));
      for (int i = 0; i < engines.size(); i++) {
        List<Cell> all = of(v, engines.get(i));
        row[i + 2] = count(all, State.FOUND) + " / " + count(all, State.COMPLETE) + " / "
            + count(all, State.NOTHING) + " / " + count(all, State.NO_ANSWER);
      }
      row(row);
    }
  }

  private static long count(List<Cell> all, State s) {
    return all.stream().filter(c -> c.state() == s).count();
  }

  private @Nullable Cell cell(String scenario, Variant v, Engine e) {
    for (Cell c : cells) {
      if (c.scenario().equals(scenario) && c.engine() == e && Objects.equals(c.variant(), v)) {
        return c;
      }
    }
    return null;
  }

  private static String text(Cell c) {
    return c.isFound() ? cost(c) : seen(c, "not in ");
  }

  private static String seen(Cell c, String before) {
    return switch (c.state()) {
      case NOT_RUN -> "not run";
      case NO_ANSWER -> "no answer in " + time(c.nanos());
      case UNFIT -> "cannot run it";
      case NOT_REACHED -> "not reached";
      case COMPLETE -> before + "all " + number(c.executions());
      case NOTHING, FOUND -> before + number(c.executions());
    };
  }

  private static String cost(Cell c) {
    return number(c.executions()) + " in " + time(c.nanos());
  }

  private static String number(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  private static String time(long nanos) {
    return nanos < 1_000_000_000 ? Math.max(1, nanos / 1_000_000) + " ms"
        : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
  }
}
