package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What each historical switch of the waits for memory breaks, by the schedule that its race needs, and that the kernel
 * without it does not break there: R8, R9, R10 and 5.7.
 */
@Timeout(60)
final class MemoryWaitDefectsTest {
  private static final int MIN = 8;

  private static Bed bed(Set<Defect> defects) {
    Bed bed = Bed.builder().frames(32).thresholds(2, 4, 6, MIN, 10).defects(defects).build();
    bed.freeList.setDaemonStarter(() -> {}); // nobody but the one under test wakes anybody
    bed.freeList.wakeDaemonForCompletion(); // the first kick starts the daemon, later ones wake it
    return bed;
  }

  private static void fill(Bed bed, VmObject o, int free) {
    for (int i = 0; bed.freeList.freeCount() > free; i++) {
      bed.put(o, i, i);
    }
  }

  /** Frees a page while somebody waits though memory is beyond the minimum; returns whether he sleeps on. */
  private static boolean sleepsOnAfterAFree(Set<Defect> defects) {
    try (Bed bed = bed(defects)) {
      VmObject o = bed.object(64);
      fill(bed, o, MIN + 3);
      long gen = bed.freeList.generation();
      Bed.Actor a =
          bed.startAsleep("waiter", bed.freeList.freeChannel, () -> bed.freeList.waitForMemory(gen, false));
      bed.free(bed.page(o, 0));
      boolean asleep = bed.sleepers(bed.freeList.freeChannel) == 1;
      bed.freeList.wakeWaiters();
      a.join();
      o.deallocate();
      return asleep;
    }
  }

  @Test
  void eqWake_freeBeyondTheMinimum_wakesNobody() {
    assertThat(sleepsOnAfterAFree(EnumSet.of(Defect.H_EQWAKE))).isTrue();
    assertThat(sleepsOnAfterAFree(EnumSet.noneOf(Defect.class))).isFalse();
  }

  @Test
  void uncondWait_pageFreedBetweenFailureAndSleep_isSleptThrough() {
    try (Bed bed = bed(EnumSet.of(Defect.H_UNCOND_WAIT))) {
      VmObject o = bed.object(64);
      fill(bed, o, 0);
      long failed = bed.freeList.generation();
      bed.free(bed.page(o, 0));
      Bed.Actor late =
          bed.startAsleep("late", bed.freeList.freeChannel, () -> bed.freeList.waitForMemory(failed, false));
      bed.freeList.wakeWaiters();
      late.join();
      o.deallocate();
    }
  }

  @Test
  void uncondWait_daemonThatFindsMemoryFine_leavesTheSleepersAsleep() {
    try (Bed bed = bed(EnumSet.of(Defect.H_UNCOND_WAIT))) {
      long gen = bed.freeList.generation();
      Bed.Actor a =
          bed.startAsleep("waiter", bed.freeList.freeChannel, () -> bed.freeList.waitForMemory(gen, false));
      AtomicBoolean stop = new AtomicBoolean();
      Bed.Actor daemon = bed.startDaemon(() -> bed.freeList.daemonSleep(stop::get));
      bed.until("daemon sleeps", () -> daemon.sleepsOn(bed.freeList.daemonChannel));
      assertThat(bed.sleepers(bed.freeList.freeChannel)).isEqualTo(1);
      stop.set(true);
      bed.freeList.wakeDaemonForCompletion();
      daemon.join();
      bed.freeList.wakeWaiters();
      a.join();
    }
  }

  @Test
  void doneSleep_completionBeforeTheSleep_isSleptThrough() {
    try (Bed bed = bed(EnumSet.of(Defect.H_DONE_SLEEP))) {
      Bed.Actor daemon = bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true));
      bed.until("daemon sleeps", () -> daemon.sleepsOn(bed.freeList.daemonChannel));
      bed.freeList.wakeDaemonForCompletion(); // any later one wakes it
      daemon.join();
    }
    try (Bed bed = bed(EnumSet.noneOf(Defect.class))) {
      bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true)).join();
    }
  }

  @Test
  void killWait_victimOfTheDaemon_sleepsOn() {
    try (Bed bed = bed(EnumSet.of(Defect.H_KILLWAIT))) {
      Bed.Actor victim =
          bed.startAsleep(
              "victim",
              bed.freeList.freeChannel,
              () -> {
                KThread.current().kill();
                bed.freeList.waitForMemory(bed.freeList.generation(), true);
              });
      bed.freeList.wakeWaiters();
      victim.join();
    }
  }
}
