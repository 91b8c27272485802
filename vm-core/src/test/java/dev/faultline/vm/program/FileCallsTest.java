package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.FaultMode;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.reference.Reference;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** read and write of programs: what they print, on the model and by the reference, and what mappings see of them. */
@Timeout(120)
class FileCallsTest {
  private static final String MAPS = """
      process 1
      mmap 0x10000 0x2000 rw- private anon
      mmap 0x20000 0x4000 rw- shared file f 0
      """;
  private static final String PARTIAL = """
      vmprogram 1
      file f 0
      """ + MAPS + """
      store 0x10000 7
      write f 0 0x10000 512
      load 0x20000
      """;

  private static String run(String text, Mode mode, int blockChunks, Set<Defect> defects, Consumer<Kernel> before)
      throws Exception {
    try (VmProgram p = VmProgram.of(text)) {
      MachineConfig machine = MachineConfig.builder().cpus(2).frames(64)
          .diskBlocks(8 * 64 + KernelRun.fileBlocks(p, 4096)).build();
      Kernel kernel = new Kernel(
          KernelConfig.builder(machine).mode(mode).swapPages(64).defects(defects).blockChunks(blockChunks).witness(true)
              .build(),
          new ThreadStrands());
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      KernelRun run = new KernelRun(kernel, p, out::write);
      before.accept(kernel);
      run.start();
      assertThat(run.await(60_000_000_000L)).isTrue();
      assertThat(kernel.death()).isNull();
      kernel.run("check", () -> kernel.vnodePager().checkInvariants());
      kernel.close();
      return out.toString(StandardCharsets.US_ASCII);
    }
  }

  private static void assertPrints(String text, String... lines) throws Exception {
    try (VmProgram p = VmProgram.of(text)) {
      assertThat(Reference.run(p).lines()).containsExactly(lines);
    }
    for (Mode mode : new Mode[] {Mode.FIXED, Mode.UP}) {
      for (int chunks : new int[] {1, 2, 8, 16}) {
        assertThat(run(text, mode, chunks, Defect.defaults(), k -> {}).lines()).as("%s, %d chunks", mode, chunks)
            .containsExactly(lines);
      }
    }
  }

  @Test
  void aWrite_isSeenThroughMappings_andStoresAreRead() throws Exception {
    assertPrints("vmprogram 1\nfile f 10000 3\n" + MAPS + """
        store 0x10000 0x1122334455667788
        write f 0x1004 0x10000 8
        load 0x21000
        store 0x21000 5
        read f 0x1000 0x11000 16
        load 0x11000
        """,
        "1 7 write = 0x8", "1 8 load = 0x556677882b2f2ef2".replace("2b2f2ef2", low(3, 0x1000)),
        "1 10 read = 0x10", "1 11 load = 0x5");
  }

  private static String low(long seed, long offset) {
    return String.format("%08x", FileContent.word(seed, 10_000, offset) & 0xffffffffL);
  }

  @Test
  void anExtendingWrite_leavesZerosBefore_andReadsEndWithTheFile() throws Exception {
    assertPrints("vmprogram 1\nfile f 3 9\n" + MAPS + """
        fill 0x10000 0x1000 1
        write f 0x2ffe 0x10001 5
        sum 0x21000 0x1000
        load 0x22ff8
        load 0x23000
        read f 0x3000 0x11001 100
        load 0x11000
        read f 0x3003 0x11000 8
        write f 0 0x10000 0
        """,
        "1 7 write = 0x5", "1 8 sum = 0x0", "1 9 load = 0x0", "1 10 load = 0x0",
        "1 11 read = 0x3", "1 12 load = 0x0", "1 13 read = 0x0", "1 14 write = 0x0");
  }

  @Test
  void theExampleOfTheDocument_printsWhatItSays() throws Exception {
    String page = Files.readString(Path.of("../docs/file-calls.md"));
    String program = page.substring(page.indexOf("vmprogram 1"), page.indexOf("```", page.indexOf("vmprogram 1")));
    String output = page.substring(page.indexOf("1 7 write"), page.indexOf("```", page.indexOf("1 7 write")));
    assertPrints(program, output.lines().toArray(String[]::new));
  }

  @Test
  void whatIsRefusedMidway_countsAsFarAsItGot() throws Exception {
    assertPrints("vmprogram 1\nfile f 20000 9\n" + MAPS + """
        read f 0 0x11ffc 100
        write f 19990 0x11ff8 100
        read f 0 0x90000 8
        write f 0 0x90000 8
        read f 30000 0x90000 8
        mprotect 0x10000 0x1000 r--
        read f 0 0x10000 8
        write f 0 0x10000 8
        """,
        "1 6 read = 0x4", "1 7 write = 0x8", "1 8 read = EFAULT", "1 9 write = EFAULT", "1 10 read = 0x0",
        "1 12 read = EFAULT", "1 13 write = 0x8");
  }

  @Test
  void aPartiallyValidPage_overAHole_isMappedWithWhatWasWritten() throws Exception {
    assertPrints(PARTIAL, "1 7 write = 0x200", "1 8 load = 0x7");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aPartiallyValidPage_isLost_withTheSwitch(Mode mode) throws Exception {
    Set<Defect> partial = EnumSet.copyOf(Defect.defaults());
    partial.add(Defect.H_PARTIAL);
    assertThat(run(PARTIAL, mode, 2, partial, k -> {}).lines()).containsExactly("1 7 write = 0x200", "1 8 load = 0x0");
    Findings found = new CheckedProgram().mode(mode).defect(Defect.H_PARTIAL).run(PARTIAL);
    assertThat(found.list()).as("the oracle sees it").isNotEmpty();
    assertThat(new CheckedProgram().mode(mode).run(PARTIAL).list()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"FIXED", "UP"})
  void aBadDisk_isSaid_andLeavesTheFileAsItWas(Mode mode) throws Exception {
    String text = "vmprogram 1\nfile f 8192 9\n" + MAPS + """
        read f 0 0x10000 8
        write f 4 0x10000 2
        read f 0x1000 0x10000 8
        read f 0 0x10000 8
        """;
    String out = run(text, mode, 2, Defect.defaults(),
        k -> k.machine().disk().fail(64 * 8, 8, FaultMode.STICKY_READ));
    assertThat(out.lines()).containsExactly("1 6 read = EIO", "1 7 write = EIO", "1 8 read = 0x8", "1 9 read = EIO");
  }

  @Test
  void theExtension_isParsedAndPrinted() throws Exception {
    String text = "vmprogram 1\nprocess 1\nread g 0x5 0x1003 0x0\nwrite g 0x0 0x7 0x9\n";
    try (VmProgram p = VmProgram.of(text)) {
      assertThat(ProgramPrinter.print(p)).contains("read g 0x5 0x1003 0x0\nwrite g 0x0 0x7 0x9\n");
      assertThat(p.files().get(0).length()).as("of a file that is read but not declared").isEqualTo(5);
    }
    assertThatThrownBy(() -> VmProgram.of("vmprogram 1\nprocess 1\nread g 0x7fffffffffffffff 0x1000 8\n"))
        .hasMessageContaining("ends below 2^63");
  }
}
