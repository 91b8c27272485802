package dev.faultline.vm.detect;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.WatchedTime;
import dev.faultline.vm.Kernel;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Waits until a kernel is at rest, its processes having ended or being held still: what the checks of vm-semantics 7
 * marked Q want.
 */
public final class Quiescence {
  private static final long LOOK_NANOS = 200_000;
  private static final int LOOKS = 3;

  private Quiescence() {}

  /**
   * Waits until the disk is idle, no pageout is under way or unfinished, and the daemons sleep for good: seen three
   * times in a row. The caller is a strand of the kernel's machine, outside the kernel; no process runs. A kernel that
   * has no thread, of a daemon or other, cannot begin anything: one look suffices.
   *
   * @param nanos how long to wait at most; time in which the host runs nobody does not count
   * @return whether the kernel came to rest
   */
  public static boolean await(Kernel kernel, long nanos) {
    if (isQuiet(kernel) && hasNoThread(kernel)) { // in this order: who was starting before is a thread by now
      return true;
    }
    Strand me = Strand.current();
    WatchedTime time = new WatchedTime();
    int quiet = 0;
    while (quiet < LOOKS) {
      quiet = isQuiet(kernel) ? quiet + 1 : 0;
      if (time.at(kernel.domain().strands().nanoTime()) > nanos) {
        return false;
      }
      me.parkNanos(LOOK_NANOS);
    }
    return true;
  }

  private static boolean isQuiet(Kernel kernel) {
    if (!kernel.machine().disk().idle() || kernel.swapPager().isBusy() || kernel.domain().starting() != 0) {
      return false;
    }
    AtomicBoolean asleep = new AtomicBoolean(true);
    kernel
        .domain()
        .forEachThread(
            t -> {
              if (!t.isDaemonAtRest()) {
                asleep.set(false);
              }
            });
    return asleep.get();
  }

  private static boolean hasNoThread(Kernel kernel) {
    int[] threads = {0};
    kernel.domain().forEachThread(t -> threads[0]++);
    return threads[0] == 0;
  }
}
