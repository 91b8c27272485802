package dev.faultline.stress.cli;

import dev.faultline.vm.detect.Finding;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How one run of a program ended.
 *
 * @param findings what was found wrong; nothing if the run was given up, since then nothing is known
 * @param killed pids of the processes that were killed for want of memory, in order
 * @param death what the kernel died of, or null
 * @param interrupted whether it was ended early
 */
record RunResult(
    long seed,
    List<Finding> findings,
    List<Long> killed,
    @Nullable Throwable death,
    boolean interrupted,
    RunStatistics statistics) {
  /** The {@link #word} for a run that the host could not carry. */
  static final String HOST_LIMIT = "host_limit";

  /** What to say when the heap is full; made before it is. */
  static final String OUT_OF_HEAP = "the Java heap of " + (Runtime.getRuntime().maxMemory() >> 20)
      + " MiB is full; FAULTLINE_JAVA_OPTS=-Xmx8g, say, makes it larger";

  /** Returns the result in a word: ended, finding, interrupted, or host_limit. */
  String word() {
    return hostLimit() != null ? HOST_LIMIT : !findings.isEmpty() ? "finding" : interrupted ? "interrupted" : "ended";
  }

  /** Returns what the host lacked to go on, or null if it lacked nothing. */
  @Nullable String hostLimit() {
    if (!(death instanceof OutOfMemoryError)) {
      return null;
    }
    return hostLimit(death);
  }

  /** Returns what the host lacked when it threw {@code e}; makes hardly any garbage. */
  static String hostLimit(Throwable e) {
    String what = e.getMessage();
    return what != null && what.contains("thread") ? "the host gave no more threads; each live process takes one"
        : OUT_OF_HEAP;
  }
}
