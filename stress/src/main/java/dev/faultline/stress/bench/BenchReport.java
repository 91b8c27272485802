package dev.faultline.stress.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the benchmarks of this package and sets the results against the goals, as a table. */
public final class BenchReport {
  private static final String PACKAGE = "dev.faultline.stress.bench.";

  private record Row(String name, String sharing, int frames, int threads, double score, double error, String unit) {
    boolean is(String benchmark, String how, int f, int n) {
      return name.equals(benchmark) && sharing.equals(how) && frames == f && threads == n;
    }
  }

  /** Frames of the machine that the faults are measured on; 0 in rows that have no machine. */
  private static final int FRAMES = 2048;

  private static final int BEYOND_CACHES = 16_384;

  private static final int SMALL_PAGE = 64;
  private static final int MANY_FRAMES = 1 << 20;

  private static final String CLASSES = "(BareCosts|HostFaults|FaultCosts|ForkCost|BootCost)";

  private BenchReport() {}

  /**
   * Returns the names of the benchmarks that {@link #run} would run, in order.
   *
   * @param only as there
   */
  public static List<String> names(String only) {
    OutputFormat silent = OutputFormatFactory.createFormatInstance(System.err, VerboseMode.SILENT);
    List<String> names = new ArrayList<>();
    for (BenchmarkListEntry e : BenchmarkList.defaultList().find(silent, List.of(pattern(CLASSES, only)), List.of())) {
      names.add(e.getUsername().substring(PACKAGE.length()));
    }
    return names;
  }

  private static String pattern(String classes, String only) {
    return PACKAGE.replace(".", "\\.") + "(?=.*(?:" + only + "))" + classes + ".*";
  }

  /**
   * Runs everything and returns the report as Markdown.
   *
   * @param quick one short iteration each
   * @param seconds length of an iteration
   * @param only a regular expression that the benchmark's name must contain; empty for all
   * @throws RunnerException if a benchmark fails
   */
  public static String run(boolean quick, int seconds, String only) throws RunnerException {
    List<Row> rows = new ArrayList<>();
    collect(rows, "1 thread",
        options(quick, seconds, "-Xms2g", CLASSES, only).threads(1));
    collect(rows, "2 threads", options(quick, seconds, "-Xms2g", "(HostFaults|FaultCosts|BareCosts)", only).threads(2));
    // Frames taken in turn from 64 MiB: what a fault zeroes or copies then comes from memory, not from a cache.
    for (int threads = 1; threads <= 2; threads++) {
      collect(rows, "64 MiB of frames, threads: " + threads,
          options(quick, seconds, "-Xms2g", "FaultCosts\\.zeroFill", only).threads(threads)
              .param("sharing", "private").param("frames", "" + BEYOND_CACHES));
    }
    // Pages of 64 bytes, so that what a fault does with a page costs nothing: on few frames, and on many within 1 GiB.
    collect(rows, "pages of 64 bytes",
        options(quick, seconds, "-Xmx1g", "FaultCosts\\.(softFault|zeroFill)", only).threads(1)
            .param("sharing", "private").param("pageSize", "" + SMALL_PAGE).param("frames", "1024", "" + MANY_FRAMES));
    return render(rows);
  }

  private static ChainedOptionsBuilder options(boolean quick, int seconds, String heap, String classes, String only) {
    return new OptionsBuilder()
        .include(pattern(classes, only))
        .forks(1)
        .warmupIterations(quick ? 1 : 4)
        .measurementIterations(quick ? 1 : 5)
        .warmupTime(quick ? TimeValue.milliseconds(100) : TimeValue.seconds(seconds))
        .measurementTime(quick ? TimeValue.milliseconds(100) : TimeValue.seconds(seconds))
        .verbosity(VerboseMode.SILENT)
        .shouldFailOnError(true)
        .jvmArgsAppend(heap, "-XX:+UseParallelGC", "-Djmh.executor=CUSTOM",
            "-Djmh.executor.class=" + StrandExecutor.class.getName());
  }

  private static void collect(List<Row> rows, String what, ChainedOptionsBuilder options) throws RunnerException {
    System.err.println("bench: " + what + " …");
    Collection<RunResult> results;
    try {
      results = new Runner(options.build()).run();
    } catch (NoBenchmarksException e) {
      return;
    }
    for (RunResult r : results) {
      BenchmarkParams p = r.getParams();
      Result<?> score = r.getPrimaryResult();
      String sharing = p.getParam("sharing");
      rows.add(
          new Row(
              p.getBenchmark().substring(PACKAGE.length()),
              sharing == null ? "" : sharing,
              p.getParam("frames") == null ? 0 : Integer.parseInt(p.getParam("frames")),
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
    b.append("| benchmark | memory | frames | threads | cost | ± |\n| --- | --- | --- | --- | --- | --- |\n");
    for (Row r : rows) {
      boolean large = r.frames == FRAMES || r.frames == BEYOND_CACHES;
      String frames = r.frames == 0 ? "" : r.frames + (large ? " of 4096 bytes" : " of 64 bytes");
      String error = Double.isNaN(r.error) ? "-" : String.format(Locale.ROOT, "%.1f", r.error);
      b.append(String.format(Locale.ROOT, "| %s | %s | %s | %d | %.1f %s | %s |%n",
          r.name, r.sharing, frames, r.threads, r.score, r.unit, error));
    }
    b.append("\n| goal | measured | met |\n| --- | --- | --- |\n");
    double zero = score(rows, "FaultCosts.zeroFill", "private", FRAMES, 1);
    double host = score(rows, "HostFaults.zeroFill", "", 0, 1);
    goal(b, "zero-fill fault at most 1/4 of the host kernel's", zero / host, "of the host's", 0.25);
    goal(b, "soft fault under 300 ns", score(rows, "FaultCosts.softFault", "private", FRAMES, 1), "ns", 300);
    goal(b, "TLB-hit load under 5 ns", score(rows, "FaultCosts.tlbHitLoad", "private", FRAMES, 1), "ns", 5);
    goal(b, "boot and end of a tiny kernel under 20 µs", score(rows, "BootCost.bootTiny", "", 0, 1), "µs", 20);
    for (String fault : List.of("zeroFill", "softFault")) {
      double few = score(rows, "FaultCosts." + fault, "private", 1024, 1);
      double many = score(rows, "FaultCosts." + fault, "private", MANY_FRAMES, 1);
      goal(b, fault + " on 1,048,576 frames (heap of 1 GiB) at most 1.5 times that on 1,024", many / few, "times", 1.5);
    }
    scaling(b, rows, "tlbHitLoad");
    scaling(b, rows, "zeroFill");
    scaling(b, rows, "softFault");
    scaling(b, rows, "copyOnWrite");
    return b.toString();
  }

  private static double score(List<Row> rows, String name, String sharing, int frames, int threads) {
    for (Row r : rows) {
      if (r.is(name, sharing, frames, threads)) {
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
    double one = score(rows, "FaultCosts." + name, "private", FRAMES, 1);
    double two = score(rows, "FaultCosts." + name, "private", FRAMES, 2);
    double factor = 2 * one / two; // average time of an operation, on two threads at once
    if (!Double.isNaN(factor)) {
      b.append(String.format(Locale.ROOT,
          "| 1.8 times the throughput with 2 threads, private memory, %s | %.2f times | %s |%n",
          name, factor, factor >= 1.8 ? "yes" : "no"));
    }
  }
}
