package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Findings;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole programs on a whole kernel. */
@Timeout(300)
final class KernelRunTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final Path TRACES = Path.of("../samples/traces");

  private record Run(List<String> lines, List<Long> killed, Findings findings) {
    /** The lines of one process, without its pid. */
    List<String> of(long pid) {
      String start = pid + " ";
      return lines.stream().filter(l -> l.startsWith(start)).map(l -> l.substring(start.length())).toList();
    }
  }

  private static MachineConfig.Builder machine(VmProgram program, int cpus, int frames, int swapPages) {
    return MachineConfig.builder()
        .cpus(cpus)
        .frames(frames)
        .tickNanos(1_000_000)
        .diskBlocks(8L * swapPages + KernelRun.fileBlocks(program, 4096));
  }

  private static Run run(VmProgram program, MachineConfig machine, Mode mode, int swapPages) {
    Kernel kernel =
        new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(swapPages).witness(true).build(), STRANDS);
    Findings findings = new Findings();
    RunChecks checks = new RunChecks(kernel, findings, 0);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    KernelRun run = new KernelRun(kernel, program, out::write);
    run.start();
    checks.start();
    assertThat(run.await(TimeUnit.SECONDS.toNanos(120))).as("ends").isTrue();
    Throwable death = kernel.death();
    if (death != null) {
      throw new AssertionError("the kernel died", death);
    }
    checks.stop();
    kernel.domain().strands().attach("test");
    checks.atRest();
    kernel.domain().strands().detach();
    List<Long> killed = new ArrayList<>();
    run.killed().forEach(p -> killed.add(p.pid()));
    kernel.close();
    assertThat(kernel.pages().freeList().freeCount() + cachedOf(kernel))
        .as("pages left over when all processes have gone: those of cached files")
        .isEqualTo(machine.frames());
    return new Run(out.toString(StandardCharsets.US_ASCII).lines().toList(), killed, findings);
  }

  /** Pages that are not free: of files that are cached. */
  private static int cachedOf(Kernel kernel) {
    int[] pages = new int[1];
    kernel.run("count", () -> kernel.objects().forEach(o -> pages[0] += o.residentPageCount()));
    return pages[0];
  }

  private static VmProgram program(String... lines) throws ProgramException {
    return VmProgram.of("vmprogram 1\n" + String.join("\n", lines) + "\n");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void everyCommand_answersAsTheLanguageSays(Mode mode) throws ProgramException {
    VmProgram p = program(
        "file f 5000 7", // 2
        "process 1", // 3
        "mmap 0x10000 0x2000 rw- private anon", // 4
        "load 0x10000", // 5 = 0x0
        "store 0x10000 5", // 6
        "add 0x10000 2", // 7 = 0x5
        "load 0x10000", // 8 = 0x7
        "fill 0x10ff0 32 1", // 9
        "sum 0x10ff0 32", // 10 = 0xa
        "load 0x50000", // 11 = SIGSEGV
        "mprotect 0x10000 0x1000 r--", // 12
        "store 0x10000 1", // 13 = SIGBUS
        "touch r 0x10003", // 14
        "touch w 0x10003", // 15 = SIGBUS
        "mprotect 0x10000 0x1000 ---", // 16
        "touch x 0x10003", // 17 = SIGBUS
        "munmap 0x10000 0x1000", // 18
        "load 0x10000", // 19 = SIGSEGV
        "load 0x11008", // 20 = 0x4
        "mmap 0x20000 0x4000 rw- shared file f 0", // 21
        "load 0x20008", // 22
        "load 0x21388", // 23: the first word past the end, in the last page = 0x0
        "load 0x22000", // 24 = SIGBUS
        "store 0x20008 9", // 25
        "msync 0x20000 0x4000", // 26
        "mmap 0x30000 0x1000 rw- private file f 0", // 27
        "load 0x30008", // 28 = 0x9
        "store 0x30008 1", // 29
        "load 0x20008", // 30 = 0x9
        "mincore 0x1f000 0x3000", // 31
        "truncate f 100", // 32
        "load 0x21000", // 33 = SIGBUS
        "mlock 0x11000 0x1000", // 34
        "munlock 0x11000 0x1000", // 35
        "mlock 0x60000 0x1000", // 36 = ENOMEM
        "madvise 0x11000 0x1000 dontneed", // 37
        "load 0x11008", // 38 = 0x4
        "minherit 0x11000 0x1000 none", // 39
        "fork 2", // 40
        "wait 2", // 41
        "sleep 2", // 42
        "exec", // 43
        "load 0x11008", // 44 = SIGSEGV
        "process 2", // 45
        "load 0x11008", // 46 = SIGSEGV
        "load 0x30008"); // 47 = 0x1
    Run r = run(p, machine(p, 2, 128, 64).build(), mode, 64);
    String word = "0x" + Long.toHexString(FileContent.word(7, 5000, 8));
    assertThat(r.of(1)).containsExactly(
        "5 load = 0x0", "7 add = 0x5", "8 load = 0x7", "10 sum = 0xa", "11 load = SIGSEGV", "13 store = SIGBUS",
        "15 touch = SIGBUS", "17 touch = SIGBUS", "19 load = SIGSEGV", "20 load = 0x4", "22 load = " + word,
        "23 load = 0x0", "24 load = SIGBUS", "28 load = 0x9", "30 load = 0x9", "31 mincore = 011", "33 load = SIGBUS",
        "36 mlock = ENOMEM", "38 load = 0x4", "44 load = SIGSEGV");
    assertThat(r.of(2)).containsExactly("46 load = SIGSEGV", "47 load = 0x1");
    assertThat(r.findings().list()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoUsesUpMemoryAndSwap_isKilled_theRestGoesOn(Mode mode) throws ProgramException {
    VmProgram p = program(
        "process 1",
        "mmap 0x10000 0x4000 rw- private anon",
        "fill 0x10000 0x4000 1",
        "fork 2",
        "wait 2",
        "sum 0x10000 0x4000",
        "process 2",
        "mmap 0x10000000 0x400000 rw- private anon",
        "fill 0x10000000 0x400000 1",
        "sum 0x10000000 0x400000");
    Run r = run(p, machine(p, 2, 128, 64).build(), mode, 64);
    assertThat(r.killed()).containsExactly(2L);
    assertThat(r.lines()).containsExactly("1 7 sum = 0x200400");
    assertThat(r.findings().list()).isEmpty();
  }

  static Stream<Arguments> traces() {
    List<Arguments> all = new ArrayList<>();
    for (String trace : List.of("ls", "perl-fork-cow", "shell-pipeline", "sqlite-mmap")) {
      for (Mode mode : List.of(Mode.FIXED, Mode.UP)) {
        all.add(Arguments.of(trace, mode, 8192, DiskProfile.ZERO));
        all.add(Arguments.of(trace, mode, 160, DiskProfile.ADVERSARIAL));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("traces")
  void aRecordedTrace_runsToItsEnd_refusedNothing(String trace, Mode mode, int frames, DiskProfile disk)
      throws Exception {
    try (VmProgram p = VmProgram.open(TRACES.resolve(trace + ".vm.gz").toString())) {
      Run r = run(p, machine(p, 4, frames, 8192).disk(disk).seed(frames).build(), mode, 8192);
      assertThat(r.lines()).isEmpty();
      assertThat(r.killed()).isEmpty();
      assertThat(r.findings().list()).isEmpty();
    }
  }
}
