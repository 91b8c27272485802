package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.bed.Bed;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The vnode lock. */
@Timeout(60)
final class SleepLockTest {
  private int counter; // guarded by the lock under test

  @ParameterizedTest
  @EnumSource
  void lock_excludes_inEveryMode(Mode mode) {
    int rounds = 20_000;
    try (Bed bed = Bed.builder().mode(mode).frames(4).build()) {
      SleepLock lock = new SleepLock(bed.domain, "v", 1);
      for (int i = 0; i < 3; i++) {
        bed.start(
            "user",
            () -> {
              for (int n = 0; n < rounds; n++) {
                lock.lock();
                int seen = counter;
                if (n % 16 == 0) {
                  Thread.yield(); // lets the others run into the lock, and go to sleep for it
                }
                counter = seen + 1;
                lock.unlock();
              }
            });
      }
    }
    assertThat(counter).isEqualTo(3 * rounds);
  }

  @Test
  void lock_isRecursiveForItsOwner_andFreeAfterTheLastUnlock() {
    try (Bed bed = Bed.of(4)) {
      SleepLock lock = new SleepLock(bed.domain, "v", 1);
      lock.lock();
      lock.lock();
      assertThat(lock.tryLock()).isTrue();
      Bed.Actor other =
          bed.startAsleep(
              "other",
              lock,
              () -> {
                lock.lock();
                lock.unlock();
              });
      lock.unlock();
      lock.unlock();
      assertThat(lock.isHeld()).isTrue();
      assertThat(other.isDone()).isFalse();
      lock.unlock();
      other.join();
      assertThat(lock.isHeld()).isFalse();
      assertThat(lock.isIdle()).isTrue();
    }
  }

  @Test
  void lock_isKeptAcrossASleep() {
    NamedChannel channel = new NamedChannel("io", 3);
    try (Bed bed = Bed.of(4)) {
      SleepLock lock = new SleepLock(bed.domain, "v", 1);
      Bed.Actor holder =
          bed.startAsleep(
              "holder",
              channel,
              () -> {
                lock.lock();
                bed.domain.sleepQueues().sleepOn(channel, null, "io");
                lock.unlock();
              });
      assertThat(lock.tryLock()).isFalse();
      bed.domain.sleepQueues().wakeup(channel);
      holder.join();
      assertThat(lock.tryLock()).isTrue();
      lock.unlock();
    }
  }

  @Test
  void unlock_panics_forAnyoneElse() {
    try (Bed bed = Bed.of(4)) {
      SleepLock lock = new SleepLock(bed.domain, "v", 1);
      assertThatThrownBy(lock::unlock).isInstanceOf(KernelPanic.class);
      lock.lock();
      AtomicBoolean panicked = new AtomicBoolean();
      bed.start(
              "thief",
              () -> {
                try {
                  lock.unlock();
                } catch (KernelPanic e) {
                  panicked.set(true);
                }
              })
          .join();
      assertThat(panicked).isTrue();
      lock.unlock();
    }
  }

  /** Everybody who waits is woken and one of them gets the lock: none stays asleep on a free lock. */
  @Test
  void unlock_leavesNobodyAsleepOnAFreeLock() {
    try (Bed bed = Bed.of(4)) {
      SleepLock lock = new SleepLock(bed.domain, "v", 1);
      for (int n = 0; n < 100; n++) {
        lock.lock();
        Runnable once =
            () -> {
              lock.lock();
              lock.unlock();
            };
        Bed.Actor a = bed.startAsleep("a", lock, once);
        Bed.Actor b = bed.startAsleep("b", lock, once);
        lock.unlock();
        a.join();
        b.join();
      }
    }
  }
}
