package dev.faultline.stress.cli;

import dev.faultline.stress.bench.BenchReport;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.openjdk.jmh.runner.RunnerException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code faultline bench}: what faults cost, with the host kernel's own beside them in the same run. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = "Measures what faults cost here, and what the host kernel's faults cost, in one run; prints a table.")
public final class BenchCommand implements Callable<Integer> {
  @Option(names = "--quick", description = "One short iteration of each: shows that all of them run, measures little.")
  private boolean quick;

  @Option(names = "--seconds", defaultValue = "1", paramLabel = "N",
      description = "Seconds an iteration (default ${DEFAULT-VALUE}).")
  private int seconds;

  @Option(names = "--only", paramLabel = "REGEX", description = "Only the benchmarks whose name matches.")
  private String only = "";

  @Spec private CommandSpec spec;

  BenchCommand() {}

  private ParameterException refused(String why) {
    return new ParameterException(spec.commandLine(), why);
  }

  @Override
  public Integer call() throws RunnerException {
    if (seconds < 1) {
      throw refused("--seconds " + seconds + ": must be 1 or more");
    }
    try {
      Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw refused("--only '" + only + "': no regular expression: " + e.getDescription());
    }
    if (BenchReport.names(only).isEmpty()) {
      throw refused("--only '" + only + "': no benchmark's name matches; there are "
          + String.join(", ", BenchReport.names("")));
    }
    String table = BenchReport.run(quick, seconds, only);
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    out.print(table);
    out.flush();
    return Main.OK;
  }
}
