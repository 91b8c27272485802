package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
final class CpuSchedulerTest {
  private static final long AT = 0x10000;

  /** Starts {@code n} processes that each run {@code body}, as children of one that waits for them. */
  private static void children(ProcessWorld w, int n, ProcessMain body) {
    w.start(1, t -> {
      Process[] children = new Process[n];
      for (int i = 0; i < n; i++) {
        assertThat(w.calls.life().fork(t, 100 + i, c -> {
          body.run(c);
          w.calls.life().exit(c);
        })).isEqualTo(CallResult.OK);
        children[i] = t.lastChild();
      }
      for (Process c : children) {
        assertThat(w.calls.life().waitFor(t, c)).isEqualTo(CallResult.OK);
      }
      w.calls.life().exit(t);
    });
    w.awaitEnd();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void noMoreProcesses_areInUserMode_thanThereAreProcessors(Mode mode) {
    AtomicInteger inUser = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicIntegerArray holders = new AtomicIntegerArray(2);
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.processes.setQuantum(20);
      children(w, 7, t -> {
        w.map(t, AT, false);
        for (int i = 0; i < 2_000; i++) {
          t.access().store(AT, i);
          int id = t.cpu.id();
          most.accumulateAndGet(inUser.incrementAndGet(), Math::max);
          assertThat(holders.incrementAndGet(id)).as("processes on cpu " + id).isEqualTo(1);
          assertThat(t.cpu.context).isSameAs(t);
          assertThat(t.cpu.current()).isSameAs(t.process().pageTable());
          holders.decrementAndGet(id);
          inUser.decrementAndGet();
        }
        t.access().load(AT);
        assertThat(t.access().value()).isEqualTo(1_999);
      });
    }
    assertThat(most.get()).isBetween(1, 2);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void processorTime_isSharedOut_evenly(Mode mode) {
    int n = 5;
    AtomicLongArray done = new AtomicLongArray(n);
    AtomicLong least = new AtomicLong(Long.MAX_VALUE);
    int each = 3_000_000; // some tenths of a second in all, so that the host's own scheduling does not matter
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.processes.setQuantum(500);
      AtomicInteger present = new AtomicInteger();
      Barrier all = w.processes.barrier("all", n);
      children(w, n, t -> {
        int me = present.getAndIncrement();
        w.map(t, AT, false);
        w.calls.life().barrier(t, all);
        for (int i = 0; i < each; i++) {
          t.access().store(AT, i);
          done.lazySet(me, i);
        }
        for (int i = 0; i < n; i++) {
          long d = done.get(i);
          least.accumulateAndGet(d, Math::min);
        }
      });
    }
    // When the first was through (it, too, looked), everybody had had a fair share.
    assertThat(least.get()).isGreaterThan(each / 4);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aSleeper_leavesItsProcessorToOthers(Mode mode) {
    AtomicInteger order = new AtomicInteger();
    AtomicInteger sleeperEnds = new AtomicInteger();
    AtomicInteger workerEnds = new AtomicInteger();
    try (ProcessWorld w = new ProcessWorld(mode, 1)) {
      children(w, 2, t -> {
        w.map(t, AT, false);
        if (t.process().pid() == 100) {
          assertThat(w.calls.life().sleep(t, 300)).isEqualTo(CallResult.OK);
          sleeperEnds.set(order.incrementAndGet());
        } else {
          for (int i = 0; i < 1_000; i++) {
            t.access().add(AT, 1);
          }
          workerEnds.set(order.incrementAndGet());
        }
      });
    }
    assertThat(workerEnds.get()).isEqualTo(1);
    assertThat(sleeperEnds.get()).isEqualTo(2);
  }
}
