package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.bed.Bed;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** tsleep and wakeup (vm-semantics 3.1, 5.3). */
@Timeout(120)
final class SleepQueuesTest {
  private static final NamedChannel CHANNEL = new NamedChannel("channel", 2);
  private static final NamedChannel NEIGHBOUR = new NamedChannel("neighbour", 4); // the same bucket

  private int turn; // guarded by the interlock, or by the token

  /**
   * Two threads wake each other in turn: one wakeup lost, by the gap between test and sleep, and both sleep for ever.
   */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void wakeup_isNeverLost_inALongPingPong(Mode mode) {
    int rounds = 40_000;
    try (Bed bed = Bed.builder().mode(mode).frames(4).build()) {
      KMutex interlock = new KMutex(bed.domain, LockRank.OBJECT, "interlock");
      SleepQueues queues = bed.domain.sleepQueues();
      for (int i = 0; i < 2; i++) {
        int mine = i;
        bed.start(
            "player" + i,
            () -> {
              for (int n = 0; n < rounds; n++) {
                interlock.lock();
                while (turn % 2 != mine) {
                  queues.sleepOn(CHANNEL, interlock, "turn");
                  interlock.lock();
                }
                turn++;
                boolean under = n % 2 == 0; // right before or right after unlocking: both are allowed (5.3 rule 1)
                if (under) {
                  queues.wakeup(CHANNEL);
                }
                interlock.unlock();
                if (!under) {
                  queues.wakeup(CHANNEL);
                }
              }
            });
      }
    }
    assertThat(turn).isEqualTo(2 * rounds);
  }

  @Test
  void sleepOn_letsGoOfTheInterlock_andDoesNotTakeItAgain() {
    try (Bed bed = Bed.of(4)) {
      KMutex interlock = new KMutex(bed.domain, LockRank.OBJECT, "interlock");
      Bed.Actor sleeper =
          bed.startAsleep(
              "sleeper",
              CHANNEL,
              () -> {
                interlock.lock();
                bed.domain.sleepQueues().sleepOn(CHANNEL, interlock, "why");
                assertThat(interlock.isNotHeld()).isTrue();
              });
      assertThat(sleeper.thread()).isNotNull();
      assertThat(sleeper.thread().sleepTag()).isEqualTo("why");
      assertThat(interlock.tryLock()).isTrue();
      interlock.unlock();
      bed.domain.sleepQueues().wakeup(CHANNEL);
      sleeper.join();
    }
  }

  @Test
  void wakeup_wakesAll_andNobodyOnAnotherChannel() {
    try (Bed bed = Bed.of(4)) {
      SleepQueues queues = bed.domain.sleepQueues();
      List<Bed.Actor> mine = new ArrayList<>();
      List<Bed.Actor> others = new ArrayList<>();
      for (int i = 0; i < 4; i++) { // interleaved in one bucket
        mine.add(bed.startAsleep("mine" + i, CHANNEL, () -> queues.sleepOn(CHANNEL, null, "test")));
        others.add(bed.startAsleep("other" + i, NEIGHBOUR, () -> queues.sleepOn(NEIGHBOUR, null, "test")));
      }
      queues.wakeup(CHANNEL);
      mine.forEach(Bed.Actor::join);
      assertThat(bed.sleepers(NEIGHBOUR)).isEqualTo(4);
      assertThat(others).noneMatch(Bed.Actor::isDone);
      queues.wakeup(NEIGHBOUR);
      others.forEach(Bed.Actor::join);
    }
  }

  @Test
  void wakeup_remembersNothing() {
    try (Bed bed = Bed.of(4)) {
      SleepQueues queues = bed.domain.sleepQueues();
      queues.wakeup(CHANNEL);
      Bed.Actor late = bed.startAsleep("late", CHANNEL, () -> queues.sleepOn(CHANNEL, null, "test"));
      queues.wakeup(CHANNEL);
      late.join();
    }
  }

  @Test
  void sleepOn_timesOut() {
    try (Bed bed = Bed.of(4)) {
      long before = bed.domain.clock().now();
      assertThat(bed.domain.sleepQueues().sleepOn(CHANNEL, null, "nap", 2)).isTrue();
      assertThat(bed.domain.clock().now() - before).isGreaterThanOrEqualTo(1);
      assertThat(bed.sleepers(CHANNEL)).isZero();
    }
  }

