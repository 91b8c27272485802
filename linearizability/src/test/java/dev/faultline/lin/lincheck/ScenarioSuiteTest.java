package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Kernel scenarios as suites of Lincheck: what is found on broken kernels, and what cannot be run. */
class ScenarioSuiteTest {
  private static final long SHORT = 1_000_000_000L;

  private static Scenario named(String name) {
    return Objects.requireNonNull(Scenarios.named(name));
  }

  private static LincheckScenario.Result run(String scenario, Set<Defect> defects) {
    return LincheckScenario.run(named(scenario), Mode.FIXED, defects, SHORT);
  }

  @Test
  @Tag("slow") // a minute or two on a machine that is busy, most of it Lincheck's rewriting of the kernel
  void correctKernel_hasNoFinding_andALocalFlushIsFound() {
    LincheckScenario.Result healthy = run("fork-store", Set.of());
    assertThat(healthy.fits()).isTrue();
    assertThat(healthy.finding()).isNull();
    assertThat(healthy.executions()).isPositive();
    LincheckScenario.Result broken = run("fork-store", Set.of(Defect.H_LOCALFLUSH));
    assertThat(broken.finding()).startsWith("I-36");
  }

  @Test
  void scenarioThatNeedsTheDisk_cannotBeRun() {
    LincheckScenario.Result r = run("swap-error", Set.of());
    assertThat(r.fits()).isFalse();
    assertThat(r.finding()).isNull();
  }

  /** The actor that needs the disk does so only after the other one, in a schedule: no finding of the kernel's. */
  @Test
  void scenarioThatNeedsTheDiskInSomeSchedules_cannotBeRun() {
    LincheckScenario.Result r = run("msync-error", Set.of());
    assertThat(r.fits()).isFalse();
    assertThat(r.finding()).isNull();
  }
}
