package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.ContentOracle;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.reference.Reference;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** image, brk, limit, the stack and devices: what programs print, on the model and by the reference. */
@Timeout(60)
class MoreWordsTest {
  private static String run(VmProgram p, Mode mode) {
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(128)
        .deviceFrames(KernelRun.deviceFrames(p, 4096)).diskBlocks(8 * 64 + KernelRun.fileBlocks(p, 4096)).build();
    Kernel kernel = new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(64).witness(true).build(),
        new ThreadStrands());
    Findings findings = new Findings();
    ContentOracle oracle = new ContentOracle(kernel.machine().memory(), findings);
    oracle.install(kernel.machine());
    kernel.processes().setWatcher(oracle);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    KernelRun run = new KernelRun(kernel, p, out::write);
    run.start();
    assertThat(run.await(30_000_000_000L)).isTrue();
    assertThat(kernel.death()).isNull();
    assertThat(findings.list()).isEmpty();
    kernel.close();
    return out.toString(StandardCharsets.US_ASCII);
  }

  private static void assertPrints(String section, String... lines) throws Exception {
    try (VmProgram p = VmProgram.of("vmprogram 1\ndevice d 0x3000\nprocess 1\n" + section);
        VmProgram printed = VmProgram.of(ProgramPrinter.print(p))) {
      assertThat(Reference.run(p).lines()).containsExactly(lines);
      for (Mode mode : new Mode[] {Mode.FIXED, Mode.UP}) {
        assertThat(run(p, mode).lines()).as("%s", mode).containsExactly(lines);
      }
      assertThat(ProgramPrinter.print(printed)).isEqualTo(ProgramPrinter.print(p));
    }
  }

  @Test
  void theBreak_movesWithinItsLimit() throws Exception {
    assertPrints("""
        brk 0x40000000
        image 0x40000000 0x60000000
        load 0x40000000
        brk 0x40000001
        store 0x40000000 7
        brk 0x40002000
        load 0x40000000
        load 0x40001000
        brk 0x3ffff000
        limit data 0x2000
        brk 0x40002001
        brk 0x40001000
        load 0x40001000
        mmap 0x40001000 0x1000 rw- private anon
        brk 0x40002000
        fork 2
        wait 2
        load 0x40000000
        process 2
        brk 0x40000000
        load 0x40000000
        """, "1 4 brk = ENOMEM", "1 6 load = SIGSEGV", "1 10 load = 0x7", "1 11 load = 0x0", "1 12 brk = EINVAL",
        "1 14 brk = ENOMEM", "1 16 load = SIGSEGV", "1 18 brk = ENOMEM", "2 24 load = SIGSEGV", "1 21 load = 0x7");
  }

  @Test
  void theStack_growsWhereItIsUsed_toItsLimit_andToWhatIsMapped() throws Exception {
    assertPrints("""
        store 0x5ffffff8 1
        image 0x40000000 0x60000000
        store 0x5ffffff8 1
        load 0x5fff0000
        limit stack 0x40000
        load 0x5ffc0000
        load 0x5ffbfff8
        limit stack 0x10000000
        mmap 0x5fe00000 0x1000 rw- private anon
        store 0x5fe00008 5
        load 0x5fe01000
        load 0x5fdffff8
        load 0x5fe00008
        munmap 0x5fff0000 0x1000
        load 0x5fff0000
        read f 0 0x5fe02000 8
        vfork 2
        wait 2
        load 0x5ffffff8
        process 2
        store 0x5ffffff8 2
        limit stack 0
        image 0x40000000 0x70000000
        load 0x6ffffff8
        """, "1 4 store = SIGSEGV", "1 7 load = 0x0", "1 9 load = 0x0", "1 10 load = SIGSEGV", "1 14 load = 0x0",
        "1 15 load = SIGSEGV", "1 16 load = 0x5", "1 18 load = SIGSEGV", "1 19 read = 0x8", "2 27 load = SIGSEGV",
        "1 22 load = 0x2");
  }

  @Test
  void lockedMemory_isLimited() throws Exception {
    assertPrints("""
        image 0x40000000 0x60000000
        brk 0x40004000
        limit memlock 0x2000
        limit rss 0x5000
        mlock 0x40000000 0x3000
        mlock 0x40000000 0x1000
        mlock 0x40001000 0x2000
        mlock 0x40001000 0x1000
        munlock 0x40000000 0x2000
        mlock 0x40002000 0x2000
        """, "1 8 mlock = ENOMEM", "1 10 mlock = ENOMEM");
  }

  @Test
  void aDevice_isSharedMemoryOfConstantLength() throws Exception {
    assertPrints("""
        mmap 0x10000 0x3000 rw- shared device d 0
        mmap 0x20000 0x1000 r-- shared device d 0x2000
        mmap 0x30000 0x2000 rw- shared device d 0x2000
        load 0x12008
        store 0x12008 7
        load 0x20008
        store 0x20008 8
        load 0x30000
        mlock 0x10000 0x3000
        msync 0x10000 0x3000
        madvise 0x10000 0x3000 free
        fork 2
        wait 2
        load 0x12008
        munlock 0x10000 0x3000
        write f 0 0x12008 2
        read f 0 0x12010 8
        load 0x20010
        process 2
        add 0x12008 1
        """, "1 6 mmap = EINVAL", "1 7 load = 0x0", "1 9 load = 0x7", "1 10 store = SIGBUS", "1 11 load = SIGSEGV",
        "2 23 add = 0x7", "1 17 load = 0x8", "1 19 write = 0x2", "1 20 read = 0x8", "1 21 load = 0x8");
  }

  @Test
  void whatCannotBe_isRefused() {
    for (String wrong : new String[] {"image 0x1000 0x2000", "image 0x1000 0x800000001000",
        "image 0x1001 0x60000000", "image 0x40000000 0x60000008", "brk", "brk 0x800000000000", "limit cpu 5",
        "limit data", "limit data 0x8000000000000000", "image 0x1000",
        "mmap 0x1000 0x1000 rw- shared device d 0", "mmap 0x1000 0x1000 rw- shared paper"}) {
      assertThatThrownBy(() -> VmProgram.of("vmprogram 1\nprocess 1\n" + wrong + "\n").close()).as(wrong)
          .isInstanceOf(ProgramException.class);
    }
  }
}
