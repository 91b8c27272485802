package dev.faultline.lin.explore.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.ClassSketch;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Session;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernel's scenarios under the explorer. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class KernelScenarioTest {
  @ParameterizedTest
  @ValueSource(strings = {"fault-munmap", "fork-store", "munmap-access"})
  void sampledClasses_areAllAmongTheExploredOnes(String name) {
    Scenario s = Scenarios.named(name);
    ClassSketch sketch = new ClassSketch();
    OptimalDpor dpor = new OptimalDpor();
    Set<Long> explored = new HashSet<>();
    try (Session x = new Session(ScenarioProgram.of(s), dpor, Session.Options.DEFAULT)) {
      x.run((e, o) -> o.kind() != Outcome.Kind.DONE || explored.add(sketch.of(e)));
    }
    assertThat(explored).hasSize((int) dpor.classes());
    Set<Long> sampled = new HashSet<>();
    int[] left = {2000};
    try (Session x = new Session(ScenarioProgram.of(s), new Pos(3), Session.Options.DEFAULT)) {
      x.run(
          (e, o) -> {
            sampled.add(sketch.of(e));
            return --left[0] > 0 && !o.isFinding();
          });
    }
    assertThat(explored).containsAll(sampled);
    assertThat(sampled).hasSizeGreaterThan(explored.size() / 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fault-pageout", "fork-store", "munmap-access"})
  void localFlush_isFoundAndShownAgain(String name) {
    ScenarioProgram p = new ScenarioProgram(Scenarios.named(name), Mode.FIXED, Set.of(Defect.H_LOCALFLUSH));
    Exploration x = new Explorer(p).run(new OptimalDpor());
    assertThat(x.verdict()).isEqualTo(Verdict.FINDING);
    Exploration again = new Explorer(p).replay(x.finding().schedule());
    assertThat(again.finding().outcome().message()).isEqualTo(x.finding().outcome().message());
    assertThat(again.finding().trace()).isEqualTo(x.finding().trace());
  }
}
