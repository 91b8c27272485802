package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A call that is refused says why, changes nothing, and is not told to whoever follows the address space (3.8). */
@Timeout(60)
final class RefusedCallsTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long AT = 0x10000;
  private static final long MAX = 1L << 47;
  private static final long DATA = 0x400000;
  private static final ExecImage IMAGE = new ExecImage(DATA, 1L << 32);

  /** A process with a page at AT, whose watcher has been heard. */
  private interface Body {
    void run(ProcessWorld w, ProcThread t, Told told);
  }

  private static void run(Mode mode, Body body) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Told told = new Told();
      w.processes.setWatcher(told);
      w.runOne(t -> {
        w.map(t, AT, false);
        assertThat(told.news()).containsExactly("anon 0x10000+0x1000");
        body.run(w, t, told);
      });
    }
  }

  /** Expects each answer to be {@code why}, and that it left no trace. */
  private static void refused(ProcThread t, Told told, CallResult why, List<CallResult> answers, int entries) {
    assertThat(answers).containsOnly(why);
    assertThat(told.news()).isEmpty();
    assertThat(t.process().vmspace().map().entryCount()).isEqualTo(entries);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void mmap_outOfRange(Mode mode) {
    run(mode, (w, t, told) -> {
      MemoryCalls m = w.calls.memory();
      refused(t, told, CallResult.EINVAL, List.of(
          m.mmapAnon(t, AT + 8, PAGE, RW, false), m.mmapAnon(t, AT, 0, RW, false), m.mmapAnon(t, AT, -1, RW, false),
          m.mmapAnon(t, -PAGE, PAGE, RW, false), m.mmapAnon(t, MAX, PAGE, RW, true),
          m.mmapAnonAnywhere(t, -1, PAGE, RW, false), m.mmapAnonAnywhere(t, 0, 0, RW, false)), 1);
      refused(t, told, CallResult.ENOMEM, List.of(
          m.mmapAnonAnywhere(t, MAX + 1, PAGE, RW, false), m.mmapAnonAnywhere(t, AT, MAX, RW, false)), 1);
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void mmapOfFiles_outOfRange(Mode mode) {
    run(mode, (w, t, told) -> {
      Vnode[] f = new Vnode[1];
      t.inKernel(() -> f[0] = w.kernel.volume().create("f", 2 * PAGE, 1));
      MemoryCalls m = w.calls.memory();
      long last = -PAGE & Long.MAX_VALUE;
      refused(t, told, CallResult.EINVAL, List.of(
          m.mmapFile(t, AT + 8, PAGE, RW, true, f[0], 0), m.mmapFile(t, AT, PAGE, RW, true, f[0], 8),
          m.mmapFile(t, AT, PAGE, RW, true, f[0], -PAGE), m.mmapFile(t, AT, 2 * PAGE, RW, true, f[0], last),
          m.mmapFileAnywhere(t, 0, 0, RW, true, f[0], 0), m.mmapFileAnywhere(t, 0, PAGE, RW, true, f[0], 8)), 1);
      refused(t, told, CallResult.ENOMEM,
          List.of(m.mmapFileAnywhere(t, MAX, PAGE, RW, true, f[0], 0), m.mmapFileAnywhere(t, AT, MAX, RW, false, f[0],
              0)),
          1);
      assertThat(m.mmapFile(t, AT, PAGE, RW, true, f[0], 0)).isEqualTo(CallResult.OK);
      assertThat(m.mmapFileAnywhere(t, DATA, PAGE, VmProt.WRITE, true, f[0], PAGE)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("file 0x10000+0x1000", "file 0x400000+0x1000");
      t.inKernel(() -> assertThat(w.kernel.vnodePager().liveObjectOf(f[0]).refCount()).as("2, and this").isEqualTo(3));
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void mmapOfDevices_beyondTheirEnd(Mode mode) {
    run(mode, (w, t, told) -> {
      Device d = w.kernel.devicePager().create("d", 0, 2);
      MemoryCalls m = w.calls.memory();
      refused(t, told, CallResult.EINVAL, List.of(
          m.mmapDevice(t, AT + 8, PAGE, RW, d, 0), m.mmapDevice(t, AT, PAGE, RW, d, 8),
          m.mmapDevice(t, AT, PAGE, RW, d, -PAGE), m.mmapDevice(t, AT, PAGE + 1, RW, d, PAGE),
          m.mmapDevice(t, AT, PAGE, RW, d, 2 * PAGE)), 1);
      assertThat(m.mmapDevice(t, AT, PAGE, RW, d, PAGE)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("file 0x10000+0x1000");
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void changesOfRanges_outOfRange(Mode mode) {
    run(mode, (w, t, told) -> {
      MemoryCalls m = w.calls.memory();
      PagingCalls p = w.calls.paging();
      refused(t, told, CallResult.EINVAL, List.of(
          m.munmap(t, AT, 0), m.munmap(t, AT + 1, PAGE), m.mprotect(t, AT, 0, RW), m.mprotect(t, MAX, PAGE, RW),
          m.minherit(t, AT + 8, PAGE, Inheritance.NONE), p.mlock(t, AT + 8, PAGE), p.munlock(t, AT, 0),
          p.madvise(t, AT, 0, true), p.mincore(t, MAX, 1, PAGE, new byte[1]), p.msync(t, AT + 1, PAGE, 0),
          p.msync(t, AT + 1, 0, 0), p.msync(t, AT + PAGE, 0, 0), p.msync(t, AT, PAGE, 64),
          p.msync(t, AT, PAGE, PagingCalls.MS_ASYNC | PagingCalls.MS_INVALIDATE)), 1);
      refused(t, told, CallResult.ENOMEM, List.of(p.munlock(t, AT, PAGE)), 1);
      assertThat(p.mlock(t, AT, 2 * PAGE)).as("a hole").isEqualTo(CallResult.ENOMEM);
      assertThat(p.mlock(t, AT, 1L << 40)).as("more than may be wired").isEqualTo(CallResult.EAGAIN);
      assertThat(p.mlock(t, AT, 1)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("wire 0x10000+0x2000", "not wired 0x10000+0x2000",
          "wire 0x10000+0x1000", "wired 0x10000+0x1000");
      assertThat(m.mprotect(t, AT, PAGE, VmProt.READ)).isEqualTo(CallResult.OK);
      assertThat(m.minherit(t, AT, PAGE, Inheritance.NONE)).isEqualTo(CallResult.OK);
      assertThat(m.munmap(t, AT, 1)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("protected 0x10000+0x1000", "NONE 0x10000+0x1000",
          "unmapped 0x10000+0x1000");
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void segments_tellWhatTheyGainAndLose(Mode mode) {
    run(mode, (w, t, told) -> {
      SegmentCalls s = w.calls.segments();
      assertThat(w.calls.life().exec(t, new ExecImage(DATA + 1, 1L << 32))).isEqualTo(CallResult.EINVAL);
      assertThat(told.news()).isEmpty();
      assertThat(w.calls.life().exec(t, IMAGE)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("dropped", "anon 0xfffe0000+0x20000");
      assertThat(s.obreak(t, DATA - 1)).isEqualTo(CallResult.EINVAL);
      assertThat(s.obreak(t, MAX + 1)).isEqualTo(CallResult.ENOMEM);
      assertThat(told.news()).isEmpty();
      assertThat(s.obreak(t, DATA + 2 * PAGE)).isEqualTo(CallResult.OK);
      assertThat(s.obreak(t, DATA + 2 * PAGE - 5)).as("the same page").isEqualTo(CallResult.OK);
      assertThat(s.obreak(t, DATA + PAGE)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("anon 0x400000+0x2000", "unmapped 0x401000+0x1000");
      assertThat(t.access().store(t.process().vmspace().segments().stackBottom() - 8, 1)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("anon 0xfffc0000+0x20000");
      assertThat(s.setrlimit(t, ResourceLimits.Limit.STACK, 0, 1 << 20)).isEqualTo(CallResult.OK);
      assertThat(t.access().store((1L << 32) - (1 << 19), 1)).as("beyond its limit").isEqualTo(CallResult.SIGSEGV);
      assertThat(told.news()).containsExactly("store refused: FAILURE, excused");
      assertThat(w.calls.life().exec(t, IMAGE)).as("without room for a stack").isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("dropped");
      assertThat(t.access().load((1L << 32) - 8)).isEqualTo(CallResult.SIGSEGV);
      assertThat(t.access().load(-8)).as("the kernel's").isEqualTo(CallResult.SIGSEGV);
      assertThat(told.news()).containsExactly("load refused: FAILURE, excused", "load refused: INVALID_ADDRESS");
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void readAndWrite_withBadArguments(Mode mode) {
    run(mode, (w, t, told) -> {
      Vnode[] f = new Vnode[1];
      t.inKernel(() -> f[0] = w.kernel.volume().create("f", 8, 1));
      FileCalls c = w.calls.files();
      refused(t, told, CallResult.EINVAL, List.of(
          c.read(t, f[0], -1, AT, 8), c.read(t, f[0], 0, AT, -1), c.read(t, f[0], 0, -8, 8),
          c.write(t, f[0], -1, AT, 8), c.write(t, f[0], 0, AT, -1), c.write(t, f[0], 0, -8, 8),
          c.truncate(t, f[0], -1)), 1);
      refused(t, told, CallResult.EFBIG, List.of(
          c.write(t, f[0], 1L << 62, AT, 8), c.truncate(t, f[0], Long.MAX_VALUE)), 1);
      assertThat(c.write(t, f[0], 1L << 62, AT, 0)).as("nothing, anywhere").isEqualTo(CallResult.OK);
      assertThat(c.truncate(t, f[0], 16)).isEqualTo(CallResult.OK);
      assertThat(told.news()).containsExactly("truncate", "truncated");
      assertThat(w.calls.life().waitFor(t, null)).isEqualTo(CallResult.ECHILD);
    });
  }
}
