package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Segments;
import dev.faultline.vm.proc.ResourceLimits.Limit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** obreak, the stack, and limits (3.8). */
@Timeout(60)
final class SegmentCallsTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final long DATA = 0x400000;
  private static final long TOP = 1L << 32;
  private static final ExecImage IMAGE = new ExecImage(DATA, TOP);

  /** What a process does after its exec. */
  private interface Body {
    void run(ProcessWorld w, ProcThread t, Segments s);
  }

  private static void run(Mode mode, Body body) {
    run(mode, 256, body);
  }

  private static void run(Mode mode, int frames, Body body) {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (ProcessWorld w = new ProcessWorld(mode, 2, frames)) {
      w.start(1, t -> {
        try {
          assertThat(w.calls.life().exec(t, IMAGE)).isEqualTo(CallResult.OK);
          body.run(w, t, t.process().vmspace().segments());
        } catch (AssertionError e) {
          failure.set(e);
        }
        w.calls.life().exit(t);
      });
      w.awaitEnd();
    }
    if (failure.get() != null) {
      throw new AssertionError(failure.get().getMessage(), failure.get());
    }
  }

  private static CallResult brk(ProcessWorld w, ProcThread t, long bytes) {
    return w.calls.segments().obreak(t, DATA + bytes);
  }

  private static CallResult limit(ProcessWorld w, ProcThread t, Limit which, long bytes) {
    return w.calls.segments().setrlimit(t, which, bytes, t.process().limits().hard(which));
  }

  private static long size(ProcThread t) {
    return t.process().vmspace().map().size();
  }

  private static int entries(ProcThread t) {
    return t.process().vmspace().map().entryCount();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void brk_grows_inOneEntry_andShrinks(Mode mode) {
    run(mode, (w, t, s) -> {
      assertThat(t.access().load(DATA)).as("nothing yet").isEqualTo(CallResult.SIGSEGV);
      int before = entries(t);
      assertThat(brk(w, t, 1)).isEqualTo(CallResult.OK);
      assertThat(s.dataEnd()).isEqualTo(DATA + PAGE);
      assertThat(t.access().store(DATA, 7)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 3 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(entries(t)).as("the entry and its object grow").isEqualTo(before + 1);
      assertThat(t.access().load(DATA)).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isEqualTo(7);
      assertThat(t.access().store(DATA + 2 * PAGE, 8)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, PAGE + 1)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(DATA + 2 * PAGE)).isEqualTo(CallResult.SIGSEGV);
      assertThat(t.access().store(DATA + PAGE, 9)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 3 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(DATA + 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).as("what was given back is zero again").isZero();
      assertThat(brk(w, t, 0)).isEqualTo(CallResult.OK);
      assertThat(entries(t)).isEqualTo(before);
      assertThat(t.access().load(DATA)).isEqualTo(CallResult.SIGSEGV);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void brk_isRefused_andChangesNothing(Mode mode) {
    run(mode, (w, t, s) -> {
      assertThat(brk(w, t, 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.memory().mmapAnon(t, DATA + 4 * PAGE, PAGE, VmProt.ALL, false)).isEqualTo(CallResult.OK);
      long size = size(t);
      assertThat(brk(w, t, -1)).as("below its beginning").isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.segments().obreak(t, -1)).isEqualTo(CallResult.EINVAL);
      assertThat(brk(w, t, 5 * PAGE)).as("over a mapping").isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.segments().obreak(t, Long.MAX_VALUE)).isEqualTo(CallResult.ENOMEM);
      assertThat(limit(w, t, Limit.DATA, 3 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 3 * PAGE + 1)).as("beyond the limit").isEqualTo(CallResult.ENOMEM);
      assertThat(s.dataEnd()).isEqualTo(DATA + 2 * PAGE);
      assertThat(size(t)).isEqualTo(size);
      assertThat(brk(w, t, 3 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(limit(w, t, Limit.DATA, 0)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, PAGE)).as("less is always fine").isEqualTo(CallResult.OK);
      t.inKernel(() -> {
        long max = t.process().vmspace().map().max();
        assertThat(s.setBreak(max, Long.MAX_VALUE, false)).as("over the stack").isEqualTo(KernReturn.NO_SPACE);
        assertThat(s.setBreak(max + 1, Long.MAX_VALUE, false)).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(s.setBreak(DATA + 2 * PAGE, 8 * PAGE, true)).as("swap full").isEqualTo(KernReturn.RESOURCE_SHORTAGE);
        assertThat(s.setBreak(DATA, 8 * PAGE, true)).as("less").isEqualTo(KernReturn.SUCCESS);
      });
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void brk_growsNoMore_whileSwapIsFull(Mode mode) {
    int frames = 96;
    int most = frames + 64; // of swap
    run(mode, frames, (w, t, s) -> {
      assertThat(brk(w, t, PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.memory().mmapAnon(t, 0x10000000, (long) most * PAGE, VmProt.ALL, false))
          .isEqualTo(CallResult.OK);
      int used = 0;
      while (!w.kernel.swapPager().isFull()) {
        assertThat(used).as("pages of memory and swap used").isLessThan(most);
        assertThat(t.access().store(0x10000000 + (long) used++ * PAGE, used)).isEqualTo(CallResult.OK);
      }
      long size = size(t);
      assertThat(brk(w, t, PAGE + 1)).isEqualTo(CallResult.ENOMEM);
      assertThat(s.dataEnd()).isEqualTo(DATA + PAGE);
      assertThat(size(t)).isEqualTo(size);
      assertThat(brk(w, t, PAGE)).as("as it is").isEqualTo(CallResult.OK);
      assertThat(t.access().store(DATA, 1)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 0)).as("less").isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 1)).isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.memory().munmap(t, 0x10000000, (long) most * PAGE)).isEqualTo(CallResult.OK);
      assertThat(brk(w, t, 4 * PAGE)).as("swap is free again").isEqualTo(CallResult.OK);
      assertThat(t.access().store(DATA + 3 * PAGE, 1)).isEqualTo(CallResult.OK);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stack_growsWhereItIsUsed_toItsLimit(Mode mode) {
    run(mode, (w, t, s) -> {
      long first = s.stackBottom();
      assertThat(first).isLessThan(TOP);
      assertThat(t.access().store(TOP - 8, 1)).isEqualTo(CallResult.OK);
      assertThat(s.stackBottom()).as("no need to grow").isEqualTo(first);
      assertThat(t.access().store(first - 8, 2)).isEqualTo(CallResult.OK);
      assertThat(s.stackBottom()).isLessThan(first);
      long limit = 1L << 20;
      assertThat(limit(w, t, Limit.STACK, limit)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(TOP - limit - 8)).isEqualTo(CallResult.SIGSEGV);
      assertThat(t.access().load(TOP - limit)).isEqualTo(CallResult.OK);
      assertThat(s.stackBottom()).as("not a page more").isEqualTo(TOP - limit);
      assertThat(t.access().load(TOP - limit - 8)).isEqualTo(CallResult.SIGSEGV);
      assertThat(limit(w, t, Limit.STACK, PAGE)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(first - 8)).as("what it has stays").isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isEqualTo(2);
      assertThat(limit(w, t, Limit.STACK, ResourceLimits.STACK_MAX)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(TOP - ResourceLimits.STACK_MAX - 8)).as("out of the window")
          .isEqualTo(CallResult.SIGSEGV);
      assertThat(t.access().load(TOP - ResourceLimits.STACK_MAX)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(TOP)).isEqualTo(CallResult.SIGSEGV);
    });
  }

  /** A window that ends before the limit does: so does the stack, a child's too. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stack_endsWithItsWindow(Mode mode) {
    long top = 0x40000000;
    long min = top - 4 * PAGE;
    run(mode, (w, t, s) -> {
      t.inKernel(() -> {
        s.setUp(DATA, min, top);
        assertThat(s.growStack(top - PAGE, ResourceLimits.STACK_MAX)).isTrue();
      });
      assertThat(s.stackBottom()).as("no 128 K").isEqualTo(min);
      assertThat(t.access().load(min)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(min - 8)).isEqualTo(CallResult.SIGSEGV);
      List<CallResult> child = Collections.synchronizedList(new ArrayList<>());
      assertThat(w.calls.life().fork(t, 2, c -> {
        child.add(c.access().load(min));
        child.add(c.access().load(min - 8));
        w.calls.life().exit(c);
      })).isEqualTo(CallResult.OK);
      assertThat(w.calls.life().waitFor(t, t.lastChild())).isEqualTo(CallResult.OK);
      assertThat(child).containsExactly(CallResult.OK, CallResult.SIGSEGV);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void watcher_isToldWhatComesAndGoes(Mode mode) {
    Told told = new Told();
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.processes.setWatcher(told);
      w.runOne(t -> {
        assertThat(w.calls.life().exec(t, IMAGE)).isEqualTo(CallResult.OK);
        told.news();
        assertThat(brk(w, t, 3 * PAGE)).isEqualTo(CallResult.OK);
        assertThat(told.news()).containsExactly("anon 0x400000+0x3000");
        assertThat(brk(w, t, 2 * PAGE + 1)).isEqualTo(CallResult.OK);
        assertThat(brk(w, t, -1)).isEqualTo(CallResult.EINVAL);
        assertThat(told.news()).isEmpty();
        assertThat(brk(w, t, PAGE)).isEqualTo(CallResult.OK);
        assertThat(told.news()).containsExactly("unmapped 0x401000+0x2000");
      });
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stack_endsAtWhatTheProgramHasMapped(Mode mode) {
    run(mode, (w, t, s) -> {
      long bottom = s.stackBottom();
      long mine = bottom - 4 * PAGE;
      assertThat(w.calls.memory().mmapAnon(t, mine, PAGE, VmProt.ALL, false)).isEqualTo(CallResult.OK);
      assertThat(t.access().store(mine, 5)).isEqualTo(CallResult.OK);
      assertThat(s.stackBottom()).as("its own").isEqualTo(bottom);
      assertThat(t.access().load(mine - 8)).as("beyond it").isEqualTo(CallResult.SIGSEGV);
      assertThat(t.access().load(bottom - 8)).isEqualTo(CallResult.OK);
      assertThat(s.stackBottom()).as("up to it").isEqualTo(mine + PAGE);
      assertThat(t.access().load(mine)).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isEqualTo(5);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void exec_dropsEverything_orIsRefused(Mode mode) {
    run(mode, (w, t, s) -> {
      assertThat(brk(w, t, PAGE)).isEqualTo(CallResult.OK);
      for (ExecImage bad : new ExecImage[] {
          new ExecImage(DATA + 1, TOP), new ExecImage(DATA, TOP + 8), new ExecImage(-PAGE, TOP),
          new ExecImage(DATA, 0), new ExecImage(DATA, 1L << 48), new ExecImage(TOP, TOP),
          new ExecImage(Long.MIN_VALUE, Long.MIN_VALUE)}) {
        assertThat(w.calls.life().exec(t, bad)).as(bad.toString()).isEqualTo(CallResult.EINVAL);
      }
      assertThat(t.access().store(DATA, 3)).as("all is there").isEqualTo(CallResult.OK);
      assertThat(limit(w, t, Limit.STACK, 0)).isEqualTo(CallResult.OK);
      assertThat(w.calls.life().exec(t, IMAGE)).isEqualTo(CallResult.OK);
      assertThat(size(t)).as("nothing, and no stack").isZero();
      assertThat(t.access().load(TOP - 8)).isEqualTo(CallResult.SIGSEGV);
      assertThat(w.calls.life().exec(t)).isEqualTo(CallResult.OK);
      assertThat(limit(w, t, Limit.STACK, PAGE)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(TOP - 8)).as("a program without a stack").isEqualTo(CallResult.SIGSEGV);
      assertThat(limit(w, t, Limit.STACK, 1 << 20)).isEqualTo(CallResult.OK);
      for (int i = 0; i < 2; i++) {
        assertThat(w.calls.life().exec(t, IMAGE)).isEqualTo(CallResult.OK);
        assertThat(t.access().load(TOP - 8)).as("begun anew").isEqualTo(CallResult.OK);
        assertThat(t.access().load(TOP - (1 << 19))).as("grown").isEqualTo(CallResult.OK);
      }
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void fork_inheritsSegmentsAndLimits_andEachGoesItsWay(Mode mode) {
    run(mode, (w, t, s) -> {
      assertThat(brk(w, t, 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(t.access().store(DATA, 3)).isEqualTo(CallResult.OK);
      assertThat(w.calls.segments().setrlimit(t, Limit.DATA, 4 * PAGE, 8 * PAGE)).isEqualTo(CallResult.OK);
      long[] seen = new long[5];
      assertThat(w.calls.life().fork(t, 2, c -> {
        long[] value = new long[2];
        w.calls.segments().getrlimit(c, Limit.DATA, value);
        seen[0] = value[0];
        seen[1] = value[1];
        seen[2] = brk(w, c, 4 * PAGE) == CallResult.OK && brk(w, c, 5 * PAGE) == CallResult.ENOMEM ? 1 : 0;
        seen[3] = w.calls.segments().setrlimit(c, Limit.DATA, 0, 0) == CallResult.OK ? 1 : 0;
        seen[4] = c.access().store(c.process().vmspace().segments().stackBottom() - 8, 1) == CallResult.OK ? 1 : 0;
        w.calls.life().exit(c);
      })).isEqualTo(CallResult.OK);
      long bottom = s.stackBottom();
      assertThat(w.calls.life().waitFor(t, t.lastChild())).isEqualTo(CallResult.OK);
      assertThat(seen).containsExactly(4 * PAGE, 8 * PAGE, 1, 1, 1);
      assertThat(s.dataEnd()).isEqualTo(DATA + 2 * PAGE);
      assertThat(s.stackBottom()).isEqualTo(bottom);
      assertThat(t.process().limits().hard(Limit.DATA)).isEqualTo(8 * PAGE);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void limits_areSetWithinTheHardOnes(Mode mode) {
    run(mode, (w, t, s) -> {
      long[] value = new long[2];
      for (Limit l : Limit.values()) {
        assertThat(w.calls.segments().getrlimit(t, l, value)).isEqualTo(CallResult.OK);
        long[] before = value.clone();
        assertThat(w.calls.segments().setrlimit(t, l, -1, 5)).isEqualTo(CallResult.EINVAL);
        assertThat(w.calls.segments().setrlimit(t, l, 0, -1)).isEqualTo(CallResult.EINVAL);
        assertThat(w.calls.segments().setrlimit(t, l, 6, 5)).isEqualTo(CallResult.EINVAL);
        w.calls.segments().getrlimit(t, l, value);
        assertThat(value).as("refused: %s", l).containsExactly(before);
        assertThat(w.calls.segments().setrlimit(t, l, ResourceLimits.INFINITY, ResourceLimits.INFINITY)).as("the most")
            .isEqualTo(CallResult.OK);
        w.calls.segments().getrlimit(t, l, value);
        assertThat(value).containsExactly(before[1], before[1]);
        assertThat(w.calls.segments().setrlimit(t, l, 4 * PAGE, 8 * PAGE)).isEqualTo(CallResult.OK);
        assertThat(w.calls.segments().setrlimit(t, l, 4 * PAGE, 8 * PAGE + 1)).isEqualTo(CallResult.EPERM);
        w.calls.segments().getrlimit(t, l, value);
        assertThat(value).containsExactly(4 * PAGE, 8 * PAGE);
      }
      assertThat(t.process().residentLimit).isEqualTo(4);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void mlock_isLimited_byWhatTheProcessHasLocked(Mode mode) {
    run(mode, (w, t, s) -> {
      assertThat(brk(w, t, 4 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(limit(w, t, Limit.MEMLOCK, 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().mlock(t, DATA, 3 * PAGE)).isEqualTo(CallResult.ENOMEM);
      assertThat(t.process().vmspace().pmap().wiredCount()).isZero();
      assertThat(w.calls.paging().mlock(t, DATA, PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().mlock(t, DATA + PAGE, 2 * PAGE)).isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.paging().mlock(t, DATA + PAGE, PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().munlock(t, DATA, 2 * PAGE)).isEqualTo(CallResult.OK);
    });
  }
}
