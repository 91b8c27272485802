package dev.faultline.stress.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Found;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.trace.TextRenderer;
import dev.faultline.vm.trace.Trace;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Tells what an exploration saw: as text, or as one JSON document. */
final class ExploreOutput {
  private static final int SCHEMA = 1;

  private final PrintWriter out;
  private final boolean json;

  ExploreOutput(PrintWriter out, boolean json) {
    this.out = out;
    this.json = json;
  }

  /**
   * Reports.
   *
   * @param simplest the finding after shrinking, or null for the one in {@code x}
   * @param trace what the kernel did under the finding's schedule, or null if that cannot be told
   */
  void report(
      ScenarioProgram p, String strategy, Exploration x, @Nullable Found simplest, @Nullable Trace trace) {
    Found found = simplest == null ? x.finding() : simplest;
    if (json) {
      out.println(document(p, strategy, x, found, trace));
    } else {
      text(p, strategy, x, found, trace);
    }
    out.flush();
  }

  private void text(
      ScenarioProgram p, String strategy, Exploration x, @Nullable Found found, @Nullable Trace trace) {
    out.println(p.scenario().name() + ": " + verdict(strategy, x));
    if (!x.note().isEmpty()) {
      out.println("note: " + x.note());
    }
    if (found == null) {
      return;
    }
    out.println(found.outcome().kind().name().toLowerCase(Locale.ROOT) + ": " + found.outcome().message());
    out.println();
    out.print(trace == null ? found.trace() : TextRenderer.render(trace, "What the strands did:"));
    out.println();
    out.println("schedule, of " + found.schedule().switches() + " switches; put it into a file and show it again with");
    out.println("  ./faultline explore " + p.scenario().name() + options(p) + " --replay FILE");
    out.print(found.schedule().text());
  }

  /**
   * Returns what was found as the record that all commands share. An exploration records no events, so the last ones
   * are those of the replay that {@code trace} is of.
   */
  private static Finding finding(ScenarioProgram p, Found found, @Nullable Trace trace) {
    Map<String, String> c = new LinkedHashMap<>();
    FindingContext.mode(c, p.mode(), p.defects());
    c.put("scenario", p.scenario().name());
    Findings f = new Findings();
    f.context(new FindingContext(c, () -> 0, Map::of, ""));
    String message = found.outcome().message();
    Throwable cause = found.outcome().cause();
    switch (found.outcome().kind()) {
      case DEADLOCK -> f.add(Finding.Kind.HANG, "I-58 " + message);
      case LIVELOCK, STEP_LIMIT -> f.add(Finding.Kind.HANG, "I-60 " + message);
      default -> {
        Throwable panic = panic(cause);
        if (panic != null) {
          f.addDeath(panic);
        } else {
          f.add(Finding.Kind.INVARIANT, message);
        }
      }
    }
    String again = "./faultline explore " + p.scenario().name() + options(p) + " --replay FILE";
    Map<String, List<String>> events = trace == null ? Map.of() : trace.lastEvents(FindingContext.EVENTS);
    return f.list().get(0).in(c, found.schedule().text(), events, again);
  }

  /** Returns the panic that is at the bottom of what was thrown, or null. */
  private static @Nullable Throwable panic(@Nullable Throwable t) {
    Throwable x = t;
    while (x != null && !(x instanceof KernelPanic)) {
      x = x.getCause();
    }
    return x;
  }

  static String options(ScenarioProgram p) {
    StringBuilder b = new StringBuilder();
    p.defects().stream().sorted().forEach(d -> b.append(" --defect ").append(d.label()));
    return b.append(p.mode() == Mode.UP ? " --mode up" : "").toString();
  }

  private static String verdict(String strategy, Exploration x) {
    String counts = String.format(Locale.ROOT, "%,d executions, %,d steps, %.1f s", x.executions(), x.steps(),
        x.nanos() / 1e9);
    if (strategy.equals("replay")) {
      return (x.finding() == null ? "replayed, nothing found" : "replayed, found again") + " (" + counts + ")";
    }
    return switch (x.verdict()) {
      case FINDING -> "finding (" + counts + ")";
      case COMPLETE ->
          (strategy.equals("dpor") ? "complete: all " + x.executions() + " classes of schedules" : "complete")
              + ", nothing found (" + counts + (x.redundant() > 0 ? ", " + x.redundant() + " redundant" : "") + ")";
      case BOUNDED -> "complete within the bound, nothing found; there are more schedules beyond (" + counts + ")";
      case STOPPED -> "stopped at the limit, nothing found (" + counts + ")";
    };
  }

  private static String document(
      ScenarioProgram p, String strategy, Exploration x, @Nullable Found found, @Nullable Trace trace) {
    ObjectMapper mapper = FindingJson.mapper();
    ObjectNode n = mapper.createObjectNode();
    n.put("schema", SCHEMA);
    n.put("scenario", p.scenario().name());
    n.put("mode", p.mode().name().toLowerCase(Locale.ROOT));
    n.put("defects", ExploreCommand.labels(p.defects()));
    n.put("strategy", strategy);
    n.put("verdict", x.verdict().name().toLowerCase(Locale.ROOT));
    n.put("executions", x.executions());
    if (x.verdict() == Verdict.COMPLETE && strategy.equals("dpor")) {
      n.put("classes", x.executions());
    }
    n.put("redundant", x.redundant());
    n.put("steps", x.steps());
    n.put("seconds", x.nanos() / 1e9);
    n.put("note", x.note());
    if (found != null) {
      ObjectNode f = n.putObject("finding");
      f.put("kind", found.outcome().kind().name().toLowerCase(Locale.ROOT));
      f.put("message", found.outcome().message());
      f.put("execution", found.execution());
      f.put("switches", found.schedule().switches());
      f.put("schedule", found.schedule().text());
      f.put("steps", found.trace());
      f.put("trace", trace == null ? "" : TextRenderer.render(trace, p.scenario().name()));
      f.set("finding", mapper.valueToTree(finding(p, found, trace)));
    }
    return n.toString();
  }
}
