package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.detect.WaitForGraph;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole processes go out of memory and come back (vm-semantics 2.6, 3.5). */
@Timeout(60)
final class ProcessSwapTest {
  private static final long AT = 0x10000;
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final DaemonOptions SWAPPING = DaemonOptions.DEFAULT.withUPages(2).withSwapSleepTicks(0);

  private static ProcessMain ending(ProcessWorld w, ProcessMain body) {
    return t -> {
      body.run(t);
      w.calls.life().exit(t);
    };
  }

  private static void until(BooleanSupplier condition) {
    await().atMost(10, TimeUnit.SECONDS).pollInterval(2, TimeUnit.MILLISECONDS).until(condition::getAsBoolean);
  }

  private static void swapOut(ProcessWorld w) {
    w.kernel.run("vmdaemon", w.processes::swapOutIdle);
  }

  private static int wired(ProcessWorld w) {
    return w.kernel.pages().queues().wireCount();
  }

  /** Checks what holds at rest; all processes have ended, or sleep. */
  private static void check(ProcessWorld w) {
    Findings findings = new Findings();
    w.kernel.domain().strands().attach("check");
    try {
      assertThat(Quiescence.await(w.kernel, TimeUnit.SECONDS.toNanos(10))).isTrue();
      Invariants.check(w.kernel, findings);
    } finally {
      w.kernel.domain().strands().detach();
    }
    assertThat(findings.list()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aSleeper_goes_andIsBackBeforeItRuns(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      Barrier b = w.processes.barrier("b", 2);
      AtomicBoolean wasIn = new AtomicBoolean();
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        w.calls.life().fork(t, 2, ending(w, c -> {
          assertThat(w.calls.life().barrier(c, b)).isEqualTo(CallResult.OK);
          wasIn.set(c.process().isInMemory());
          c.access().load(AT);
          assertThat(c.access().value()).isEqualTo(7);
        }));
        Process child = t.lastChild();
        until(() -> child.sleepsLong);
        assertThat(wired(w)).as("two u-areas").isEqualTo(4);
        t.inKernel(w.processes::swapOutIdle);
        assertThat(child.isInMemory()).isFalse();
        assertThat(t.process().isInMemory()).as("who runs stays").isTrue();
        assertThat(wired(w)).isEqualTo(2);
        assertThat(w.calls.life().barrier(t, b)).isEqualTo(CallResult.OK);
        w.calls.life().waitFor(t, child);
      }));
      w.awaitEnd();
      assertThat(wasIn).isTrue();
      assertThat(w.events(Event.PROC_SWAPOUT)).isEqualTo(1);
      assertThat(w.events(Event.PROC_SWAPIN)).isEqualTo(1);
      assertThat(wired(w)).isZero();
      check(w);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aUArea_isPagedOut_andRead_andHoldsWhatItHeld(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING)) {
      Barrier b = w.processes.barrier("b", 2);
      w.start(1, ending(w, t -> {
        w.calls.life().fork(t, 2, ending(w, c -> w.calls.life().barrier(c, b)));
        Process child = t.lastChild();
        until(() -> child.sleepsLong);
        t.inKernel(w.processes::swapOutIdle);
        assertThat(w.calls.memory().mmapAnon(t, AT, 80 * PAGE, RW, false)).isEqualTo(CallResult.OK);
        UArea u = child.uArea;
        assertThat(u).isNotNull();
        for (int i = 0; i < 100 && hasPages(t, u); i++) { // the u-area, used by nobody, goes to swap
          assertThat(t.access().fill(AT, 80 * PAGE / 8, i)).isEqualTo(CallResult.OK);
        }
        assertThat(hasPages(t, u)).isFalse();
        assertThat(w.calls.life().barrier(t, b)).isEqualTo(CallResult.OK);
        w.calls.life().waitFor(t, child);
      }));
      w.awaitEnd();
      assertThat(w.events(Event.PROC_SWAPIN)).as("the child, and its parent if that slept long enough").isPositive();
      check(w);
    }
  }

  /** Returns whether anything of a u-area is in memory. */
  private static boolean hasPages(ProcThread t, UArea u) {
    AtomicBoolean any = new AtomicBoolean();
    t.inKernel(() -> u.space().map().forEachPiece(0, 2 * PAGE, (entry, o, offset, length) -> {
      o.lock.lock();
      any.set(o.firstPage() != null);
      o.lock.unlock();
    }));
    return any.get();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aVictimThatIsSwappedOut_ends_withoutComingBack(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        w.calls.life().sleep(t, 1_000_000);
      }));
      until(() -> w.processes.sleeping() == 1);
      swapOut(w);
      assertThat(wired(w)).isZero();
      check(w);
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(1L);
      assertThat(w.events(Event.PROC_SWAPIN)).isZero();
      check(w);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stop_endsWhoIsSwappedOut(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      w.start(1, ending(w, t -> w.calls.life().sleep(t, 1_000_000)));
      until(() -> w.processes.sleeping() == 1);
      swapOut(w);
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
      check(w);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoCannotReadItsUArea_isKilled(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING)) {
      Barrier b = w.processes.barrier("b", 2);
      w.start(1, ending(w, t -> {
        w.calls.life().fork(t, 2, ending(w, c -> {
          assertThat(w.calls.life().barrier(c, b)).isEqualTo(CallResult.SIGKILL);
        }));
        Process child = t.lastChild();
        until(() -> child.sleepsLong);
        t.inKernel(w.processes::swapOutIdle);
        w.calls.memory().mmapAnon(t, AT, 80 * PAGE, RW, false);
        UArea u = child.uArea;
        assertThat(u).isNotNull();
        for (int i = 0; i < 100 && hasPages(t, u); i++) {
          t.access().fill(AT, 80 * PAGE / 8, i);
        }
        w.kernel.machine().disk().fail(0, 8 * 64, FaultMode.STICKY_READ);
        w.calls.life().barrier(t, b);
        w.calls.life().waitFor(t, child);
      }));
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).extracting(p -> p.killReason)
          .containsExactly(Process.KillReason.SWAP_ERROR);
      check(w);
    }
  }

  /** Whoever is not swapped in for want of memory shows in the graph as waiting for the swapper, which waits for it. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void comingBack_waitsForMemory_andSaysForWhom(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING)) {
      AtomicLong slept = new AtomicLong();
      w.start(2, ending(w, t -> {
        w.calls.life().sleep(t, 400);
        slept.incrementAndGet();
      }));
      until(() -> w.processes.sleeping() == 1);
      swapOut(w);
      VmObject hog = w.kernel.call("hog", () -> takeAll(w.kernel));
      await().atMost(10, TimeUnit.SECONDS).untilAsserted(() -> assertThat(graph(w))
          .containsPattern("pid 2\\(t\\d+\\) waits, swapin, for pid 2, which swapper\\(t\\d+\\) has")
          .containsPattern("swapper\\(t\\d+\\) waits, vmwait, for free memory"));
      assertThat(slept.get()).isZero();
      w.kernel.run("hog", () -> giveAll(w.kernel, hog));
      w.awaitEnd();
      assertThat(slept.get()).isEqualTo(1);
      check(w);
    }
  }

  private static String graph(ProcessWorld w) {
    w.kernel.domain().strands().attach("look");
    try {
      return WaitForGraph.of(w.kernel.domain()).toString();
    } finally {
      w.kernel.domain().strands().detach();
    }
  }

  /** Gives every free frame to an object that keeps them busy. */
  private static VmObject takeAll(Kernel k) {
    VmObject o = k.objects().allocate(ObjectType.DEFAULT, 64L * PAGE);
    o.lock.lock();
    for (int i = 0; k.pages().freeList().freeCount() > 0; i++) {
      k.pages().alloc(o, (long) i * PAGE, AllocClass.INTERRUPT);
    }
    o.lock.unlock();
    return o;
  }

  private static void giveAll(Kernel k, VmObject o) {
    o.lock.lock();
    for (VmPage m = o.firstPage(); m != null; m = o.firstPage()) {
      k.pages().freeBusy(m);
    }
    o.lock.unlock();
    o.deallocate();
  }

  /** Many processes, each with as much as half the memory, that sleep in turn: nothing is lost, all end. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void underPressure_processesGoAndCome_andNothingIsLost(Mode mode) {
    int children = 4;
    int size = 12;
    DaemonOptions eager = SWAPPING.withResidentPages(8);
    try (ProcessWorld w = new ProcessWorld(mode, 2, 48, eager)) {
      AtomicLong right = new AtomicLong();
      AtomicLong rounds = new AtomicLong();
      w.start(1, ending(w, t -> {
        Process[] p = new Process[children];
        for (int i = 0; i < children; i++) {
          int me = i;
          assertThat(w.calls.life().fork(t, 10 + i, ending(w, c -> {
            w.calls.memory().mmapAnon(c, AT, (long) size * PAGE, RW, false);
            // On a busy machine the sleepers may be swapped out each time before anybody is trimmed: until it happens.
            for (int round = 0; round < 12 || (round < 600 && w.events(Event.TRIMMED) == 0); round++) {
              rounds.incrementAndGet();
              assertThat(c.access().fill(AT, (long) size * PAGE / 8, me + round)).isEqualTo(CallResult.OK);
              w.calls.life().sleep(c, 5);
              for (int page = 0; page < size; page++) {
                c.access().load(AT + (long) page * PAGE);
                right.addAndGet(c.access().value() == me + round + (long) page * PAGE / 8 ? 1 : 0);
              }
            }
          }))).isEqualTo(CallResult.OK);
          p[i] = t.lastChild();
        }
        for (Process c : p) {
          w.calls.life().waitFor(t, c);
        }
      }));
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).isEmpty();
      assertThat(right.get()).isEqualTo(rounds.get() * size);
      assertThat(w.events(Event.PROC_SWAPOUT)).as("swapped out").isPositive();
      assertThat(w.events(Event.TRIMMED)).as("trimmed").isPositive();
      check(w);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void fourFrames_runAProcess_withAUAreaOfOne(Mode mode) {
    for (int pages = 0; pages <= 1; pages++) {
      try (ProcessWorld w = new ProcessWorld(mode, 1, 4, SWAPPING.withUPages(pages))) {
        AtomicLong sum = new AtomicLong();
        w.start(1, ending(w, t -> {
          w.calls.memory().mmapAnon(t, AT, 6 * PAGE, RW, false);
          for (int i = 0; i < 6; i++) {
            assertThat(t.access().store(AT + (long) i * PAGE, i)).isEqualTo(CallResult.OK);
          }
          for (int i = 0; i < 6; i++) {
            t.access().load(AT + (long) i * PAGE);
            sum.addAndGet(t.access().value());
          }
        }));
        w.awaitEnd();
        assertThat(sum.get()).isEqualTo(15);
        check(w);
      }
    }
  }
}
