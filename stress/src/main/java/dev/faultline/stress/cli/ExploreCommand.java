package dev.faultline.stress.cli;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Schedule;
import dev.faultline.lin.explore.Shrinker;
import dev.faultline.lin.explore.SideBySide;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.lin.explore.kernel.TracedScenario;
import dev.faultline.lin.explore.strategy.Pct;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.lin.explore.strategy.PreemptionBounded;
import dev.faultline.lin.explore.strategy.RandomWalk;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import dev.faultline.vm.trace.Trace;
import dev.faultline.vm.trace.TraceOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code faultline explore}: a scenario under chosen schedules. */
@Command(
    name = "explore",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs a scenario under chosen schedules, one strand at a time: until something is found, all classes of",
      "schedules are explored, or the budget is spent. Ends 1 with a finding, 0 without."
    })
final class ExploreCommand implements Callable<Integer> {
  private static final int SHRINK_TRIES = 400;
  private static final int TRACE_EVENTS = 1 << 14; // of each strand: more than a scenario makes
  private static final long SECONDS_DEFAULT = 60;

  private static final String ALL = "all";

  @Parameters(
      index = "0",
      paramLabel = "SCENARIO|all",
      description = "See 'faultline scenarios'; all: one after another.")
  private String name = "";

  @Option(
      names = "--strategy",
      paramLabel = "NAME",
      defaultValue = "dpor",
      description = {
        "dpor: each class of schedules once (default); preemptions: all with at most --bound preemptions;",
        "random: a random walk; pct: random priorities with --bound ordering constraints; pos: partial order sampling."
      })
  private String strategy = "";

  @Option(
      names = "--bound",
      paramLabel = "N",
      description = "Preemptions (default 2), or the depth of pct (default 3).")
  private @Nullable Integer bound;

