package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.SystemCalls;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.VmProgram;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The oracle and the invariants on a whole kernel with processes. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class CheckedRunTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final int PAGE = 4096;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  /** A share map that only one address space has left is copied, and then stored to (vm-semantics 3.4, H-SHAREPROT). */
  private static final String SHARE_MAP_COPIED =
      """
      vmprogram 1
      barrier stored 2
      process 1
      mmap 0x100000 8192 rw- private anon
      store 0x100000 1
      minherit 0x100000 8192 share
      fork 2
      wait 2
      minherit 0x100000 8192 copy
      fork 3
      store 0x100000 2
      barrier stored
      load 0x100000
      wait 3
      process 2
      add 0x100000 5
      process 3
      barrier stored
      load 0x100000
      """;

  private static Kernel boot(Mode mode, int frames, Findings findings, AtomicReference<ContentOracle> oracle,
      Defect... defects) {
    MachineConfig machine =
        MachineConfig.builder().cpus(2).frames(frames).diskBlocks(8L * 1024).tickNanos(1_000_000).build();
    KernelConfig.Builder config = KernelConfig.builder(machine).mode(mode).swapPages(512).witness(true);
    for (Defect d : defects) {
      config.defect(d);
    }
    Kernel kernel = new Kernel(config.build(), STRANDS);
    ContentOracle o = new ContentOracle(kernel.machine().memory(), findings);
    o.install(kernel.machine());
    kernel.processes().setWatcher(o);
    oracle.set(o);
    return kernel;
  }

  private static void rest(Kernel kernel) {
    kernel.domain().strands().attach("rest");
    try {
      assertThat(Quiescence.await(kernel, TimeUnit.SECONDS.toNanos(20))).isTrue();
    } finally {
      kernel.domain().strands().detach();
    }
  }

  private static Findings run(String text, Mode mode, Defect... defects) throws Exception {
    Findings findings = new Findings();
    AtomicReference<ContentOracle> oracle = new AtomicReference<>();
    try (VmProgram program = VmProgram.of(text); Kernel kernel = boot(mode, 128, findings, oracle, defects)) {
      KernelRun run = new KernelRun(kernel, program, (bytes, from, count) -> {});
      run.start();
      assertThat(run.await(TimeUnit.SECONDS.toNanos(30))).isTrue();
      assertThat(kernel.death()).isNull();
      rest(kernel);
      Invariants.check(kernel, findings);
      assertThat(oracle.get().judged()).isEqualTo(5);
    }
    return findings;
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void copiedShareMap_isASnapshot(Mode mode) throws Exception {
    assertThat(run(SHARE_MAP_COPIED, mode).list()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void copiedShareMap_leftWritable_isFound(Mode mode) throws Exception {
    List<Finding> found = run(SHARE_MAP_COPIED, mode, Defect.H_SHAREPROT).list();
    assertThat(found).isNotEmpty();
    assertThat(found.get(0).kind()).isEqualTo(Finding.Kind.CONTENT);
    assertThat(found.get(0).details())
        .containsEntry("pid", "3")
        .containsEntry("expected", "0x6")
        .containsEntry("got", "0x2");
  }

  /** What one process holds still with, for the test to look at. */
  private static final class Held {
    final AtomicReference<ProcThread> thread = new AtomicReference<>();
    volatile boolean ready;
  }

  private static void fill(SystemCalls calls, ProcThread t, Vnode file, Held held) {
    must(calls.memory().mmapAnon(t, 0x100000, 100 * PAGE, RW, false));
    must(calls.memory().mmapFile(t, 0x400000, 4 * PAGE, RW, true, file, 0));
    must(calls.memory().mmapFile(t, 0x500000, 4 * PAGE, RW, false, file, 0));
    for (int i = 0; i < 100; i++) {
      must(t.access().store(0x100000 + (long) i * PAGE + 8, i));
    }
    must(t.access().store(0x400000, 77));
    must(t.access().store(0x501008, 78));
    must(t.access().load(0x502000));
    held.thread.set(t);
    held.ready = true;
    calls.life().sleep(t, 1L << 40);
    calls.life().exit(t);
  }

  private static void must(CallResult r) {
    if (r != CallResult.OK) {
      throw new AssertionError(r);
    }
  }

  @Test
  void contentsAtRest_areCompared_whereverTheyAre() {
    Findings findings = new Findings();
    AtomicReference<ContentOracle> oracle = new AtomicReference<>();
    try (Kernel kernel = boot(Mode.FIXED, 64, findings, oracle)) {
      Vnode file = kernel.call("file", () -> kernel.volume().create("f", 3 * PAGE + 100, 5));
      oracle.get().fileCreated(file, 3 * PAGE + 100, o -> Volume.word(5, 3 * PAGE + 100, o));
      SystemCalls calls = kernel.processes().systemCalls();
      Held held = new Held();
      kernel.run("boot", () -> kernel.processes().start(1, t -> fill(calls, t, file, held)));
      while (!held.ready) {
        Thread.onSpinWait();
      }
      rest(kernel);
      ProcThread t = held.thread.get();
      SpaceWatcher space = t.spaceWatcher();
      KernelParts parts = KernelParts.of(kernel);
      var followed = new KernelReader.Followed(t.process().vmspace().map(), space);
      int n = kernel.call("verify", () -> KernelReader.verifyAll(oracle.get(), parts, List.of(followed)));
      assertThat(n).isGreaterThan(105);
      Invariants.check(kernel, findings);
      assertThat(findings.list()).isEmpty();
      assertThat(kernel.swapPager().freePages()).as("pages were written to swap").isLessThan(512);

      VmPage resident = resident(kernel, t, 0x100000);
      kernel.machine().memory().store(resident.frame(), 1, -5);
      kernel.run("verify", () -> KernelReader.verifyAll(oracle.get(), parts, List.of(followed)));
      assertThat(findings.count()).isEqualTo(1);
      assertThat(findings.list().get(0).message()).startsWith("I-48");

      VmPage filePage = resident(kernel, t, 0x400000);
      kernel.machine().memory().store(filePage.frame(), 0, -5);
      kernel.run("verify", () -> KernelReader.verifyAll(oracle.get(), parts, List.of()));
      assertThat(findings.count()).isEqualTo(2);
      assertThat(findings.list().get(1).message()).startsWith("I-49");

      kernel.run("stop", kernel.processes()::stop);
      kernel.domain().strands().attach("wait");
      assertThat(kernel.processes().awaitEnd(TimeUnit.SECONDS.toNanos(20))).isTrue();
      kernel.domain().strands().detach();
    }
  }

  /** Returns a page that is mapped at {@code start} or above. */
  private static VmPage resident(Kernel kernel, ProcThread t, long start) {
    for (long va = start; va < start + 100 * PAGE; va += PAGE) {
      int frame = t.process().vmspace().pmap().extract(va);
      if (frame >= 0) {
        return kernel.pages().page(frame);
      }
    }
    throw new AssertionError("nothing mapped");
  }
}
