package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.ContentOracle;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.program.reference.Reference;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random programs print on the kernel what the reference says, with plenty of memory and with hardly any. */
@Timeout(value = 3600, unit = TimeUnit.SECONDS)
class KernelAgreesTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final int SWAP_PAGES = 4096;
  private static final long PROGRAM_NANOS_MAX = TimeUnit.SECONDS.toNanos(120);

  private static void assertAgrees(long seed, RandomOptions options, Mode mode, int cpus, int frames) throws Exception {
    String what = String.format("seed %d, %s, %s, %d CPUs, %d frames", seed, options, mode, cpus, frames);
    try (VmProgram p = VmProgram.of(RandomPrograms.generate(seed, options))) {
      MachineConfig machine = MachineConfig.builder().cpus(cpus).frames(frames).tickNanos(100_000).seed(seed)
          .diskBlocks(8L * SWAP_PAGES + KernelRun.fileBlocks(p, VmProgram.PAGE_SIZE)).build();
      Kernel kernel = new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(SWAP_PAGES).witness(true).build(),
          STRANDS);
      Findings findings = new Findings();
      ContentOracle oracle = new ContentOracle(kernel.machine().memory(), findings);
      oracle.install(kernel.machine());
      kernel.processes().setWatcher(oracle);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      KernelRun run = new KernelRun(kernel, p, out::write);
      run.start();
      assertThat(run.await(PROGRAM_NANOS_MAX)).as("ends: %s", what).isTrue();
      assertThat(kernel.death()).as(what).isNull();
      assertThat(run.killed()).as(what).isEmpty();
      kernel.close();
      assertThat(findings.list()).as(what).isEmpty();
      assertThat(Reference.run(p, seed).difference(out.toString(StandardCharsets.US_ASCII))).as(what).isNull();
    }
  }

  private static void assertAgree(int from, int to, Mode mode, int frames) throws Exception {
    RandomOptions d = RandomOptions.DEFAULT;
    List<RandomOptions> options = List.of(d, d.wired(true).truncated(true), d.sized(12, 100, 1200),
        d.sized(3, 12, 100), d.truncated(true).withFileCalls(true), d.sized(12, 100, 1200).withFileCalls(true),
        d.withSegments(true), d.wired(true).truncated(true).withFileCalls(true).withSegments(true));
    for (int seed = from; seed < to; seed++) {
      assertAgrees(seed, options.get(seed % options.size()), mode, seed % 8 < 4 ? 2 : 4, frames);
    }
  }

  @ParameterizedTest
  @CsvSource({"FIXED,2048", "FIXED,80", "UP,2048", "UP,80"})
  void randomPrograms_printWhatTheReferenceSays(Mode mode, int frames) throws Exception {
    assertAgree(0, 24, mode, frames);
  }

  @ParameterizedTest
  @Tag("slow")
  @CsvSource({"FIXED,2048", "FIXED,80", "UP,2048", "UP,80"})
  void thousandsOfRandomPrograms_printWhatTheReferenceSays(Mode mode, int frames) throws Exception {
    assertAgree(20_000, 22_500, mode, frames);
  }
}