  @Option(names = "--executions", paramLabel = "N", description = "Ends after so many executions.")
  private @Nullable Long executions;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      description = "Ends after so many seconds (default " + SECONDS_DEFAULT + " without --executions).")
  private @Nullable Long seconds;

  @Option(
      names = "--defect",
      paramLabel = "NAME",
      description = "Boots the kernel with a defect, or HISTORICAL; may be repeated.")
  private List<String> defects = new ArrayList<>();

  @Option(names = "--mode", paramLabel = "MODE", description = "fixed (default) or up.")
  private @Nullable String mode;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Of random strategies (default 1).")
  private long seed;

  @Option(
      names = "--workers",
      paramLabel = "N",
      defaultValue = "1",
      description = {
        "Explorations side by side (1): of one scenario, dpor in parts, random, pct and pos each with a seed of its",
        "own; of all, each of another scenario."
      })
  private int workers;

  @Option(names = "--replay", paramLabel = "FILE", description = "Runs the schedule in a file, once.")
  private @Nullable Path replay;

  @Option(names = "--save", paramLabel = "FILE", description = "Writes a finding's schedule to a file.")
  private @Nullable Path save;

  @Mixin private TraceFile trace = new TraceFile();

  @Option(names = "--json", description = "Prints one JSON document instead.")
  private boolean json;

  @Spec private CommandSpec spec;

  ExploreCommand() {}

  private ParameterException refused(String why) {
    return new ParameterException(spec.commandLine(), why);
  }

  @Override
  public Integer call() throws InterruptedException {
    Scenario scenario = name.equals(ALL) ? null : ScenariosCommand.named(spec, name);
    Long n = executions;
    if (n != null && n < 1) {
      throw refused("--executions " + n + ": must be 1 or more");
    }
    Long s = seconds;
    if (s != null && (s < 1 || s > 1_000_000_000)) {
      throw refused("--seconds " + s + ": must be 1 or more, and less than 30 years");
    }
    checkTrace();
    if (workers < 1) {
      throw refused("--workers " + workers + ": must be 1 or more");
    }
    long nanos = s != null ? s * 1_000_000_000L : n != null ? Long.MAX_VALUE : SECONDS_DEFAULT * 1_000_000_000L;
    ExploreOutput out = new ExploreOutput(spec.commandLine().getOut(), json);
    if (scenario == null) {
      return all(out, nanos);
    }
    Path file = replay;
    Schedule schedule = file == null ? null : read(file);
    ScenarioProgram program =
        new ScenarioProgram(scenario, modeOf(schedule), defectsOf(schedule));
    Explorer explorer = explorer(program);
    if (schedule != null) {
      Exploration x = explorer.replay(schedule);
      if (isOffSchedule(x)) {
        throw refused(file + ": cannot be followed; was it recorded with this build and these options? "
            + message(x));
      }
      Trace t = TracedScenario.of(program, schedule, TRACE_EVENTS);
      out.report(program, "replay", x, null, t);
      write(t, program, "--replay " + file);
      return x.finding() == null ? Main.OK : Main.FINDING;
    }
    if (workers > 1 && strategy.equals("preemptions")) {
      throw refused("--workers " + workers + ": preemptions runs alone; dpor, random, pct and pos can be many");
    }
    Chooser chooser = chooser(seed);
    Progress progress = new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
    explorer.nanos(nanos).executions(n == null ? Long.MAX_VALUE : n);
    explorer.progress(new ExploreProgress(progress, scenario.name(), nanos, n)::at);
    Exploration x;
    if (strategy.equals("dpor")) {
      x = explorer.exhaust(workers);
    } else if (workers == 1) {
      x = explorer.run(chooser);
    } else {
      x = sideBySide(explorer, nanos, n);
    }
    progress.clear();
    return conclude(out, program, x);
  }

  private static Explorer explorer(ScenarioProgram p) {
    return new Explorer(p)
        .fact("scenario", p.scenario().name())
        .fact("mode", p.mode().name().toLowerCase(Locale.ROOT))
        .fact("defects", labels(p.defects()));
  }

  /** Explores every scenario, until one has a finding. */
  private int all(ExploreOutput out, long nanos) throws InterruptedException {
    if (replay != null || save != null || trace.file != null) {
      throw refused("all: --replay, --save and --trace are of one scenario");
    }
    chooser(seed); // complains here if it must
    Mode m = modeOf(null);
    Set<Defect> d = defectsOf(null);
    Long n = executions;
    List<ScenarioProgram> programs = new ArrayList<>();
    for (Scenario s : Scenarios.all()) {
      programs.add(new ScenarioProgram(s, m, d));
    }
    return ExploreAll.run(
        programs,
        workers,
        (p, stop) -> explorer(p).nanos(nanos).executions(n == null ? Long.MAX_VALUE : n).stopWhen(stop)
            .run(chooser(seed)),
        (p, x) -> conclude(out, p, x));
  }

  /** Reports, with the simplest schedule of a finding. */
  private int conclude(ExploreOutput out, ScenarioProgram program, Exploration x) {
    Exploration.Found found = x.finding();
    if (found != null && found.outcome().kind() != Outcome.Kind.ESCAPED) {
      Explorer again = new Explorer(program);
      found.schedule().facts().forEach(again::fact);
      found = Shrinker.shrink(again, found, SHRINK_TRIES);
    }
    Trace t = found == null || found.outcome().kind() == Outcome.Kind.ESCAPED
        ? null
        : TracedScenario.of(program, found.schedule(), TRACE_EVENTS);
    out.report(program, strategy, x, found, t);
    if (t != null) {
      write(t, program, "--strategy " + strategy);
    }
    Path to = save;
    if (found != null && to != null) {
      write(to, found.schedule());
    }
    return x.verdict() == Verdict.FINDING ? Main.FINDING : Main.OK;
  }

  private void checkTrace() {
    try {
      trace.options(TraceOptions.NONE);
    } catch (IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage()));
    }
    if (trace.isRecording()) {
      throw refused("--trace " + trace.file + ": the strands run in no real time here; expected .txt or .svg");
    }
  }

  private void write(Trace t, ScenarioProgram p, String how) {
    try {
      trace.write(t, "explore " + name + ExploreOutput.options(p) + " " + how);
    } catch (IOException e) {
      throw refused(trace.file + ": cannot be written: " + e.getClass().getSimpleName());
    }
  }

  /** Runs as many explorations as workers, with seeds of their own; {@code explorer} is one, and tells how far. */
  private Exploration sideBySide(Explorer explorer, long nanos, @Nullable Long n) throws InterruptedException {
    List<Function<BooleanSupplier, Exploration>> all = new ArrayList<>();
    int many = n == null ? workers : (int) Math.min(workers, n);
    for (int i = 0; i < many; i++) {
      Explorer one = i == 0 ? explorer : explorer.another().nanos(nanos);
      one.executions(n == null ? Long.MAX_VALUE : n / many + (i < n % many ? 1 : 0));
      long from = seed + i;
      all.add(stop -> one.stopWhen(stop).run(chooser(from)));
    }
    return SideBySide.run(all);
  }

  private static boolean isOffSchedule(Exploration x) {
    Exploration.Found f = x.finding();
    return f != null && f.outcome().kind() == Outcome.Kind.DIVERGED;
  }

  private static String message(Exploration x) {
    Exploration.Found f = x.finding();
    return f == null ? "" : f.outcome().message();
  }

  private Chooser chooser(long from) {
    Integer b = bound;
    if (b != null && b < 0) {
      throw refused("--bound " + b + ": must be 0 or more");
    }
    switch (strategy) {
      case "dpor":
        if (b != null) {
          throw refused("--bound: dpor has none; it explores every class");
        }
        return new OptimalDpor();
      case "preemptions":
        return new PreemptionBounded(b == null ? 2 : b);
      case "random":
        return new RandomWalk(from);
      case "pct":
        if (b != null && b < 1) {
          throw refused("--bound " + b + ": pct needs 1 or more");
        }
        return new Pct(b == null ? 3 : b, from);
      case "pos":
        return new Pos(from);
      default:
        throw refused("no strategy '" + strategy + "'; there are dpor, preemptions, random, pct, pos");
    }
  }

  private Schedule read(Path file) {
    try {
      Schedule s = Schedule.parse(Files.readString(file));
      String of = s.facts().get("scenario");
      if (of != null && !of.equals(name)) {
        throw refused(file + ": a schedule of scenario " + of + ", not of " + name);
      }
      return s;
    } catch (Schedule.FormatException e) {
      throw refused(file + ": " + e.getMessage());
    } catch (IOException e) {
      throw refused(file + ": cannot be read: " + e.getClass().getSimpleName());
    }
  }

  private void write(Path file, Schedule schedule) {
    try {
      Files.writeString(file, schedule.text());
    } catch (IOException e) {
      throw refused(file + ": cannot be written: " + e.getClass().getSimpleName());
    }
  }

  private Mode modeOf(@Nullable Schedule schedule) {
    String m = mode;
    if (m == null) {
      m = schedule == null ? "fixed" : schedule.facts().getOrDefault("mode", "fixed");
    }
    return switch (m.toLowerCase(Locale.ROOT)) {
      case "fixed" -> Mode.FIXED;
      case "up" -> Mode.UP;
      default -> throw refused("--mode " + m + ": must be fixed or up");
    };
  }

  private Set<Defect> defectsOf(@Nullable Schedule schedule) {
    List<String> wanted = defects;
    if (wanted.isEmpty() && schedule != null) {
      String recorded = schedule.facts().getOrDefault("defects", "none");
      wanted = recorded.equals("none") ? List.of() : List.of(recorded.split(",", -1));
    }
    Set<Defect> set = EnumSet.noneOf(Defect.class);
    for (String label : wanted) {
      try {
        set.addAll(Defect.named(label));
      } catch (IllegalArgumentException e) {
        throw refused(String.valueOf(e.getMessage()));
      }
    }
    return set;
  }

  /** Returns the defects' names with commas between them, or none. */
  static String labels(Set<Defect> set) {
    return set.isEmpty() ? "none" : set.stream().sorted().map(Defect::label).collect(Collectors.joining(","));
  }
}
