package dev.faultline.stress.cli;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jcstress.infra.TestInfo;

/**
 * How much jcstress is asked to do, so that it fits a budget.
 *
 * @param mode jcstress's preset
 * @param split whether every combination of compilers is tried on the actors, or the same one for both
 * @param oneJvm whether to run in one JVM configuration only
 * @param forks JVMs a configuration
 * @param iterations in each JVM
 * @param millis of each iteration
 * @param jvms JVMs in all, about
 */
record JcstressPlan(Mode mode, boolean split, boolean oneJvm, int forks, int iterations, int millis, int jvms) {
  /** jcstress's presets. */
  enum Mode {
    SANITY(1, 1, 10),
    QUICK(1, 5, 200),
    DEFAULT(1, 5, 1000),
    TOUGH(10, 10, 1000);

    private final int forks;
    private final int iterations;
    private final int millis; // of sanity jcstress makes 0, in which a Termination test has no sample

    Mode(int forks, int iterations, int millis) {
      this.forks = forks;
      this.iterations = iterations;
      this.millis = millis;
    }
  }

  private static final int MILLIS_MIN = 10;
  private static final int BIASED_LOCKING_ENDS = 18; // up to JDK 17 each configuration comes with and without it

  /**
   * Makes the most of a budget: the preset as it is if it fits; else shorter iterations, else fewer of them, else fewer
   * configurations.
   *
   * @param tests what is to run
   * @param onlyOneJvm whether one configuration is enough
   * @param budgetMillis for everything
   * @param startMillis what starting and ending a JVM takes
   */
  static JcstressPlan fit(
      Mode mode, Collection<TestInfo> tests, boolean onlyOneJvm, long budgetMillis, long startMillis) {
    JcstressPlan last = null;
    for (boolean oneJvm : onlyOneJvm ? new boolean[] {true} : new boolean[] {false, true}) {
      for (boolean split : mode == Mode.SANITY || oneJvm ? new boolean[] {false} : new boolean[] {true, false}) {
        int configurations = jvms(tests, split, oneJvm);
        for (int forks = mode.forks; forks >= 1; forks = forks > 1 ? 1 : 0) {
          for (int iterations = mode.iterations; iterations >= 1; iterations = iterations > 1 ? 1 : 0) {
            long runs = Math.max(1, (long) configurations * forks);
            long each = (budgetMillis / runs - startMillis) / iterations;
            int millis = (int) Math.min(mode.millis, Math.max(MILLIS_MIN, each));
            last = new JcstressPlan(mode, split, oneJvm, forks, iterations, millis, (int) runs);
            if (each >= Math.min(mode.millis, MILLIS_MIN)) {
              return last;
            }
          }
        }
      }
    }
    if (last == null) {
      throw new IllegalStateException("no plan for " + mode);
    }
    return last;
  }

  /** Returns how many JVMs jcstress 0.16 starts for one fork of each configuration of these tests. */
  private static int jvms(Collection<TestInfo> tests, boolean split, boolean oneJvm) {
    int variants = Runtime.version().feature() < BIASED_LOCKING_ENDS ? 2 : 1;
    int total = 0;
    for (TestInfo t : tests) {
      int all = pow(3, t.threads()); // interpreter, C1, C2
      int withC2 = all - pow(2, t.threads());
      total += oneJvm ? 1 : split ? all + withC2 : 4; // unsplit: each compiler, and C2 shuffled
    }
    return total * variants;
  }

  private static int pow(int base, int exponent) {
    int p = 1;
    for (int i = 0; i < exponent; i++) {
      p *= base;
    }
    return p;
  }

  /** Returns jcstress's options for this. */
  List<String> options() {
    List<String> options = new ArrayList<>(
        List.of(
            "-m", mode.name().toLowerCase(Locale.ROOT),
            "-sc", String.valueOf(split),
            "-f", String.valueOf(forks),
            "-fsm", "1",
            "-iters", String.valueOf(iterations),
            "-time", String.valueOf(millis)));
    if (oneJvm) {
      options.addAll(List.of("-jvmArgs", "-Xmx256m"));
    }
    return options;
  }

  @Override
  public String toString() {
    return mode.name().toLowerCase(Locale.ROOT) + ": about " + jvms + " JVMs, " + iterations + " x " + millis
        + " ms each" + (split ? "" : ", actors compiled alike") + (oneJvm ? ", one JVM configuration" : "");
  }
}
