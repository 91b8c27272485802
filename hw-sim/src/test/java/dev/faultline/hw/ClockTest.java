package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.strand.Strand;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The clock of the semantics, 6.4. */
@Timeout(60)
final class ClockTest {
  @Test
  void time_passesByItself_inTicks() {
    try (HwWorld w = HwWorld.of(b -> b.tickNanos(1_000_000))) {
      Clock c = w.machine.clock();
      long start = System.nanoTime();
      long first = c.now();
      await().until(() -> c.now() >= first + 5);
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(4_000_000);
      assertThat(c.tickNanos()).isEqualTo(1_000_000);
    }
  }

  @Test
  void callout_runsOnce_onTheClocksStrand_notBeforeItsTick() {
    try (HwWorld w = HwWorld.of(b -> b.tickNanos(1_000_000))) {
      Clock c = w.machine.clock();
      List<String> ran = new CopyOnWriteArrayList<>();
      AtomicLong at = new AtomicLong();
      Callout callout =
          c.after(
              10,
              () -> {
                at.set(c.now());
                ran.add(Strand.current().name());
              });
      await().until(() -> !ran.isEmpty());
      assertThat(at.get()).isGreaterThanOrEqualTo(callout.due());
      assertThat(c.cancel(callout)).isFalse();
      await().until(() -> c.pending() == 0);
      assertThat(ran).containsExactly("clock");
    }
  }

  @Test
  void stoppedTime_movesOnlyByStep_whichWaitsForWhatIsDue() {
    try (HwWorld w = HwWorld.plain()) {
      Clock c = w.machine.clock();
      c.stop();
      long t = c.now();
      List<String> ran = new CopyOnWriteArrayList<>();
      c.after(3, () -> ran.add("third at " + (c.now() - t)));
      c.after(1, () -> ran.add("first at " + (c.now() - t)));
      c.after(
          1,
          () -> {
            ran.add("second at " + (c.now() - t));
            c.after(0, () -> ran.add("at once"));
            c.after(1, () -> ran.add("next at " + (c.now() - t)));
          });
      assertThat(c.now()).isEqualTo(t);
      c.step(1);
      assertThat(ran).containsExactly("first at 1", "second at 1", "at once");
      c.step(1);
      assertThat(ran).hasSize(4).endsWith("next at 2");
      c.step(5);
      assertThat(ran).hasSize(5).endsWith("third at 3");
      assertThat(c.now()).isEqualTo(t + 7);
      assertThat(c.pending()).isZero();
      c.resume();
      assertThat(c.now()).isGreaterThanOrEqualTo(t + 7);
      assertThatThrownBy(() -> c.step(1)).isInstanceOf(IllegalStateException.class).hasMessageContaining("not stopped");
    }
  }

  @Test
  void stop_holdsBackWhatWouldBeDue_resumeLetsItCome() {
    try (HwWorld w = HwWorld.of(b -> b.tickNanos(1_000_000))) {
      Clock c = w.machine.clock();
      AtomicInteger ran = new AtomicInteger();
      c.after(20, ran::incrementAndGet);
      c.stop();
      w.me.parkNanos(1);
      long t = c.now();
      long until = System.nanoTime() + 40_000_000;
      while (System.nanoTime() < until) {
        w.me.parkNanos(until - System.nanoTime());
      }
      assertThat(c.now()).isEqualTo(t);
      assertThat(ran).hasValue(0);
      c.resume();
      await().until(() -> ran.get() == 1);
    }
  }

  @Test
  void anEarlierCallout_isNotHeldUpByALaterOne() {
    try (HwWorld w = HwWorld.of(b -> b.tickNanos(1_000_000))) {
      Clock c = w.machine.clock();
      AtomicInteger ran = new AtomicInteger();
      Callout far = c.after(1_000_000, ran::incrementAndGet);
      c.after(2, ran::incrementAndGet);
      await().until(() -> ran.get() == 1);
      assertThat(c.cancel(far)).isTrue();
      assertThat(c.cancel(far)).isFalse();
      assertThat(c.pending()).isZero();
    }
  }

