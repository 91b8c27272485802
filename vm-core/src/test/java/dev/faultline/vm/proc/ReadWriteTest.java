package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.detect.ContentOracle;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.Volume;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** read and write where memory or disk end, and what becomes of a file's data that cannot be written. */
@Timeout(60)
final class ReadWriteTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int DISK_PAGES = 32; // those of a ProcessWorld's that are not swap
  private static final long AT = 0x100000;
  private static final long FILE_AT = 0x800000;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  /** What a process does that has 40 pages of memory, all words different, and a file of four pages. */
  private interface Body {
    void run(ProcessWorld w, ProcThread t, Vnode file);
  }

  private static void run(Mode mode, Body body) {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Findings findings = new Findings();
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      ContentOracle oracle = new ContentOracle(w.kernel.machine().memory(), findings);
      oracle.install(w.kernel.machine());
      w.processes.setWatcher(oracle);
      AtomicReference<Vnode> file = new AtomicReference<>();
      w.kernel.run("files", () -> file.set(w.kernel.volume().create("f", 4 * PAGE, 0)));
      oracle.fileCreated(file.get(), 4 * PAGE, o -> Volume.word(0, 4 * PAGE, o));
      w.start(1, t -> {
        try {
          assertThat(w.calls.memory().mmapAnon(t, AT, 40 * PAGE, RW, false)).isEqualTo(CallResult.OK);
          assertThat(t.access().fill(AT, 40 * PAGE / 8, 1)).isEqualTo(CallResult.OK);
          body.run(w, t, file.get());
        } catch (AssertionError e) {
          failure.set(e);
        }
        w.calls.life().exit(t);
      });
      w.awaitEnd();
      w.kernel.run("check", () -> w.kernel.vnodePager().checkInvariants());
    }
    if (failure.get() != null) {
      throw new AssertionError(failure.get().getMessage(), failure.get());
    }
    assertThat(findings.list()).isEmpty();
  }

  private static void assertMoves(ProcThread t, CallResult r, long bytes) {
    assertThat(r).isEqualTo(CallResult.OK);
    assertThat(t.access().value()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void addressesThatWrapAround_areRefused(Mode mode) {
    run(mode, (w, t, f) -> {
      FileCalls calls = w.calls.files();
      for (long address : new long[] {Long.MAX_VALUE, Long.MAX_VALUE - 7, Long.MAX_VALUE - 100,
          Long.MAX_VALUE - PAGE, (1L << 47) - 8}) {
        for (long length : new long[] {1, 9, 200, PAGE, 3 * PAGE, Long.MAX_VALUE}) {
          assertThat(calls.write(t, f, 0, address, length)).as("write %x %d", address, length)
              .isEqualTo(CallResult.EFAULT);
          assertThat(calls.read(t, f, 0, address, length)).as("read %x %d", address, length)
              .isEqualTo(CallResult.EFAULT);
        }
      }
      assertThat(f.size()).isEqualTo(4 * PAGE);
      assertMoves(t, calls.read(t, f, 4 * PAGE, Long.MAX_VALUE, 8), 0); // touches no memory
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void writeToAFullDisk_isRefused_andWhatCameBeforeIsThere(Mode mode) {
    run(mode, (w, t, f) -> {
      FileCalls calls = w.calls.files();
      assertMoves(t, calls.write(t, f, 0, AT, 40 * PAGE), DISK_PAGES * PAGE);
      assertThat(f.size()).isEqualTo(DISK_PAGES * PAGE);
      assertThat(calls.write(t, f, DISK_PAGES * PAGE, AT, 8)).isEqualTo(CallResult.ENOSPC);
      assertThat(calls.write(t, f, 1L << 40, AT, 8)).isEqualTo(CallResult.ENOSPC);
      assertThat(f.size()).as("nothing has changed").isEqualTo(DISK_PAGES * PAGE);
      assertMoves(t, calls.write(t, f, 100, AT, 2 * PAGE), 2 * PAGE); // what has a place needs none
      assertMoves(t, calls.read(t, f, 0, AT, 40 * PAGE), DISK_PAGES * PAGE);
      assertThat(calls.truncate(t, f, 2 * PAGE)).isEqualTo(CallResult.OK);
      assertMoves(t, calls.write(t, f, 10 * PAGE, AT, 8), 8); // there is room again, holes take none
      assertThat(calls.truncate(t, f, 100 * PAGE)).isEqualTo(CallResult.OK);
      assertMoves(t, calls.write(t, f, 20 * PAGE, AT, 40 * PAGE), (DISK_PAGES - 3) * PAGE);
      assertThat(calls.write(t, f, 5 * PAGE, AT, 8)).as("a hole").isEqualTo(CallResult.ENOSPC);
      assertMoves(t, calls.read(t, f, 5 * PAGE, AT, PAGE), PAGE);
      assertThat(t.access().load(AT)).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isZero();
      assertThat(w.calls.memory().mmapFile(t, FILE_AT, 100 * PAGE, RW, true, f, 0)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().msync(t, FILE_AT, 100 * PAGE, 0)).as("all that was written has a place")
          .isEqualTo(CallResult.OK);
      assertThat(t.access().store(FILE_AT + 6 * PAGE, 5)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().msync(t, FILE_AT, 100 * PAGE, 0)).as("a store to a hole has none")
          .isEqualTo(CallResult.EIO);
      assertThat(calls.truncate(t, f, 19 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().msync(t, FILE_AT, 100 * PAGE, 0)).isEqualTo(CallResult.OK);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aHugeFileThatIsNearlyAllHole_isMappedAtOnce_withWhatIsResident(Mode mode) {
    run(mode, (w, t, f) -> {
      FileCalls calls = w.calls.files();
      assertThat(calls.truncate(t, f, 1L << 46)).isEqualTo(CallResult.OK);
      assertMoves(t, calls.write(t, f, (1L << 45) + 5, AT, 8), 8); // a page of which only a part is valid
      assertMoves(t, calls.read(t, f, PAGE, AT, PAGE), PAGE);
      assertThat(w.calls.memory().mmapFile(t, 1L << 46, 1L << 46, RW, true, f, 0)).isEqualTo(CallResult.OK);
      t.inKernel(() -> assertThat(t.process().vmspace().pmap().extract((1L << 46) + PAGE)).as("entered")
          .isNotNegative());
      assertThat(t.access().load((1L << 46) + (1L << 45))).isEqualTo(CallResult.OK);
      assertThat(t.access().value()).isEqualTo(1L << 40);
    });
  }

  /** Stores to a page of a file whose place takes no writes, and has the file's object end. */
  private static void lose(ProcessWorld w, ProcThread t, Vnode f, FaultMode how) {
    assertThat(w.calls.memory().mmapFile(t, FILE_AT, 4 * PAGE, RW, true, f, 0)).isEqualTo(CallResult.OK);
    for (int page = 0; page < 4; page++) {
      assertThat(t.access().store(FILE_AT + (long) page * PAGE, 77)).isEqualTo(CallResult.OK);
    }
    w.kernel.machine().disk().fail(8 * 64 + 8, 8, how); // page 1 of the file
    assertThat(w.calls.memory().munmap(t, FILE_AT, 4 * PAGE)).isEqualTo(CallResult.OK);
    t.inKernel(() -> {
      f.lock();
      w.kernel.vnodePager().uncache(f);
      f.unlock();
    });
    w.kernel.machine().disk().clearFaults();
    assertThat(w.calls.memory().mmapFile(t, FILE_AT, 4 * PAGE, RW, true, f, 0)).isEqualTo(CallResult.OK);
  }

  private static List<Long> firstWords(ProcThread t) {
    List<Long> words = new ArrayList<>();
    for (int page = 0; page < 4; page++) {
      assertThat(t.access().load(FILE_AT + (long) page * PAGE)).isEqualTo(CallResult.OK);
      words.add(t.access().value());
    }
    return words;
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whatCannotBeWrittenWhenAFileIsForgotten_isTold_once(Mode mode) {
    run(mode, (w, t, f) -> {
      lose(w, t, f, FaultMode.STICKY_WRITE);
      List<Long> words = firstWords(t);
      words.remove(1); // what a write that failed leaves on the disk is anything
      assertThat(words).containsOnly(77L);
      assertThat(w.calls.paging().msync(t, FILE_AT, PAGE, 1)).as("who does not wait is not told")
          .isEqualTo(CallResult.OK);
      assertThat(w.calls.paging().msync(t, FILE_AT, PAGE, 0)).isEqualTo(CallResult.EIO);
      assertThat(w.calls.paging().msync(t, FILE_AT, 4 * PAGE, 0)).isEqualTo(CallResult.OK);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aBadPlace_keepsNoNeighbourFromTheDisk(Mode mode) {
    run(mode, (w, t, f) -> {
      assertThat(w.calls.memory().mmapFile(t, FILE_AT, 4 * PAGE, RW, true, f, 0)).isEqualTo(CallResult.OK);
      w.kernel.machine().disk().fail(8 * 64 + 8, 8, FaultMode.STICKY_WRITE);
      for (int round = 1; round <= 3; round++) {
        for (int page = 0; page < 4; page++) {
          assertThat(t.access().store(FILE_AT + (long) page * PAGE, round)).isEqualTo(CallResult.OK);
        }
        for (int page = 3; page >= 0; page--) {
          assertThat(w.calls.paging().msync(t, FILE_AT + (long) page * PAGE, PAGE, 0)).as("page %d", page)
              .isEqualTo(page == 1 ? CallResult.EIO : CallResult.OK);
        }
      }
      w.kernel.machine().disk().clearFaults();
      assertThat(w.calls.paging().msync(t, FILE_AT, 4 * PAGE, 0)).isEqualTo(CallResult.OK);
      assertThat(w.kernel.volume().diskWord(f, PAGE)).isEqualTo(3);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aDiskThatFailsOnce_losesNothing_whenAFileIsForgotten(Mode mode) {
    run(mode, (w, t, f) -> {
      lose(w, t, f, FaultMode.TRANSIENT_WRITE);
      assertThat(firstWords(t)).containsOnly(77L);
      assertThat(w.calls.paging().msync(t, FILE_AT, 4 * PAGE, 0)).isEqualTo(CallResult.OK);
    });
  }
}
