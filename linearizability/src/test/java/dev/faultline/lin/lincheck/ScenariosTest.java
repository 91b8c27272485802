package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.Objects;
import java.util.Set;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernel scenarios with everything looked into, from the boot of the kernel to its last invariant, under {@code
 * runConcurrentTest}. That is slow: the first invocation takes half of the 30 s after which Lincheck calls it hung,
 * which cannot be changed there. So the build runs one as an operation, where it can. See docs/lincheck.md.
 */
class ScenariosTest {
  private static LincheckScenario.@Nullable Subject subject; // of Whole, which Lincheck makes; one test at a time

  private static LincheckScenario.Subject subject(String scenario, Set<Defect> defects) {
    Scenario s = Objects.requireNonNull(Scenarios.named(scenario));
    return new LincheckScenario.Subject(s, Mode.FIXED, defects);
  }

  private static void checkThreads(String scenario, Set<Defect> defects, int invocations) {
    LincheckScenario.Subject s = subject(scenario, defects);
    Lincheck.modelCheckThreads(() -> new ScenarioThreads(s, true).run(), invocations);
  }

  /** The same, as an operation. */
  public static final class Whole {
    /** Boots, runs, judges. */
    @Operation
    public void run() {
      new ScenarioThreads(Objects.requireNonNull(subject), true).run();
    }
  }

  @Test
  void everythingLookedInto_passes() {
    subject = subject("default-faulters", Set.of());
    Lincheck.checkWhole(Whole.class, ScenarioSuite.Quietly.class, Script.of("", "run"), 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"two-faulters", "fork-store", "swap-error", "daemon-pageins", "memory-exit"})
  @Tag("slow")
  void correctKernel_passes(String scenario) {
    checkThreads(scenario, Set.of(), 15);
  }

  @Test
  @Tag("slow")
  void aShareThatIsCopied_isFound() {
    assertThatThrownBy(() -> checkThreads("share-copy", Set.of(Defect.H_SHAREPROT), 2))
        .isInstanceOf(LincheckAssertionError.class);
  }
}
