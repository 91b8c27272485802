package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.CheckedProgram;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * No data is lost under injected faults: on machines whose disk fails, whose swap runs full and whose shootdowns come
 * late, programs find the right contents everywhere but where they were told of an error, and so do the checks of
 * memory and files when they have ended, whoever was killed meanwhile.
 *
 * <p>Half of the programs race, the others have one right answer on a good disk. What may be lost is what the kernel
 * tells the oracle: nothing but a file's page that could not be written in its last hour.
 *
 * <p>{@code -Dfaultline.programs=N} has the slow test run N programs in each mode instead of 500, {@code
 * -Dfaultline.seed=S} begins with another seed.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class HostileProgramsTest {
  private static final int FEW = 40;
  private static final int PROGRAMS = Integer.getInteger("faultline.programs", 500);
  private static final long SEED = Long.getLong("faultline.seed", 1);
  private static final int[] SWAP = {4, 8, 16, 24, 512};
  private static final List<DiskProfile> DISKS = List.of(DiskProfile.ZERO, DiskProfile.ADVERSARIAL);

  private long judged;
  private long killed;
  private long diskErrors;

  private static String program(long seed) {
    RacingOptions r = RacingOptions.DEFAULT;
    RandomOptions o = RandomOptions.DEFAULT;
    return switch ((int) Math.floorMod(seed, 8L)) {
      case 0 -> RacingPrograms.generate(seed, r.withFileCalls(true));
      case 2 -> RacingPrograms.generate(seed, r.truncated().withFileCalls(true));
      case 4 -> RacingPrograms.generate(seed, r.wired().withFileCalls(true).withDevices(true));
      case 6 -> RacingPrograms.generate(seed, r.truncated().withSegments(true));
      case 1 -> RandomPrograms.generate(seed, o.withFileCalls(true));
      case 3 -> RandomPrograms.generate(seed, o.truncated(true).withFileCalls(true));
      case 5 -> RandomPrograms.generate(seed, o.wired(true));
      default -> RandomPrograms.generate(seed, o.withSegments(true));
    };
  }

  private Findings run(long seed, Mode mode, Defect... defects) throws Exception {
    int n = (int) Math.floorMod(seed, 1000L);
    DaemonOptions d = DaemonOptions.DEFAULT;
    CheckedProgram run = new CheckedProgram().mode(mode).seed(seed).frames(48 + n % 5 * 8).cpus(n % 3 == 0 ? 4 : 2)
        .swapPages(SWAP[n / 2 % SWAP.length]).badWrites(10 + n % 4 * 10).badReads(n % 3 * 2)
        .disk(DISKS.get(n / 3 % 2)).mmu(n % 4 == 3 ? MmuOptions.NONE : MmuOptions.ADVERSARIAL)
        .daemons(n % 3 == 1 ? d.withUPages(1).withSwapSleepTicks(1).withSyncTicks(20) : d);
    for (Defect defect : defects) {
      run.defect(defect);
    }
    Findings found = run.run(program(seed));
    judged += run.judged();
    killed += run.killed();
    diskErrors += run.diskErrors();
    return found;
  }

  private void assertNothingLost(Mode mode, int programs) throws Exception {
    for (long seed = SEED; seed < SEED + programs; seed++) {
      assertThat(run(seed, mode).list()).as("seed %d, %s", seed, mode).isEmpty();
    }
    System.out.println(mode + ": " + programs + " programs from seed " + SEED + ", " + judged + " accesses judged, "
        + diskErrors + " disk errors, " + killed + " processes killed");
    assertThat(judged).isPositive();
    assertThat(diskErrors).isPositive();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void nothingIsLost_thatWasNotReported(Mode mode) throws Exception {
    assertNothingLost(mode, FEW);
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void nothingIsLost_thatWasNotReported_byAThousandPrograms(Mode mode) throws Exception {
    assertNothingLost(mode, PROGRAMS);
    assertThat(killed).as("swap runs full").isPositive();
  }

  @ParameterizedTest
  @CsvSource({"H_SWERR,FIXED", "H_SWERR,UP", "H_VNPUT_OK,FIXED", "H_VNPUT_OK,UP"})
  void aKernelThatTakesFailedWritesForGood_isFound(Defect defect, Mode mode) throws Exception {
    for (long seed = 1; seed <= 400; seed++) {
      Findings found = run(seed, mode, defect);
      if (!found.isEmpty()) {
        System.out.println(defect + " " + mode + ": program " + seed + ", " + found.list().get(0).message());
        return;
      }
    }
    throw new AssertionError("400 programs did not notice " + defect);
  }
}
