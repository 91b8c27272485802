package dev.faultline.vm.program.random;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.hw.DiskProfile;
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
import dev.faultline.vm.program.reference.ReferenceRun;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random programs print on the model what the reference says: with plenty of memory and with so little that they page,
 * in both modes.
 *
 * <p>{@code -Dfaultline.programs=N} runs N of each kind instead of a few, {@code -Dfaultline.seed=S} begins with
 * another seed.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class RandomProgramsOnTheModelTest {
  private static final int PROGRAMS = Integer.getInteger("faultline.programs", 40);
  private static final long SEED = Long.getLong("faultline.seed", 1);

  private final ThreadStrands strands = new ThreadStrands();

  static Stream<Arguments> kinds() {
    return Stream.of(Mode.FIXED, Mode.UP)
        .flatMap(
            mode ->
                Stream.of(
                    Arguments.of(mode, 4096, DiskProfile.ZERO, false),
                    Arguments.of(mode, 64, DiskProfile.ZERO, false),
                    Arguments.of(mode, 48, DiskProfile.ADVERSARIAL, true)));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void program_printsWhatTheReferenceSays(Mode mode, int frames, DiskProfile disk,
      boolean truncation) throws Exception {
    RandomOptions options = RandomOptions.DEFAULT.truncated(truncation);
    for (long seed = SEED; seed < SEED + PROGRAMS; seed++) {
      String text = RandomPrograms.generate(seed, options.withFileCalls(seed % 2 == 0));
      try (VmProgram program = VmProgram.of(text)) {
        ReferenceRun right = Reference.run(program);
        assertTrue(right.stuck().isEmpty());
        check(program, right, mode, frames, disk, seed);
      }
    }
  }

  private void check(VmProgram program, ReferenceRun right, Mode mode, int frames, DiskProfile disk, long seed) {
    String what = "seed " + seed + " " + mode + " frames " + frames + " disk " + disk;
    int swapPages = 8192;
    MachineConfig machine =
        MachineConfig.builder()
            .cpus(2)
            .frames(frames)
            .tlbEntries(8)
            .diskBlocks(8L * swapPages + KernelRun.fileBlocks(program, 4096))
            .disk(disk)
            .seed(seed)
            .stamps(true)
            .build();
    Kernel kernel =
        new Kernel(
            KernelConfig.builder(machine).mode(mode).swapPages(swapPages).witness(true).poison(0xdeadf4a3e5L).build(),
                strands);
    Findings findings = new Findings();
    ContentOracle oracle = new ContentOracle(kernel.machine().memory(), findings);
    oracle.install(kernel.machine());
    kernel.processes().setWatcher(oracle);
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    KernelRun run = new KernelRun(kernel, program, (bytes, offset, count) -> append(output, bytes, offset, count));
    run.start();
    assertTrue(run.await(TimeUnit.SECONDS.toNanos(60)), () -> "hangs: " + what);
    assertNull(kernel.death(), what);
    assertNull(right.difference(output.toString(StandardCharsets.UTF_8)), what);
    assertTrue(findings.isEmpty(), () -> what + ": " + findings);
    kernel.close();
  }

  private static synchronized void append(ByteArrayOutputStream to, byte[] bytes, int offset, int count) {
    to.write(bytes, offset, count);
  }
}
