package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.pager.Vnode;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** mmap where the kernel finds room (3.8). */
@Timeout(60)
final class MmapAnywhereTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long ABOVE_HEAP = ResourceLimits.DATA_MAX;
  private static final long MAX = 1L << 47;

  private interface Body {
    void run(ProcessWorld w, ProcThread t);
  }

  private static void run(Mode mode, Body body) {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, t -> {
        try {
          body.run(w, t);
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

  private static long found(ProcessWorld w, ProcThread t, long hint, long length) {
    assertThat(w.calls.memory().mmapAnonAnywhere(t, hint, length, RW, false)).isEqualTo(CallResult.OK);
    return t.foundAddress();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void withoutAHint_isAboveTheLargestHeap_inTheFirstGapThatFits(Mode mode) {
    run(mode, (w, t) -> {
      assertThat(found(w, t, 0, 2 * PAGE)).isEqualTo(ABOVE_HEAP);
      assertThat(found(w, t, 0, 1)).as("behind it").isEqualTo(ABOVE_HEAP + 2 * PAGE);
      assertThat(w.calls.memory().munmap(t, ABOVE_HEAP, 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(found(w, t, 0, 3 * PAGE)).as("too large for the gap").isEqualTo(ABOVE_HEAP + 3 * PAGE);
      assertThat(found(w, t, 0, PAGE)).isEqualTo(ABOVE_HEAP);
      assertThat(t.access().store(ABOVE_HEAP, 7)).isEqualTo(CallResult.OK);
      assertThat(w.calls.life().exec(t, new ExecImage(0x400000, MAX))).isEqualTo(CallResult.OK);
      assertThat(found(w, t, 0, PAGE)).isEqualTo(0x400000 + ABOVE_HEAP);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void withAHint_isThereOrAbove_neverInsteadOfWhatIsThere(Mode mode) {
    run(mode, (w, t) -> {
      assertThat(found(w, t, 0x10001, PAGE)).as("rounded up").isEqualTo(0x11000);
      assertThat(t.access().store(0x11000, 7)).isEqualTo(CallResult.OK);
      assertThat(found(w, t, 0x10000, 2 * PAGE)).isEqualTo(0x12000);
      assertThat(found(w, t, 0x10000, PAGE)).isEqualTo(0x10000);
      assertThat(t.access().load(0x11000)).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isEqualTo(7);
      assertThat(found(w, t, MAX - PAGE, PAGE)).isEqualTo(MAX - PAGE);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void files_areFoundAPlaceToo(Mode mode) {
    run(mode, (w, t) -> {
      AtomicReference<Vnode> file = new AtomicReference<>();
      t.inKernel(() -> file.set(w.kernel.volume().create("f", 4 * PAGE, 1)));
      long[] at = new long[2];
      for (int i = 0; i < 2; i++) {
        assertThat(w.calls.memory().mmapFileAnywhere(t, 0, 2 * PAGE, RW, i == 0, file.get(), PAGE))
            .isEqualTo(CallResult.OK);
        at[i] = t.foundAddress();
      }
      assertThat(at[1]).isEqualTo(at[0] + 2 * PAGE);
      assertThat(t.access().store(at[0], 7)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(at[1])).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).as("the file's, not copied yet").isEqualTo(7);
      assertThat(t.access().store(at[1], 8)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(at[0])).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).as("the file's").isEqualTo(7);
      long size = t.process().vmspace().map().size();
      assertThat(w.calls.memory().mmapFileAnywhere(t, 0, PAGE, RW, true, file.get(), 8)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.memory().mmapFileAnywhere(t, 0, PAGE, RW, true, file.get(), -PAGE))
          .isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.memory().mmapFileAnywhere(t, MAX, PAGE, RW, false, file.get(), 0))
          .isEqualTo(CallResult.ENOMEM);
      assertThat(t.process().vmspace().map().size()).isEqualTo(size);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void isRefused_withoutRoom_orWithBadArguments(Mode mode) {
    run(mode, (w, t) -> {
      assertThat(w.calls.memory().mmapAnonAnywhere(t, 0, 0, RW, false)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, 0, -PAGE, RW, false)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, -PAGE, PAGE, RW, false)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, 0, MAX, RW, false)).isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, 0, Long.MAX_VALUE, RW, false)).isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, Long.MAX_VALUE, PAGE, RW, false)).isEqualTo(CallResult.ENOMEM);
      assertThat(w.calls.memory().mmapAnonAnywhere(t, MAX - PAGE, 2 * PAGE, RW, false)).isEqualTo(CallResult.ENOMEM);
      assertThat(t.process().vmspace().map().size()).isZero();
    });
  }
}
