package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Waiting for memory and the daemon's sleep: R8, R9, R10 (vm-semantics 5.7, I-58, I-59). */
@Timeout(120)
final class VmWaitTest {
  private static final int MIN = 8;

  private static Bed bed(Mode mode) {
    Bed bed = Bed.builder().mode(mode).frames(32).thresholds(2, 4, 6, MIN, 10).build();
    bed.freeList.stopDaemon(); // no daemon: nobody but the one under test wakes anybody
    return bed;
  }

  private static Bed bed() {
    return bed(Mode.FIXED);
  }

  private static Bed.Actor waiter(Bed bed) {
    long gen = bed.freeList.generation();
    return bed.startAsleep("waiter", bed.freeList.freeChannel, () -> bed.freeList.waitForMemory(gen, false));
  }

  /** Fills memory until {@code free} frames are left. */
  private static VmObject fill(Bed bed, int free) {
    VmObject o = bed.object(64);
    for (int i = 0; bed.freeList.freeCount() > free; i++) {
      bed.put(o, i, i);
    }
    return o;
  }

  @Test
  void wait_doesNotSleep_ifSomethingWasFreedSinceTheFailure() { // R9, first half
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 0);
      VmObject mine = bed.object(1);
      mine.lock.lock();
      assertThat(bed.pages.alloc(mine, 0, AllocClass.NORMAL)).isNull();
      mine.lock.unlock();
      long gen = bed.self.memoryGen;
      bed.free(bed.page(o, 0)); // before the sleep: nobody is awake to tell us later
      bed.start("late", () -> bed.freeList.waitForMemory(gen, false)).join();
      o.deallocate();
      mine.deallocate();
    }
  }

  @Test
  void wait_doesNotSleep_ifSomethingWasCachedSinceTheFailure() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 0);
      long gen = bed.freeList.generation();
      o.lock.lock();
      VmPage m = bed.pages.lookup(o, 0);
      m.clearDirty(VmPage.ALL_CHUNKS);
      bed.queues.lock.lock();
      assertThat(bed.pages.cacheLocked(m)).isTrue();
      bed.queues.lock.unlock();
      o.lock.unlock();
      bed.start("late", () -> bed.freeList.waitForMemory(gen, false)).join();
      o.deallocate();
    }
  }

  @Test
  void wait_doesNotSleep_ifADaemonPassEndedSinceTheFailure() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 0);
      long gen = bed.freeList.generation();
      bed.freeList.wakeWaiters();
      bed.start("late", () -> bed.freeList.waitForMemory(gen, false)).join();
      o.deallocate();
    }
  }

  /** The failure's generation is read in the hold of F that decided it: a free right after it ends the wait. */
  @Test
  void refusal_carriesTheGenerationOfItsDecision() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 0);
      VmObject mine = bed.object(1);
      for (int i = 0; i < 3; i++) {
        long before = bed.freeList.generation();
        mine.lock.lock();
        assertThat(bed.pages.alloc(mine, 0, AllocClass.NORMAL)).isNull();
        mine.lock.unlock();
        assertThat(bed.self.memoryGen).isEqualTo(before);
        bed.free(bed.page(o, i));
        assertThat(bed.freeList.generation()).isGreaterThan(bed.self.memoryGen);
        bed.put(o, i, i);
      }
      o.deallocate();
      mine.deallocate();
    }
  }

  @Test
  void free_wakesWaiters_whenFreeAndCacheReachTheMinimum() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, MIN - 2);
      Bed.Actor a = waiter(bed);
      Bed.Actor b = waiter(bed);
      bed.free(bed.page(o, 0));
      assertThat(bed.sleepers(bed.freeList.freeChannel)).as("one below the minimum").isEqualTo(2);
      bed.free(bed.page(o, 1));
      a.join();
      b.join();
      o.deallocate();
    }
  }

  /** Waiters may exist though memory is beyond the minimum: then no free ever makes it equal (R8). */
  @Test
  void free_wakesWaiters_whoseMemoryIsBeyondTheMinimum() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, MIN + 3);
      Bed.Actor a = waiter(bed);
      bed.free(bed.page(o, 0));
      a.join();
      Bed.Actor b = waiter(bed);
      o.lock.lock();
      VmPage m = bed.pages.lookup(o, Bed.PAGE);
      m.clearDirty(VmPage.ALL_CHUNKS);
      bed.queues.lock.lock();
      assertThat(bed.pages.cacheLocked(m)).isTrue();
      bed.queues.lock.unlock();
      o.lock.unlock();
      b.join();
      o.deallocate();
    }
  }

  /** Two frees at a time step over any single value. */
  @Test
  void free_wakesWaiters_whenTwoThreadsFreeAtOnce() {
    try (Bed bed = bed()) {
      VmObject left = bed.object(64);
      VmObject right = bed.object(64);
      for (int round = 0; round < 300; round++) {
        for (int i = 0; bed.freeList.freeCount() > MIN - 2; i++) {
          bed.put(i % 2 == 0 ? left : right, i, i);
        }
        Bed.Actor waiter = waiter(bed);
        VmPage l = left.firstPage();
        VmPage r = right.firstPage();
        AtomicInteger ready = new AtomicInteger();
        Bed.Actor a = bed.start("left", () -> freeTogether(bed, l, ready));
        Bed.Actor b = bed.start("right", () -> freeTogether(bed, r, ready));
        a.join();
        b.join();
        waiter.join();
      }
      left.deallocate();
      right.deallocate();
    }
  }

  private static void freeTogether(Bed bed, VmPage m, AtomicInteger ready) {
    ready.incrementAndGet();
    while (ready.get() < 2) {
      Thread.onSpinWait();
    }
    bed.free(m);
  }

  @Test
  void wait_kicksTheDaemon() {
    try (Bed bed = bed()) {
      AtomicBoolean stop = new AtomicBoolean();
      bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true)).join();
      Bed.Actor daemon = bed.startDaemon(() -> bed.freeList.daemonSleep(stop::get));
      bed.until("daemon sleeps", () -> daemon.sleepsOn(bed.freeList.daemonChannel));
      Bed.Actor a = waiter(bed);
      daemon.join();
      bed.freeList.wakeWaiters();
      a.join();
    }
  }

  /** The daemon finds memory fine though pages are wanted: it takes the flag back, so it must wake them (R9). */
  @Test
  void daemonSleep_wakesWaiters_whenMemoryIsFineAlready() {
    try (Bed bed = bed()) {
      Bed.Actor a = waiter(bed); // 32 frames free, and yet it waits
      AtomicBoolean stop = new AtomicBoolean();
      Bed.Actor daemon = bed.startDaemon(() -> bed.freeList.daemonSleep(stop::get));
      a.join();
      bed.until("daemon sleeps", () -> daemon.sleepsOn(bed.freeList.daemonChannel));
      stop.set(true);
      bed.freeList.wakeDaemonForCompletion();
      daemon.join();
    }
  }

  /**
   * R10: a completion between the daemon's last look and its sleep is not slept through, however plentiful memory is.
   */
  @Test
  void daemonSleep_missesNoCompletion() {
    int rounds = 50;
    try (Bed bed = bed()) {
      AtomicInteger done = new AtomicInteger(); // what iodone has queued, under S in the kernel
      AtomicInteger finished = new AtomicInteger();
      AtomicInteger looked = new AtomicInteger();
      bed.startDaemon(
          () -> {
            while (finished.get() < rounds) {
              bed.freeList.daemonSleep(
                  () -> {
                    boolean more = done.get() > finished.get();
                    if (!more) {
                      looked.set(done.get() + 1); // the completion comes now, before the daemon sleeps
                      long until = bed.strands.nanoTime() + 200_000;
                      while (bed.strands.nanoTime() < until) {
                        Thread.onSpinWait();
                      }
                    }
                    return more;
                  });
              finished.set(done.get());
            }
          });
      bed.start(
              "interrupt",
              () -> {
                for (int i = 1; i <= rounds; i++) {
                  for (int n = 0; looked.get() < i; n++) {
                    KThread.current().strand().pause(n % 100);
                  }
                  done.set(i);
                  bed.freeList.wakeDaemonForCompletion();
                }
              })
          .join();
    }
  }

  @Test
  void daemonPause_endsAfterATick_orWithWork() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 2);
      bed.startDaemon(() -> bed.freeList.daemonPause(() -> false)).join();
      bed.startDaemon(() -> bed.freeList.daemonPause(() -> true)).join();
      o.deallocate();
      bed.startDaemon(() -> bed.freeList.daemonPause(() -> false)).join(); // memory is fine
    }
  }

  @Test
  void wait_ends_whenTheProcessIsKilled_ifItMayBe() {
    try (Bed bed = bed()) {
      long gen = bed.freeList.generation();
      Bed.Actor killable =
          bed.startAsleep("killable", bed.freeList.freeChannel, () -> bed.freeList.waitForMemory(gen, true));
      KThread t = killable.thread();
      assertThat(t).isNotNull();
      t.kill();
      bed.freeList.wakeWaiters();
      killable.join();
      bed.start(
              "dead already",
              () -> {
                KThread.current().kill();
                bed.freeList.waitForMemory(bed.freeList.generation(), true);
              })
          .join();
      long now = bed.freeList.generation();
      Bed.Actor deaf =
          bed.startAsleep(
              "deaf",
              bed.freeList.freeChannel,
              () -> {
                KThread.current().kill();
                bed.freeList.waitForMemory(now, false);
              });
      bed.freeList.wakeWaiters();
      deaf.join();
    }
  }

  @Test
  void firstKick_startsTheDaemon_once() {
    try (Bed bed = Bed.builder().frames(32).thresholds(2, 4, 6, MIN, 10).build()) {
      AtomicInteger starts = new AtomicInteger();
      bed.freeList.setDaemonStarter(starts::incrementAndGet);
      VmObject o = bed.object(64);
      for (int i = 0; i < 32; i++) {
        bed.put(o, i, i);
      }
      bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true)).join(); // takes the flag back
      bed.freeList.wakeDaemon();
      assertThat(starts.get()).isEqualTo(1);
      o.deallocate();
    }
  }

  /** The daemon's own requests must not keep it awake for ever. */
  @Test
  void wakeDaemon_doesNothing_whenTheDaemonCalls() {
    try (Bed bed = bed()) {
      VmObject o = fill(bed, 2);
      bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true)).join(); // takes back what the filling asked for
      bed.startDaemon(
              () -> {
                bed.freeList.wakeDaemon();
                int[] looks = new int[1];
                bed.freeList.daemonSleep(() -> looks[0]++ == 0);
                assertThat(looks[0]).as("asked for work, as nothing was needed").isEqualTo(1);
              })
          .join();
      o.deallocate();
    }
  }

  /** More threads than frames, and a daemon that frees nothing: one lost wakeup and somebody sleeps for ever. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void nobodySleepsForEver_inASqueeze(Mode mode) {
    int threads = 5;
    int rounds = 4_000;
    try (Bed bed = Bed.builder().mode(mode).frames(4).build()) {
      AtomicBoolean stop = new AtomicBoolean();
      AtomicInteger running = new AtomicInteger(threads);
      bed.freeList.setDaemonStarter(
          () ->
              bed.startDaemon(
                  () -> {
                    while (!stop.get()) {
                      bed.freeList.daemonSleep(stop::get);
                      bed.freeList.wakeWaiters();
                    }
                  }));
      List<Bed.Actor> actors = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        VmObject o = bed.object(1);
        actors.add(
            bed.start(
                "user" + i,
                () -> {
                  KThread t = KThread.current();
                  for (int n = 0; n < rounds; ) {
                    o.lock.lock();
                    VmPage m = bed.pages.alloc(o, 0, AllocClass.NORMAL);
                    o.lock.unlock();
                    if (m == null) {
                      bed.freeList.waitForMemory(t.memoryGen, false);
                      continue;
                    }
                    n++;
                    if (n % 8 == 0) {
                      bed.domain.token().leave();
                      Thread.yield();
                      bed.domain.token().enter();
                    }
                    o.lock.lock();
                    bed.pages.freeBusy(m);
                    o.lock.unlock();
                  }
                  o.deallocate();
                  running.decrementAndGet();
                }));
      }
      actors.forEach(Bed.Actor::join);
      stop.set(true);
      bed.freeList.stopDaemon();
    }
  }
}
