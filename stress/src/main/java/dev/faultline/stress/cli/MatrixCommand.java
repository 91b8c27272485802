package dev.faultline.stress.cli;

import dev.faultline.stress.matrix.Matrix;
import dev.faultline.stress.matrix.Matrix.Cell;
import dev.faultline.stress.matrix.MatrixText;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
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
      "Runs every scenario under the explorer and under stress, on the correct kernel and on kernels with a defect,",
      "and prints a page of executions and times to the first finding. Ends 1 if the correct kernel has a finding."
    })
final class MatrixCommand implements Callable<Integer> {
  @Option(names = "--budget", paramLabel = "S", defaultValue = "0.2", description = "Seconds a cell, exploring (0.2).")
  private double budget;

  @Option(
      names = "--stress-budget",
      paramLabel = "S",
      defaultValue = "2",
      description = "Seconds a cell under stress (2); only where the explorer found something.")
  private double stressBudget;

  @Option(names = "--scenario", paramLabel = "NAME", description = "Only this one; may be given more than once.")
  private List<String> names = new ArrayList<>();

  @Option(names = "--defect", paramLabel = "NAME",
      description = "Only this one; may be given more than once.")
  private List<String> defects = new ArrayList<>();

  @Spec private CommandSpec spec;

  MatrixCommand() {}

  @Override
  public Integer call() throws InterruptedException {
    if (budget <= 0 || stressBudget <= 0) {
      throw new ParameterException(spec.commandLine(), "--budget " + budget + ", --stress-budget " + stressBudget
          + ": must be more than 0");
    }
    List<Scenario> scenarios =
        names.isEmpty() ? Scenarios.all() : names.stream().map(n -> ScenariosCommand.named(spec, n)).toList();
    List<Defect> tried =
        defects.isEmpty()
            ? Stream.of(Defect.values()).filter(d -> !Defect.defaults().contains(d)).toList()
            : List.copyOf(ScenariosCommand.defects(spec, defects));
    Progress progress = new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
    int workers = Runtime.getRuntime().availableProcessors();
    Matrix matrix = new Matrix((long) (budget * 1e9), (long) (stressBudget * 1e9), workers, progress::show);
    List<Cell> healthy = matrix.healthy(scenarios);
    List<Cell> found = matrix.defective(scenarios, tried);
    progress.clear();
    PrintWriter out = spec.commandLine().getOut();
    out.print(MatrixText.page(how(workers), healthy, found, tried));
    out.flush();
    return healthy.stream().allMatch(c -> c.finding() == null) ? Main.OK : Main.FINDING;
  }

  private String how(int workers) {
    String command = "./faultline matrix --budget " + budget + " --stress-budget " + stressBudget;
    return String.format(
        Locale.ROOT,
        "Printed by `%s`: so many seconds a cell, the second for stress, which ran %d worlds side by side. %s, %s %s, "
            + "%d processors.",
        command, workers, System.getProperty("java.vm.name") + " " + Runtime.version(), System.getProperty("os.name"),
        System.getProperty("os.arch"), workers);
  }
}
