package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.CheckedProgram;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Programs whose processes race: nothing that the kernel lets them see is wrong, with plenty of memory and with hardly
 * any, in both modes.
 *
 * <p>{@code -Dfaultline.programs=N} runs N of each kind instead of a few, {@code -Dfaultline.seed=S} begins with
 * another seed.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class RacingProgramsTest {
  private static final int PROGRAMS = Integer.getInteger("faultline.programs", 16);
  private static final long SEED = Long.getLong("faultline.seed", 1);

  private static RacingOptions options(long seed) {
    RacingOptions d = RacingOptions.DEFAULT;
    List<RacingOptions> all = List.of(d, d.truncated(), d.wired(), d.truncated().sized(4, 400),
        d.withFileCalls(true), d.truncated().withFileCalls(true), d.wired().withFileCalls(true),
        d.withSegments(true), d.withDevices(true).withFileCalls(true),
        d.wired().withDevices(true), d.wired().withFileCalls(true).withSegments(true));
    return all.get((int) Math.floorMod(seed, (long) all.size()));
  }

  @Test
  void theSameSeed_givesTheSameProgram() {
    for (long seed = 0; seed < 8; seed++) {
      String text = RacingPrograms.generate(seed, options(seed));
      assertThat(RacingPrograms.generate(seed, options(seed))).isEqualTo(text);
      assertThat(RacingPrograms.generate(seed + 700, options(seed))).isNotEqualTo(text);
    }
  }

  @ParameterizedTest
  @CsvSource({"FIXED,2048,zero", "FIXED,56,zero", "FIXED,56,adversarial", "UP,2048,zero", "UP,56,zero",
      "UP,56,adversarial"})
  void nothingIsWrong(Mode mode, int frames, String disk) throws Exception {
    for (long seed = SEED; seed < SEED + PROGRAMS; seed++) {
      CheckedProgram run = new CheckedProgram().mode(mode).frames(frames).disk(DiskProfile.parse(disk)).seed(seed)
          .cpus(seed % 3 == 0 ? 4 : 2).mmu(seed % 5 == 0 ? MmuOptions.ADVERSARIAL : MmuOptions.NONE);
      Findings found = run.run(RacingPrograms.generate(seed, options(seed)));
      assertThat(found.list()).as("%s, %s", run, options(seed)).isEmpty();
    }
  }
}
