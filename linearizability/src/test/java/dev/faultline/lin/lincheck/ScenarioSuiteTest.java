package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernel scenarios under Lincheck, with the disk and the page daemon: what is found on broken kernels, and nothing
 * else.
 */
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class ScenarioSuiteTest {
  private static final long SHORT = TimeUnit.SECONDS.toNanos(2);
  private static final long LONG = TimeUnit.SECONDS.toNanos(300);

  private static LincheckScenario.Result run(String scenario, Set<Defect> defects, long nanos) {
    Scenario s = Objects.requireNonNull(Scenarios.named(scenario));
    return LincheckScenario.run(s, Mode.FIXED, defects, nanos);
  }

  private static void findsOnly(String scenario, Defect d, String what) {
    LincheckScenario.Result healthy = run(scenario, Set.of(), SHORT);
    assertThat(healthy.finding()).isNull();
    assertThat(healthy.executions()).isPositive();
    assertThat(run(scenario, Set.of(d), LONG).finding()).contains(what);
  }

  @ParameterizedTest
  @CsvSource({
    "share-copy, H_SHAREPROT, I-35",
    "swap-error, H_SWERR, written", // with the disk
    "memory-exit, H_UNCOND_WAIT, Deadlock", // with the page daemon
    "memory-kill, H_KILLWAIT, does not come to rest", // and the clock
  })
  void defects_areFoundAndNothingElse(String scenario, Defect d, String what) {
    findsOnly(scenario, d, what);
  }

  @ParameterizedTest
  @CsvSource({
    "chain-collapse, H_PIPORDER, I-31",
    "fork-store, H_LOCALFLUSH, I-36",
    "wired-file, H_STEALWIRED, vm_fault_unwire",
    "cached-munmap, H_CACHE_WAIT, I-56",
    "msync-error, H_VNPUT_OK, msync whose write failed",
    "file-end-store, H_EOFTAIL, past the end of the file",
  })
  @Tag("slow")
  void moreDefects_areFoundAndNothingElse(String scenario, Defect d, String what) {
    findsOnly(scenario, d, what);
  }

  @ParameterizedTest
  @ValueSource(strings = {"three-faulters", "memory-daemon", "daemon-pageins"})
  @Tag("slow")
  void correctKernel_passes(String scenario) {
    assertThat(run(scenario, Set.of(), TimeUnit.SECONDS.toNanos(20)).finding()).isNull();
  }
}
