package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.lin.explore.strategy.RandomWalk;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Executions a second of the explorer and of Lincheck, of one scenario in one run. The last is two faulters on one
 * page, with disk and page daemon.
 */
@Tag("slow")
@Timeout(value = 600, unit = TimeUnit.SECONDS)
final class EngineSpeedTest {
  private static final long WARM_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long RUN_NANOS = TimeUnit.SECONDS.toNanos(15);
  private static final double RATIO_MIN = 10; // what the explorer is meant to be ahead by

  /** Explores for so long, again from the beginning where a scenario has fewer classes than that takes. */
  private static double explorerRate(Scenario s, Supplier<Chooser> chooser, long nanos) {
    long executions = 0;
    long began = System.nanoTime();
    while (System.nanoTime() - began < nanos) {
      Exploration x = new Explorer(ScenarioProgram.of(s))
          .stopWhen(() -> System.nanoTime() - began >= nanos)
          .run(chooser.get());
      assertThat(x.finding()).isNull();
      executions += x.executions() + x.redundant();
    }
    return executions * 1e9 / (System.nanoTime() - began);
  }

  private static double lincheckRate(Scenario s, long nanos) {
    LincheckScenario.Result r = LincheckScenario.run(s, Mode.FIXED, Set.of(), nanos);
    assertThat(r.finding()).isNull();
    return r.executions() * 1e9 / r.nanos();
  }

  @ParameterizedTest
  @ValueSource(strings = {"default-faulters", "fork-store", "daemon-pageins"})
  void explorer_isAheadOfLincheck(String name) {
    Scenario s = Objects.requireNonNull(Scenarios.named(name));
    explorerRate(s, OptimalDpor::new, WARM_NANOS);
    lincheckRate(s, WARM_NANOS);
    double classes = explorerRate(s, OptimalDpor::new, RUN_NANOS);
    double random = explorerRate(s, () -> new RandomWalk(1), RUN_NANOS);
    double lincheck = lincheckRate(s, RUN_NANOS);
    System.out.printf(Locale.ROOT, "%s: executions a second: %,.0f class by class, %,.0f at random, Lincheck %.1f%n",
        name, classes, random, lincheck);
    assertThat(Math.min(classes, random) / lincheck).isGreaterThan(RATIO_MIN);
  }
}
