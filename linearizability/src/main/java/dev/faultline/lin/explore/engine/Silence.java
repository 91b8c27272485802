package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.WatchedTime;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import org.jspecify.annotations.Nullable;

/** Watches for strands that have the turn and make no step, and tells those at fault from those without a processor. */
final class Silence {
  /*
   * Implementation overview
   *
   * At fault    A strand that waits for something of the host's, or has used its patience up in processor time.
   * Starved     One that has not noticed yet that it has the turn, or could run and does not: on a busy machine that
   *             takes seconds. Not for ever: what blocks in native code looks the same.
   */
  private static final int STARVED_MAX = 12; // times the patience

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final long patienceNanos; // (C)
  private final WatchedTime time; // of a pause of the host little counts
  private long steps = -1;
  private long sinceNanos;
  private long usedNanos; // by the thread that had the turn, when silence began
  private @Nullable ControlledStrand who;

  Silence(long patienceNanos) {
    this.patienceNanos = patienceNanos;
    time = new WatchedTime(patienceNanos / 2);
  }

  /** Looks again; returns whether the strand is at fault. */
  boolean isEscape(long stepsNow, @Nullable ControlledStrand running) {
    long now = time.at(System.nanoTime());
    Carrier c = running == null ? null : running.carrier;
    long used = c == null ? 0 : THREADS.getThreadCpuTime(c.host().getId());
    if (stepsNow != steps || running != who) {
      steps = stepsNow;
      who = running;
      sinceNanos = now;
      usedNanos = used;
      return false;
    }
    Thread.State state = c == null || running == null || running.go ? Thread.State.RUNNABLE : c.thread.getState();
    return isEscape(state, patienceNanos, now - sinceNanos, used - usedNanos);
  }

  /**
   * Returns whether a strand is at fault.
   *
   * @param state of its thread
   * @param patience in nanoseconds
   * @param silent nanoseconds without a step
   * @param used nanoseconds of a processor in that time
   */
  static boolean isEscape(Thread.State state, long patience, long silent, long used) {
    if (state == Thread.State.RUNNABLE && used < patience) {
      return silent >= STARVED_MAX * patience;
    }
    return silent >= patience;
  }
}