  @Test
  void calloutsAndCancellations_asInAMap() {
    try (HwWorld w = HwWorld.plain()) {
      Clock c = w.machine.clock();
      c.stop();
      Random random = new Random(3);
      TreeMap<Long, List<Integer>> model = new TreeMap<>();
      List<Integer> ran = new CopyOnWriteArrayList<>();
      List<Callout> all = new ArrayList<>();
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < 2000; i++) {
        int id = i;
        int action = random.nextInt(10);
        if (action < 6) {
          Callout callout = c.after(1 + random.nextInt(50), () -> ran.add(id));
          all.add(callout);
          model.computeIfAbsent(callout.due(), k -> new ArrayList<>()).add(id);
        } else if (action < 9) {
          all.add(null);
          int victim = random.nextInt(all.size());
          Callout callout = all.get(victim);
          List<Integer> due = callout == null ? null : model.get(callout.due());
          boolean there = due != null && due.remove((Object) victim);
          assertThat(callout != null && c.cancel(callout)).isEqualTo(there);
        } else {
          all.add(null);
          c.step(1);
          List<Integer> due = model.remove(c.now());
          if (due != null) {
            expected.addAll(due);
          }
          assertThat(ran).isEqualTo(expected);
        }
      }
      assertThat(c.pending()).isEqualTo(model.values().stream().mapToInt(List::size).sum());
    }
  }

  @Test
  void theStrand_livesOnlyWhileCalloutsArePending() {
    ScriptedStrands strands = new ScriptedStrands();
    try (Machine m = new Machine(MachineConfig.builder().frames(4).pageSize(64).build(), strands)) {
      assertThat(strands.startedCount()).isZero();
      Callout a = m.clock().after(5, () -> {});
      m.clock().after(9, () -> {});
      assertThat(strands.startedCount()).isEqualTo(1);
      m.clock().cancel(a);
      strands.runOthers();
      assertThat(strands.liveCount()).isZero();
      m.clock().after(5, () -> {});
      assertThat(strands.startedCount()).isEqualTo(2);
      strands.runOthers();
      assertThat(strands.liveCount()).isZero();
    } finally {
      strands.close();
    }
  }

  @Test
  void close_endsTheStrand_andForgetsTheRest() {
    try (HwWorld w = HwWorld.plain()) {
      Clock c = w.machine.clock();
      AtomicInteger ran = new AtomicInteger();
      c.after(1_000_000, ran::incrementAndGet);
      w.machine.close();
      assertThat(ran).hasValue(0);
      assertThatThrownBy(() -> c.after(1, ran::incrementAndGet)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> c.after(-1, ran::incrementAndGet)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aCallout_mayNotStepTheClock() {
    try (HwWorld w = HwWorld.plain()) {
      Clock c = w.machine.clock();
      c.stop();
      List<String> refused = new CopyOnWriteArrayList<>();
      c.after(
          1,
          () -> {
            try {
              c.step(1);
            } catch (IllegalStateException e) {
              refused.add(e.getMessage());
            }
          });
      c.step(1);
      assertThat(refused).containsExactly("a callout steps the clock");
    }
  }

  @Test
  void twoStrands_setAndCancelAtOnce_loseNothing() {
    try (HwWorld w = HwWorld.of(b -> b.tickNanos(10_000))) {
      Clock c = w.machine.clock();
      AtomicInteger ran = new AtomicInteger();
      AtomicInteger cancelled = new AtomicInteger();
      int rounds = 5000;
      for (int a = 0; a < 2; a++) {
        w.actor(
            "setter",
            () -> {
              for (int i = 0; i < rounds; i++) {
                Callout callout = c.after(i % 4, ran::incrementAndGet);
                if (i % 3 == 0 && c.cancel(callout)) {
                  cancelled.incrementAndGet();
                }
              }
            });
      }
      w.join();
      await().until(() -> c.pending() == 0 && ran.get() + cancelled.get() == 2 * rounds);
    }
  }
}
