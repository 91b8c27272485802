package dev.faultline.stress.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.faultline.stress.free.Stress;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code faultline stress}: scenarios on real threads. */
@Command(
    name = "stress",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs a scenario, or all, again and again on real threads that run freely, many worlds side by side.",
      "Ends 1 with a finding, 0 without."
    })
final class StressCommand implements Callable<Integer> {
  private static final int SCHEMA = 1;
  private static final double SECONDS_DEFAULT = 10;
  private static final String ALL = "all";

  @Parameters(index = "0", paramLabel = "SCENARIO", description = "See 'faultline scenarios'; or 'all'.")
  private String name = "";

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "For so long, all scenarios together (10, or 1 each with 'all').")
  private @Nullable Double seconds;

  @Option(names = "--iterations", paramLabel = "N", description = "So many times each at most.")
  private @Nullable Long iterations;

  @Option(names = "--defect", paramLabel = "NAME",
      description = "Boots every kernel with this defect, or HISTORICAL; may be given more than once.")
  private List<String> defects = new ArrayList<>();

  @Option(names = "--mode", paramLabel = "MODE", description = "fixed (default), up or naive.")
  private MachineOptions.@Nullable RunMode mode;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Of the first iteration (1).")
  private long seed;

  @Option(names = "--workers", paramLabel = "N", description = "Worlds side by side (as many as processors here).")
  private @Nullable Integer workers;

  @Option(names = "--json", description = "Prints JSON: a line a scenario.")
  private boolean json;

  @Spec private CommandSpec spec;

  private volatile boolean stopping;
  private volatile @Nullable Stress running;

  StressCommand() {}

  private void require(boolean holds, String why) {
    if (!holds) {
      throw new ParameterException(spec.commandLine(), why);
    }
  }

  @Override
  public Integer call() throws InterruptedException {
    List<Scenario> scenarios = name.equals(ALL) ? Scenarios.all() : List.of(ScenariosCommand.named(spec, name));
    require(seconds == null || seconds > 0, "--seconds " + seconds + ": must be more than 0");
    require(iterations == null || iterations > 0, "--iterations " + iterations + ": must be 1 or more");
    require(workers == null || workers > 0, "--workers " + workers + ": must be 1 or more");
    Mode m = mode == null ? Mode.FIXED : mode.mode;
    Set<Defect> d = ScenariosCommand.defects(spec, defects);
    double each = seconds != null ? seconds / scenarios.size()
        : iterations != null ? 1e6 : scenarios.size() > 1 ? 1 : SECONDS_DEFAULT;
    long most = iterations == null ? Long.MAX_VALUE : iterations;
    int side = workers == null ? Runtime.getRuntime().availableProcessors() : workers;
    int status = Main.OK;
    try (Interrupt interrupt = new Interrupt(this::stop)) {
      for (Scenario s : scenarios) {
        Stress.Plan plan = new Stress.Plan(s, m, d, seed, most, (long) (each * 1e9), side);
        if (interrupt.came()) {
          break;
        }
        Stress.Result r = run(plan);
        report(plan, r);
        if (r.found() != null) {
          status = Main.FINDING;
          break;
        }
      }
    }
    return status;
  }

  private void stop() {
    stopping = true;
    Stress s = running;
    if (s != null) {
      s.stop();
    }
  }

  private Stress.Result run(Stress.Plan plan) throws InterruptedException {
    Progress progress = new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
    Stress stress = new Stress(plan, r -> {
      synchronized (progress) {
        progress.show(plan.scenario().name() + ": " + counts(r));
      }
    });
    running = stress;
    if (stopping) {
      stress.stop();
    }
    Stress.Result r = stress.run();
    synchronized (progress) {
      progress.clear();
    }
    return r;
  }

  private static String counts(Stress.Result r) {
    return String.format(Locale.ROOT, "%,d iterations, %,.0f a second", r.iterations(), r.rate());
  }

  private void report(Stress.Plan p, Stress.Result r) {
    PrintWriter out = spec.commandLine().getOut();
    Stress.Found f = r.found();
    if (json) {
      out.println(document(p, r, f));
    } else if (f == null) {
      out.println(p.scenario().name() + ": nothing found, " + counts(r));
    } else {
      out.println(p.scenario().name() + ": finding, " + counts(r));
      out.println("  " + f.message());
      out.printf(Locale.ROOT, "  in iteration %,d, after %.1f s%n", f.iteration(), f.nanos() / 1e9);
      String again = Stress.command("stress", p.scenario(), p.mode(), p.defects());
      out.println("  again, as likely: " + again + " --seed " + f.seed());
      out.println("  with a schedule:  " + Stress.command("explore", p.scenario(), p.mode(), p.defects()));
    }
    out.flush();
  }

  private static String document(Stress.Plan p, Stress.Result r, Stress.@Nullable Found f) {
    ObjectNode n = new ObjectMapper().createObjectNode();
    n.put("schema", SCHEMA);
    n.put("scenario", p.scenario().name());
    n.put("mode", p.mode().name().toLowerCase(Locale.ROOT));
    n.put("defects", ExploreCommand.labels(p.defects()));
    n.put("engine", "stress");
    n.put("verdict", f == null ? "no finding" : "finding");
    n.put("iterations", r.iterations());
    n.put("seconds", r.nanos() / 1e9);
    n.put("rate", r.rate());
    if (f != null) {
      ObjectNode o = n.putObject("finding");
      o.put("message", f.message());
      o.put("iteration", f.iteration());
      o.put("seed", f.seed());
      o.put("seconds", f.nanos() / 1e9);
    }
    return n.toString();
  }
}
