package dev.faultline.stress.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the benchmarks of this package and sets the results against the goals, as a table. */
public final class BenchReport {
  private static final String PACKAGE = "dev.faultline.stress.bench.";

  private record Row(String name, String sharing, int threads, double score, double error, String unit) {
    boolean is(String benchmark, String how, int n) {
      return name.equals(benchmark) && sharing.equals(how) && threads == n;
    }
  }

  private BenchReport() {}

  /**
   * Runs everything and returns the report as Markdown.
   *
   * @param quick one short iteration each
   * @param seconds length of an iteration
   * @param only a regular expression that the benchmark's name must contain; empty for all
   */
  public static String run(boolean quick, int seconds, String only) throws RunnerException {
    List<Row> rows = new ArrayList<>();
    for (int threads = 1; threads <= 2; threads++) {
      ChainedOptionsBuilder o =
          new OptionsBuilder()
              .include(PACKAGE + "(BareCosts|HostFaults|FaultCosts|ForkCost)\\..*" + only)
              .threads(threads)
              .forks(1)
              .warmupIterations(quick ? 1 : 4)
              .measurementIterations(quick ? 1 : 5)
              .warmupTime(quick ? TimeValue.milliseconds(100) : TimeValue.seconds(seconds))
              .measurementTime(quick ? TimeValue.milliseconds(100) : TimeValue.seconds(seconds))
              .verbosity(VerboseMode.SILENT)
              .jvmArgsAppend("-Xms2g", "-XX:+UseParallelGC");
      if (threads == 2) {
        o.exclude(PACKAGE + "(BareCosts|ForkCost)\\..*");
      }
      System.err.println("bench: " + threads + (threads == 1 ? " thread" : " threads") + " …");
      collect(rows, new Runner(o.build()).run());
    }
    return render(rows);
  }

  private static void collect(List<Row> rows, Collection<RunResult> results) {
    for (RunResult r : results) {
      BenchmarkParams p = r.getParams();
      Result<?> score = r.getPrimaryResult();
      String sharing = p.getParam("sharing");
      rows.add(
          new Row(
              p.getBenchmark().substring(PACKAGE.length()),
              sharing == null ? "" : sharing,
              p.getThreads(),
              score.getScore(),
              score.getScoreError(),
              score.getScoreUnit()));
    }
  }

  private static String render(List<Row> rows) {
    StringBuilder b = new StringBuilder();
    b.append("Machine: ").append(System.getProperty("os.name")).append(' ').append(System.getProperty("os.arch"))
        .append(", ");
    b.append(Runtime.getRuntime().availableProcessors()).append(" processors; ")
        .append(System.getProperty("java.vm.name"));
    b.append(' ').append(Runtime.version()).append(".\n\n");
    b.append("| benchmark | memory | threads | cost | ± |\n| --- | --- | --- | --- | --- |\n");
    for (Row r : rows) {
      b.append(
          String.format(
              Locale.ROOT,
              "| %s | %s | %d | %.1f %s | %s |%n",
              r.name,
              r.sharing,
              r.threads,
              r.score,
              r.unit,
              Double.isNaN(r.error) ? "-" : String.format(Locale.ROOT, "%.1f", r.error)));
    }
    b.append("\n| goal | measured | met |\n| --- | --- | --- |\n");
    double zero = score(rows, "FaultCosts.zeroFill", "private", 1);
    double host = score(rows, "HostFaults.zeroFill", "", 1);
    goal(b, "zero-fill fault at most 1/4 of the host kernel's", zero / host, "of the host's", 0.25);
    goal(b, "soft fault under 300 ns", score(rows, "FaultCosts.softFault", "private", 1), "ns", 300);
    goal(b, "TLB-hit load under 5 ns", score(rows, "FaultCosts.tlbHitLoad", "private", 1), "ns", 5);
    scaling(b, rows, "zeroFill");
    scaling(b, rows, "softFault");
    return b.toString();
  }

  private static double score(List<Row> rows, String name, String sharing, int threads) {
    for (Row r : rows) {
      if (r.is(name, sharing, threads)) {
        return r.score;
      }
    }
    return Double.NaN;
  }

  private static void goal(StringBuilder b, String what, double value, String unit, double limit) {
    if (!Double.isNaN(value)) {
      b.append(String.format(Locale.ROOT, "| %s | %.2f %s | %s |%n", what, value, unit, value <= limit ? "yes" : "no"));
    }
  }

  private static void scaling(StringBuilder b, List<Row> rows, String name) {
    double one = score(rows, "FaultCosts." + name, "private", 1);
    double two = score(rows, "FaultCosts." + name, "private", 2);
    double factor = 2 * one / two; // average time of an operation, on two threads at once
    if (!Double.isNaN(factor)) {
      b.append(
          String.format(
              Locale.ROOT,
              "| 1.8 times the throughput with 2 threads, private memory, %s | %.2f times | %s |%n",
              name,
              factor,
              factor >= 1.8 ? "yes" : "no"));
    }
  }
}
