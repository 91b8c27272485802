package dev.faultline.stress.cli;

import dev.faultline.stress.matrix.Cell;
import dev.faultline.stress.matrix.CellProcess;
import dev.faultline.stress.matrix.Engine;
import dev.faultline.stress.matrix.Matrix;
import dev.faultline.stress.matrix.MatrixText;
import dev.faultline.stress.matrix.Variant;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code faultline matrix}: every scenario under every engine, on the correct kernel and with each defect. */
@Command(
    name = "matrix",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs scenarios under engines, on the correct kernel and on broken ones, within a budget of time, and prints",
      "a page of executions and times to the first finding. Ends 1 if the correct kernel has a finding."
    })
final class MatrixCommand implements Callable<Integer> {
  private static final int SOONEST = 2; // scenarios of a broken kernel, for engines that are slower than the explorer

  @Option(names = "--budget", paramLabel = "TIME", defaultValue = "10m",
      converter = JcstressCommand.DurationText.class,
      description = "Time for all of it, such as 90s, 10m or 2h (${DEFAULT-VALUE}).")
  private Duration budget = Duration.ofMinutes(10);

  @Option(names = "--scenarios", paramLabel = "NAME", split = ",",
      description = "Only these, with commas between them; see 'faultline scenarios'.")
  private List<String> scenarios = new ArrayList<>();

  @Option(names = "--defects", paramLabel = "NAME", split = ",",
      description = "Only these broken kernels, beside the correct one; NAIVE is the seed without locks.")
  private List<String> defects = new ArrayList<>();

  @Option(names = "--engines", paramLabel = "NAME", split = ",",
      description = {
        "Only these: explorer, stress, lincheck, jcstress. With the explorer among them, the others run only where it",
        "found something, in the " + SOONEST + " scenarios of each broken kernel that took the least time, and on the",
        "correct kernel there (stress: everywhere)."
      })
  private List<String> engines = new ArrayList<>();

  @Spec private CommandSpec spec;

  MatrixCommand() {}

  @Override
  public Integer call() throws InterruptedException {
    List<String> names = scenarios();
    List<Variant> variants = variants();
    Set<Engine> wanted = engines();
    Progress progress = new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
    String classPath = System.getProperty("java.class.path");
    progress.show("matrix: which scenario reaches which defect");
    Map<String, Set<Variant>> reach = Matrix.reach(names, classPath);
    List<Cell> cells = new ArrayList<>();
    int weights = wanted.stream().mapToInt(Engine::weight).sum();
    for (Engine e : wanted) {
      List<Cell> plan = plan(e, cells, names, variants, reach);
      try (CellProcess p = new CellProcess(e, classPath)) {
        cells.addAll(
            new Matrix(p, progress::show, System::nanoTime).run(plan, budget.toNanos() / weights * e.weight()));
      }
    }
    progress.clear();
    PrintWriter out = spec.commandLine().getOut();
    out.print(MatrixText.page(how(), cells));
    out.flush();
    return Matrix.isHealthy(cells) ? Main.OK : Main.FINDING;
  }

  private static List<Cell> plan(
      Engine e, List<Cell> known, List<String> names, List<Variant> variants, Map<String, Set<Variant>> reach) {
    List<Cell> explored = known.stream().filter(c -> c.engine() == Engine.EXPLORER).toList();
    if (explored.isEmpty()) {
      return Matrix.mark(Matrix.cells(names, variants, e), reach);
    }
    List<Cell> plan = Matrix.soonest(explored, names, e, SOONEST);
    if (e != Engine.STRESS) {
      return plan;
    }
    List<Cell> more = new ArrayList<>(Matrix.cells(names, List.of(Variant.HEALTHY), e));
    plan.stream().filter(c -> !c.variant().isHealthy()).forEach(more::add);
    return more;
  }

  private List<String> scenarios() {
    Set<String> chosen = new LinkedHashSet<>();
    scenarios.forEach(n -> chosen.add(ScenariosCommand.named(spec, n).name()));
    return Scenarios.all().stream().map(Scenario::name).filter(n -> chosen.isEmpty() || chosen.contains(n)).toList();
  }

  private List<Variant> variants() {
    Set<Variant> chosen = new LinkedHashSet<>();
    for (String n : defects) {
      try {
        chosen.add(Variant.named(n));
      } catch (IllegalArgumentException e) {
        throw refused("--defects: " + e.getMessage());
      }
    }
    List<Variant> all = new ArrayList<>(List.of(Variant.HEALTHY));
    Variant.broken().stream().filter(v -> chosen.isEmpty() || chosen.contains(v)).forEach(all::add);
    return all;
  }

  private Set<Engine> engines() {
    if (engines.isEmpty()) {
      return EnumSet.allOf(Engine.class);
    }
    Set<Engine> chosen = EnumSet.noneOf(Engine.class);
    for (String n : engines) {
      chosen.add(
          Stream.of(Engine.values()).filter(e -> e.label().equalsIgnoreCase(n)).findAny().orElseThrow(
              () -> refused("--engines: no engine '" + n + "'; there are "
                  + Stream.of(Engine.values()).map(Engine::label).collect(Collectors.joining(", ")))));
    }
    return chosen;
  }

  private ParameterException refused(String why) {
    return new ParameterException(spec.commandLine(), why);
  }

  private String how() {
    StringBuilder command = new StringBuilder("./faultline matrix --budget ").append(text(budget));
    option(command, "--scenarios", scenarios);
    option(command, "--defects", defects);
    option(command, "--engines", engines);
    double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    return String.format(
        Locale.ROOT,
        "Printed by `%s` on %s, %s %s, %d processors, with a load average of %.0f at the end: one run, its times "
            + "those of a machine that does other work besides. Each engine runs in a process that stays warm from "
            + "cell to cell; a broken kernel is tried by the others only where the explorer, if it runs, found "
            + "something, in the %d scenarios where that took the least time. "
            + "[scenarios.md](scenarios.md#matrix) says what an execution is.",
        command, System.getProperty("java.vm.name") + " " + Runtime.version(), System.getProperty("os.name"),
        System.getProperty("os.arch"), Runtime.getRuntime().availableProcessors(), load, SOONEST);
  }

  private static void option(StringBuilder command, String name, Collection<String> values) {
    if (!values.isEmpty()) {
      command.append(' ').append(name).append(' ').append(String.join(",", values));
    }
  }

  private static String text(Duration d) {
    long millis = d.toMillis();
    return millis % 60_000 == 0 ? millis / 60_000 + "m" : millis % 1000 == 0 ? millis / 1000 + "s" : millis + "ms";
  }
}
