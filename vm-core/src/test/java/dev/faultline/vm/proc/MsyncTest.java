package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Disk;
import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** msync in its modes: what is on the disk afterwards, what is in memory, and what is refused (3.8, 3.4 clean). */
@Timeout(60)
final class MsyncTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final long AT = 0x100000;
  private static final int PAGES = 8;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  /** What a process does with a file of 8 pages that is mapped shared at AT. */
  private interface Body {
    void run(ProcessWorld w, ProcThread t, Vnode file);
  }

  private static void run(Mode mode, Body body) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Vnode file = w.kernel.call("file", () -> w.kernel.volume().create("f", (long) PAGES * PAGE, 1));
      w.start(1, t -> {
        assertThat(w.calls.memory().mmapFile(t, AT, (long) PAGES * PAGE, RW, true, file, 0)).isEqualTo(CallResult.OK);
        body.run(w, t, file);
      });
      w.awaitEnd();
    }
  }

  private static long at(int page) {
    return AT + (long) page * PAGE;
  }

  private static void store(ProcThread t, int page, long value) {
    assertThat(t.access().store(at(page), value)).isEqualTo(CallResult.OK);
  }

  private static long load(ProcThread t, int page) {
    assertThat(t.access().load(at(page))).isEqualTo(CallResult.OK);
    return t.access().value();
  }

  private static long onDisk(ProcessWorld w, Vnode file, int page) {
    return w.kernel.volume().diskWord(file, (long) page * PAGE);
  }

  private static CallResult msync(ProcessWorld w, ProcThread t, int page, int pages, int flags) {
    return w.calls.paging().msync(t, at(page), (long) pages * PAGE, flags);
  }

  /** Returns which pages of the file are in memory. The file is mapped, so that it has an object. */
  private static List<Integer> residentPages(ProcessWorld w, ProcThread t, Vnode file) {
    List<Integer> found = new ArrayList<>();
    t.inKernel(() -> {
      List<VmObject> objects = new ArrayList<>();
      w.kernel.objects().forEach(o -> {
        if (o.handle() == file) {
          objects.add(o);
        }
      });
      VmObject o = objects.get(0);
      o.lock.lock();
      for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
        found.add((int) (m.offset() / PAGE));
      }
      o.lock.unlock();
    });
    return found;
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void sync_isOnTheDisk_whenItReturns(Mode mode) {
    run(mode, (w, t, file) -> {
      store(t, 2, 77);
      store(t, 5, 78); // no neighbour, which could be written along
      assertThat(msync(w, t, 2, 1, 0)).isEqualTo(CallResult.OK);
      assertThat(onDisk(w, file, 2)).isEqualTo(77);
      assertThat(onDisk(w, file, 5)).as("out of the range").isNotEqualTo(78);
      assertThat(residentPages(w, t, file)).contains(2, 5);
    });
  }

  /** What was stored while it was allowed is not to be forgotten because it no longer is. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void sync_writesWhatWasStored_beforeTheRangeBecameReadOnly(Mode mode) {
    run(mode, (w, t, file) -> {
      store(t, 2, 77);
      assertThat(w.calls.memory().mprotect(t, at(2), PAGE, VmProt.READ)).isEqualTo(CallResult.OK);
      assertThat(msync(w, t, 0, PAGES, 0)).isEqualTo(CallResult.OK);
      assertThat(onDisk(w, file, 2)).isEqualTo(77);
      store(t, 4, 79);
      assertThat(w.calls.memory().mprotect(t, at(4), PAGE, VmProt.NONE)).isEqualTo(CallResult.OK);
      assertThat(msync(w, t, 4, 1, PagingCalls.MS_INVALIDATE)).isEqualTo(CallResult.OK);
      assertThat(onDisk(w, file, 4)).isEqualTo(79);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void async_startsTheWrite_andTellsOfNoFailure(Mode mode) {
    run(mode, (w, t, file) -> {
      store(t, 2, 77);
      assertThat(msync(w, t, 0, PAGES, PagingCalls.MS_ASYNC)).isEqualTo(CallResult.OK);
      for (int tick = 0; tick < 1000 && onDisk(w, file, 2) != 77; tick++) {
        assertThat(w.calls.life().sleep(t, 1)).isEqualTo(CallResult.OK);
      }
      assertThat(onDisk(w, file, 2)).isEqualTo(77);
      Disk disk = w.kernel.machine().disk();
      disk.fail(0, disk.blocks(), FaultMode.STICKY_WRITE);
      store(t, 3, 78);
      assertThat(msync(w, t, 3, 1, PagingCalls.MS_ASYNC)).isEqualTo(CallResult.OK);
      assertThat(msync(w, t, 3, 1, 0)).as("the next one that waits").isEqualTo(CallResult.EIO);
      assertThat(load(t, 3)).isEqualTo(78);
      disk.clearFaults();
      assertThat(msync(w, t, 3, 1, 0)).isEqualTo(CallResult.OK);
      assertThat(onDisk(w, file, 3)).isEqualTo(78);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void invalidate_writes_andDropsWhatIsInTheRange(Mode mode) {
    run(mode, (w, t, file) -> {
      for (int i = 0; i < PAGES; i++) {
        store(t, i, 70 + i);
      }
      assertThat(msync(w, t, 2, 3, PagingCalls.MS_INVALIDATE)).isEqualTo(CallResult.OK);
      assertThat(residentPages(w, t, file)).containsExactlyInAnyOrder(0, 1, 5, 6, 7);
      byte[] there = new byte[PAGES];
      assertThat(w.calls.paging().mincore(t, AT, PAGES, PAGE, there)).isEqualTo(CallResult.OK);
      assertThat(there).containsExactly(1, 1, 0, 0, 0, 1, 1, 1);
      for (int i = 0; i < PAGES; i++) {
        assertThat(load(t, i)).isEqualTo(70 + i);
      }
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void invalidate_leavesWhatIsWired_andWhatCouldNotBeWritten(Mode mode) {
    run(mode, (w, t, file) -> {
      store(t, 1, 71);
      store(t, 2, 72);
      assertThat(w.calls.paging().mlock(t, at(1), PAGE)).isEqualTo(CallResult.OK);
      assertThat(msync(w, t, 1, 2, PagingCalls.MS_INVALIDATE)).isEqualTo(CallResult.OK);
      assertThat(onDisk(w, file, 1)).isEqualTo(71);
      assertThat(residentPages(w, t, file)).as("locked in memory").contains(1).doesNotContain(2);
      assertThat(w.calls.paging().munlock(t, at(1), PAGE)).isEqualTo(CallResult.OK);
      Disk disk = w.kernel.machine().disk();
      disk.fail(0, disk.blocks(), FaultMode.STICKY_WRITE);
      store(t, 1, 73);
      assertThat(msync(w, t, 1, 1, PagingCalls.MS_INVALIDATE)).isEqualTo(CallResult.EIO);
      assertThat(residentPages(w, t, file)).contains(1);
      assertThat(load(t, 1)).isEqualTo(73);
      disk.clearFaults();
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void lengthZero_isTheEntryThatContainsTheAddress(Mode mode) {
    run(mode, (w, t, file) -> {
      assertThat(w.calls.memory().mprotect(t, at(3), 3 * PAGE, VmProt.ALL)).isEqualTo(CallResult.OK); // cuts: 3, 4, 5
      for (int i = 1; i < PAGES; i += 2) { // no neighbours, which would be written along
        store(t, i, 70 + i);
      }
      assertThat(w.calls.paging().msync(t, at(4), 0, 0)).isEqualTo(CallResult.OK);
      for (int i = 1; i < PAGES; i += 2) {
        assertThat(onDisk(w, file, i) == 70 + i).as("page %d", i).isEqualTo(i >= 3 && i <= 5);
      }
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void badArguments_areRefused_andNothingIsWritten(Mode mode) {
    run(mode, (w, t, file) -> {
      store(t, 2, 77);
      long before = w.kernel.machine().disk().writes();
      assertThat(msync(w, t, 0, PAGES, PagingCalls.MS_ASYNC | PagingCalls.MS_INVALIDATE)).isEqualTo(CallResult.EINVAL);
      assertThat(msync(w, t, 0, PAGES, 4)).as("unknown flag").isEqualTo(CallResult.EINVAL);
      assertThat(msync(w, t, 0, PAGES, -1)).isEqualTo(CallResult.EINVAL);
      assertThat(msync(w, t, 2, PAGES, 0)).as("hole behind").isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, at(2) + 8, PAGE, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, at(2) + 8, 0, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, at(2), -1, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, at(PAGES), 0, 0)).as("in a hole").isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, -PAGE, 0, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, 1L << 47, 0, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.calls.paging().msync(t, Long.MIN_VALUE, Long.MAX_VALUE, 0)).isEqualTo(CallResult.EINVAL);
      assertThat(w.kernel.machine().disk().writes()).isEqualTo(before);
      assertThat(load(t, 2)).isEqualTo(77);
    });
  }
}
