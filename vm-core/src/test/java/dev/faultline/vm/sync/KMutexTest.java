package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.bed.Bed;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernel mutex and the token of UP mode. */
@Timeout(60)
final class KMutexTest {
  private static final int ROUNDS = 200_000;

  private int counter; // guarded by the lock under test: lost updates show

  private void race(Bed bed, Runnable body) {
    AtomicInteger ready = new AtomicInteger();
    Runnable together =
        () -> {
          ready.incrementAndGet();
          while (ready.get() < 2) {
            Thread.onSpinWait();
          }
          body.run();
        };
    Bed.Actor a = bed.start("a", together);
    Bed.Actor b = bed.start("b", together);
    a.join();
    b.join();
  }

  @Test
  void lock_excludes_inFixedMode() {
    try (Bed bed = Bed.of(4)) {
      KMutex m = new KMutex(bed.domain, LockRank.OBJECT, "m");
      race(
          bed,
          () -> {
            for (int i = 0; i < ROUNDS; i++) {
              m.lock();
              counter++;
              m.unlock();
            }
          });
      assertThat(counter).isEqualTo(2 * ROUNDS);
    }
  }

  @Test
  void tryLock_excludes_inFixedMode() {
    try (Bed bed = Bed.of(4)) {
      KMutex m = new KMutex(bed.domain, LockRank.OBJECT, "m");
      AtomicInteger gained = new AtomicInteger();
      race(
          bed,
          () -> {
            for (int i = 0; i < ROUNDS; i++) {
              if (m.tryLock()) {
                counter++;
                gained.incrementAndGet();
                m.unlock();
              }
            }
          });
      assertThat(counter).isEqualTo(gained.get()).isPositive();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"UP", "NAIVE"})
  void ordinaryMutexes_doNothing_whereTheModeHasNone(Mode mode) {
    try (Bed bed = Bed.builder().mode(mode).frames(4).build()) {
      KMutex m = new KMutex(bed.domain, LockRank.OBJECT, "m");
      m.lock();
      m.lock(); // would refuse if it were real
      assertThat(m.tryLock()).isTrue();
      assertThat(m.owner()).isNull();
      assertThat(m.isHeld()).as("for assertions").isTrue();
      assertThat(m.isNotHeld()).as("for assertions").isTrue();
      m.unlock();
    }
  }

  @ParameterizedTest
  @EnumSource
  void alwaysReal_excludesInEveryMode(Mode mode) {
    try (Bed bed = Bed.builder().mode(mode).frames(4).build()) {
      KMutex m = KMutex.alwaysReal(bed.domain, LockRank.LEAF, "m");
      m.lock();
      assertThat(m.isHeld()).isTrue();
      assertThat(m.isNotHeld()).isFalse();
      assertThat(m.tryLock()).as("by the holder itself").isFalse();
      AtomicBoolean gained = new AtomicBoolean();
      bed.start("other", () -> gained.set(m.tryLock())).join();
      assertThat(gained).isFalse();
      m.unlock();
      assertThat(m.isHeld()).isFalse();
      assertThat(m.isNotHeld()).isTrue();
    }
  }

  @Test
  void unlock_refusesWhoDoesNotHold() {
    try (Bed bed = Bed.of(4)) {
      KMutex m = new KMutex(bed.domain, LockRank.OBJECT, "m");
      assertThatThrownBy(m::unlock).hasMessageContaining("OBJECT(m)");
    }
  }

  @Test
  void waysOfJavaThatTheKernelLacks_areRefused() {
    try (Bed bed = Bed.of(4)) {
      KMutex m = new KMutex(bed.domain, LockRank.OBJECT, "m");
      assertThatThrownBy(() -> m.tryLock(1, TimeUnit.SECONDS)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(m::lockInterruptibly).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(m::newCondition).isInstanceOf(IllegalStateException.class);
    }
  }

  /** In UP mode the token does what the mutexes do elsewhere: one kernel thread at a time. */
  @Test
  void token_excludes_inUpMode() {
    try (Bed bed = Bed.builder().mode(Mode.UP).frames(4).build()) {
      AtomicInteger inside = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      for (int i = 0; i < 3; i++) {
        bed.start(
            "kernel",
            () -> {
              for (int n = 0; n < 20_000; n++) {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                counter++;
                inside.decrementAndGet();
                bed.domain.token().leave();
                bed.domain.token().enter();
              }
            });
      }
    }
    assertThat(counter).isEqualTo(60_000);
  }

  @Test
  void token_doesNothing_inTheOtherModes() {
    try (Bed bed = Bed.of(4)) {
      KernelToken token = bed.domain.token();
      token.enter();
      token.enter();
      assertThat(token.isHeld()).isTrue();
      token.leave();
    }
  }
}
