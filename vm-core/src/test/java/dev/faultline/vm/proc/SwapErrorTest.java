package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Disk;
import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Memory runs short where the disk that should take it has gone bad (3.5 F, 3.6). */
@Timeout(60)
final class SwapErrorTest {
  private static final long SMALL = 0x10000;
  private static final long LARGE = 0x1000000;
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int FRAMES = 128;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private static long sum(ProcThread t, long at, int pages) {
    CallResult r = t.access().sum(at, (long) pages * PAGE / 8);
    return r == CallResult.OK ? t.access().value() : -1;
  }

  private static CallResult fill(ProcessWorld w, ProcThread t, long at, int pages) {
    assertThat(w.calls.memory().mmapAnon(t, at, (long) pages * PAGE, RW, false)).isEqualTo(CallResult.OK);
    return t.access().fill(at, (long) pages * PAGE / 8, 1);
  }

  /** Of the words 1, 2, 3 … that {@link #fill} leaves. */
  private static long filled(int pages) {
    long words = (long) pages * PAGE / 8;
    return words * (words + 1) / 2;
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whereNoWriteToSwapSucceeds_theLargestIsKilled_andTheRestGoesOn(Mode mode) {
    AtomicLong small = new AtomicLong();
    AtomicLong after = new AtomicLong();
    try (ProcessWorld w = new ProcessWorld(mode, 2, FRAMES)) {
      Disk disk = w.kernel.machine().disk();
      disk.fail(0, disk.blocks(), FaultMode.STICKY_WRITE);
      w.start(1, t -> {
        assertThat(fill(w, t, SMALL, 4)).isEqualTo(CallResult.OK);
        for (int child = 2; child <= 3; child++) {
          assertThat(w.calls.life().fork(t, child, c -> {
            assertThat(fill(w, c, LARGE, 2 * FRAMES)).isEqualTo(CallResult.SIGKILL);
          })).isEqualTo(CallResult.OK);
          assertThat(w.calls.life().waitFor(t, t.lastChild())).isEqualTo(CallResult.OK);
        }
        small.set(sum(t, SMALL, 4));
        assertThat(fill(w, t, LARGE, FRAMES / 2)).isEqualTo(CallResult.OK);
        after.set(sum(t, LARGE, FRAMES / 2));
      });
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(2L, 3L);
      assertThat(disk.errors()).as("writes tried in vain").isBetween(1L, 1000L);
      assertThat(w.events(Event.PDPAGES)).as("pages that the daemon looked at").isLessThan(50_000);
    }
    assertThat(small.get()).isEqualTo(filled(4));
    assertThat(after.get()).isEqualTo(filled(FRAMES / 2));
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void wherePartOfTheSwapIsBad_theRestOfItServes(Mode mode) {
    int size = FRAMES + 8;
    AtomicLong found = new AtomicLong();
    try (ProcessWorld w = new ProcessWorld(mode, 2, FRAMES)) {
      Disk disk = w.kernel.machine().disk();
      disk.fail(0, disk.blocks() / 4, FaultMode.STICKY_WRITE);
      w.start(1, t -> {
        assertThat(fill(w, t, LARGE, size)).isEqualTo(CallResult.OK);
        found.set(sum(t, LARGE, size));
      });
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).isEmpty();
      assertThat(disk.errors()).as("writes tried in vain").isBetween(1L, 1000L);
    }
    assertThat(found.get()).isEqualTo(filled(size));
  }
}
