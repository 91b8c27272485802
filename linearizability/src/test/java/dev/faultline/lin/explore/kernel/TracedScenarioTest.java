package dev.faultline.lin.explore.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Schedule;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Session;
import dev.faultline.lin.explore.strategy.RandomWalk;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import dev.faultline.vm.trace.SvgRenderer;
import dev.faultline.vm.trace.TextRenderer;
import dev.faultline.vm.trace.Trace;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Traces of scenarios: the same for the same seed, and those of findings. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class TracedScenarioTest {
  static Stream<Arguments> scenariosInEachMode() {
    return Scenarios.all().stream().flatMap(s -> Stream.of(Mode.UP, Mode.FIXED).map(m -> Arguments.of(s, m)));
  }

  /** Traces of the first executions of a random walk, as text and picture. */
  private static List<String> traces(Scenario s, Mode mode, long seed, int executions) {
    TracedScenario traced = new TracedScenario(new ScenarioProgram(s, mode, Set.of()));
    List<String> all = new ArrayList<>();
    try (Session x = new Session(traced, new RandomWalk(seed), Session.Options.DEFAULT)) {
      x.run(
          (e, o) -> {
            assertThat(o.isFinding()).isFalse();
            all.add(TextRenderer.render(traced.trace(), "t") + SvgRenderer.render(traced.trace(), "t"));
            return all.size() < executions;
          });
    }
    return all;
  }

  /** House style 7: two runs of one seed give byte-identical traces. */
  @ParameterizedTest
  @MethodSource("scenariosInEachMode")
  void oneSeed_givesTheSameTrace_byteForByte(Scenario s, Mode mode) {
    List<String> first = traces(s, mode, 7, 10);
    assertThat(first).hasSize(10).allSatisfy(t -> assertThat(t).isNotEmpty());
    assertThat(traces(s, mode, 7, 10)).isEqualTo(first);
    assertThat(traces(s, mode, 8, 10)).as("another seed, other schedules").isNotEqualTo(first);
  }

  @Test
  void aFinding_isToldInKernelWords() {
    ScenarioProgram p =
        new ScenarioProgram(Scenarios.named("munmap-access"), Mode.FIXED, Set.of(Defect.H_LOCALFLUSH));
    Exploration x = new Explorer(p).run(new OptimalDpor());
    Exploration.Found found = x.finding();
    assertThat(found).isNotNull();
    Schedule schedule = found.schedule();
    Trace t = TracedScenario.of(p, schedule, 1 << 10);
    assertThat(t.lanes()).extracting(Trace.Lane::name).containsExactlyInAnyOrder("load", "munmap");
    String text = TextRenderer.render(t, "t");
    assertThat(text).contains("frees page 0", "loads 0x1 from 0x400", "+M(").doesNotContain("shoots");
    assertThat(TextRenderer.render(TracedScenario.of(p, schedule, 1 << 10), "t")).isEqualTo(text);
  }

  /** What records is no schedule point: the same schedule can be followed with and without. */
  @Test
  void recording_changesNoSchedule() {
    Scenario s = Scenarios.named("two-faulters");
    long plain = new Explorer(ScenarioProgram.of(s)).run(new OptimalDpor()).executions();
    long traced = new Explorer(new TracedScenario(ScenarioProgram.of(s), 64)).run(new OptimalDpor()).executions();
    assertThat(traced).isEqualTo(plain);
  }
}