  @Test
  void sleepOn_saysThatItWasWoken_beforeItsTimeWasUp() {
    try (Bed bed = Bed.of(4)) {
      AtomicInteger timedOut = new AtomicInteger(-1);
      Bed.Actor a =
          bed.startAsleep(
              "sleeper",
              CHANNEL,
              () -> timedOut.set(bed.domain.sleepQueues().sleepOn(CHANNEL, null, "nap", 100_000) ? 1 : 0));
      bed.domain.sleepQueues().wakeup(CHANNEL);
      a.join();
      assertThat(timedOut.get()).isZero();
    }
  }

  /** A timeout takes its own thread off the queue and leaves the others in their places. */
  @Test
  void timeout_leavesTheOtherSleepersOfTheBucket() {
    try (Bed bed = Bed.of(4)) {
      SleepQueues queues = bed.domain.sleepQueues();
      List<Bed.Actor> stay = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        stay.add(bed.startAsleep("stay" + i, CHANNEL, () -> queues.sleepOn(CHANNEL, null, "test")));
        bed.start("nap" + i, () -> assertThat(queues.sleepOn(CHANNEL, null, "nap", 1)).isTrue()).join();
      }
      assertThat(bed.sleepers(CHANNEL)).isEqualTo(3);
      queues.wakeup(CHANNEL);
      stay.forEach(Bed.Actor::join);
    }
  }

  /**
   * Wakeup and timeout race for one sleeper: exactly one gets it, and a timeout that comes too late must not end the
   * sleep that follows, on the same channel, which has no limit.
   */
  @Test
  void timeoutAndWakeup_race_withoutTouchingTheNextSleep() {
    int rounds = 300;
    try (Bed bed = Bed.builder().frames(4).tickNanos(50_000).build()) {
      SleepQueues queues = bed.domain.sleepQueues();
      KMutex interlock = new KMutex(bed.domain, LockRank.OBJECT, "interlock");
      AtomicInteger timeouts = new AtomicInteger();
      int[] phase = new int[1]; // guarded by interlock: 2n sleeping with a limit, 2n + 1 without
      Bed.Actor sleeper =
          bed.start(
              "sleeper",
              () -> {
                for (int n = 0; n < rounds; n++) {
                  interlock.lock();
                  if (queues.sleepOn(CHANNEL, interlock, "limited", 1)) {
                    timeouts.incrementAndGet();
                  }
                  interlock.lock();
                  phase[0] = 2 * n + 1;
                  while (phase[0] == 2 * n + 1) {
                    assertThat(queues.sleepOn(CHANNEL, interlock, "unlimited", 0)).as("woken, not timed out").isFalse();
                    interlock.lock();
                  }
                  interlock.unlock();
                }
              });
      for (int n = 0; n < rounds; n++) {
        long until = bed.strands.nanoTime() + (n * 700L) % 150_000;
        while (bed.strands.nanoTime() < until) {
          Thread.onSpinWait();
        }
        queues.wakeup(CHANNEL); // may come before the sleep, in it, or with the timeout
        int wanted = 2 * n + 1;
        bed.until(
            "the second sleep of round " + n,
            () -> {
              interlock.lock();
              boolean there = phase[0] == wanted;
              interlock.unlock();
              return there && sleeper.sleepsOn(CHANNEL) && "unlimited".equals(sleeper.thread().sleepTag());
            });
        interlock.lock();
        phase[0]++;
        interlock.unlock();
        queues.wakeup(CHANNEL);
      }
      sleeper.join();
      assertThat(timeouts.get()).as("timeouts among %d sleeps", rounds).isBetween(0, rounds);
    }
  }

  @Test
  void sleepOn_givesUpTheToken_andHasItAgain() {
    try (Bed bed = Bed.builder().mode(Mode.UP).frames(4).build()) {
      KernelToken token = bed.domain.token();
      Bed.Actor a =
          bed.startAsleep(
              "sleeper",
              CHANNEL,
              () -> {
                bed.domain.sleepQueues().sleepOn(CHANNEL, null, "test");
                assertThat(token.isHeld()).isTrue();
                turn++;
              });
      token.enter(); // free while it sleeps
      bed.domain.sleepQueues().wakeup(CHANNEL);
      bed.until("woken", () -> !a.sleepsOn(CHANNEL));
      assertThat(turn).as("waits for the token").isZero();
      token.leave();
      a.join();
      assertThat(turn).isEqualTo(1);
    }
  }
}
