package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.CheckedProgram;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Racing programs under the detectors of a run find the defects that such programs can meet. Which detector does, and
 * after how many programs, is told in docs/detectors.md; {@code -Dfaultline.print=true} prints it.
 */
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class DefectsAreFoundTest {
  private static final boolean PRINT = Boolean.getBoolean("faultline.print");

  private static void assertFound(Defect defect, Mode mode, int badWrites, int programs) throws Exception {
    RacingOptions d = RacingOptions.DEFAULT;
    for (long seed = 1; seed <= programs; seed++) {
      RacingOptions options = (seed % 3 == 0 ? d : seed % 3 == 1 ? d.wired() : d.truncated())
          .withFileCalls(defect == Defect.H_PARTIAL);
      CheckedProgram run = new CheckedProgram().mode(mode).frames(56).seed(seed).defect(defect).badWrites(badWrites)
          .mmu(MmuOptions.NONE);
      Findings found = run.run(RacingPrograms.generate(seed, options));
      if (!found.isEmpty()) {
        Finding first = found.list().get(0);
        if (PRINT) {
          System.out.println(defect + " " + mode + ": program " + seed + ", " + first.kind() + ", " + first.message());
        }
        assertThat(first.kind()).isNotEqualTo(Finding.Kind.HANG);
        return;
      }
    }
    throw new AssertionError(defect + " in " + mode + " was not found by " + programs + " programs");
  }

  @ParameterizedTest
  @CsvSource({"H_LOCALFLUSH,FIXED,0", "H_LOCALFLUSH,UP,0", "H_STEALWIRED,FIXED,0", "H_STEALWIRED,UP,0",
      "H_VNPUT_OK,FIXED,20", "H_PARTIAL,FIXED,0", "H_PARTIAL,UP,0"})
  void aDefectThatProgramsMeetOften_isFound(Defect defect, Mode mode, int badWrites) throws Exception {
    assertFound(defect, mode, badWrites, 1000);
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"H_SHAREPROT,FIXED,0", "H_SHAREPROT,UP,0", "H_VNPUT_OK,UP,20"})
  void aDefectThatProgramsMeetSeldom_isFound(Defect defect, Mode mode, int badWrites) throws Exception {
    assertFound(defect, mode, badWrites, 10_000);
  }
}
