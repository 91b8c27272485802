package dev.faultline.lin.explore.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.fault.Decision;
import dev.faultline.vm.fault.FaultPoint;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How many classes of schedules each scenario has on the correct kernel, all of them explored, and nothing found. The
 * numbers are in scenario-classes.txt; one that changes says that a change of the kernel, the scenario or the explorer
 * changed what can happen.
 */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class ScenarioClassesTest {
  private static final long QUICK = 2_000; // classes
  private static final int SAMPLES = 500;

  /** A line of the table: -1 where there are too many to explore. */
  record Row(Scenario scenario, long fixed, long up) {
    @Override
    public String toString() {
      return scenario.name();
    }
  }

  /** Which outcomes the fault handler's decisions had, as scenarios write them but in capitals. */
  private static final class Fired implements FaultProbe {
    final Set<String> outcomes = new TreeSet<>(); // one strand at a time

    @Override
    public void decided(Decision d, boolean outcome) {
      outcomes.add(d + (outcome ? "T" : "F"));
    }

    @Override
    public void at(FaultPoint p) {}
  }

  private static List<Row> rows() {
    List<Row> rows = new ArrayList<>();
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(ScenarioClassesTest.class.getResourceAsStream("/scenario-classes.txt")),
                StandardCharsets.UTF_8))) {
      in.lines()
          .filter(l -> !l.startsWith("#"))
          .map(l -> l.trim().split(" +", -1))
          .forEach(
              w -> rows.add(new Row(Objects.requireNonNull(Scenarios.named(w[0]), w[0]), count(w[1]), count(w[2]))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return rows;
  }

  private static long count(String word) {
    return word.equals("-") ? -1 : Long.parseLong(word);
  }

  static Stream<Row> all() {
    return rows().stream();
  }

  static Stream<Row> quick() {
    return rows().stream().filter(r -> r.fixed >= 0 && r.fixed <= QUICK);
  }

  static Stream<Row> inParts() {
    return quick().filter(r -> r.fixed >= 50 && r.fixed <= 1_500);
  }

  static Stream<Row> large() {
    return rows().stream().filter(r -> r.fixed > QUICK);
  }

  static Stream<Row> boundless() {
    return rows().stream().filter(r -> r.fixed < 0);
  }

  @Test
  void everyScenarioIsInTheTable_andMostAreExploredWhole() {
    assertThat(rows()).extracting(Row::scenario).containsExactlyElementsOf(Scenarios.all());
    assertThat(rows().stream().filter(r -> r.fixed >= 0)).hasSizeGreaterThanOrEqualTo(60);
  }

  private static void complete(Scenario s, Mode mode, long classes, boolean claimed) {
    Fired fired = new Fired();
    OptimalDpor dpor = new OptimalDpor();
    Exploration x = new Explorer(new ScenarioProgram(s, mode, Set.of(), fired)).run(dpor);
    assertThat(x.finding()).isNull();
    assertThat(x.note()).isEmpty(); // no step did what it had not announced
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.redundant()).isZero();
    assertThat(x.executions()).as("classes of %s in mode %s", s.name(), mode).isEqualTo(classes);
    if (claimed) {
      assertThat(fired.outcomes).containsAll(claims(s));
    }
  }

  private static List<String> claims(Scenario s) {
    return s.exercises().stream().filter(c -> c.startsWith("D")).map(c -> c.toUpperCase(Locale.ROOT)).toList();
  }

  @ParameterizedTest
  @MethodSource("quick")
  void fixedKernel_hasSoManyClasses(Row r) {
    complete(r.scenario, Mode.FIXED, r.fixed, true);
  }

  @ParameterizedTest
  @MethodSource("large")
  @Tag("slow")
  void fixedKernel_hasManyClasses(Row r) {
    complete(r.scenario, Mode.FIXED, r.fixed, true);
  }

  /** Two workers that explore parts. */
  @ParameterizedTest
  @MethodSource("inParts")
  void fixedKernel_hasAsManyClassesInParts(Row r) throws InterruptedException {
    Exploration x = new Explorer(ScenarioProgram.of(r.scenario)).exhaust(2);
    assertThat(x.finding()).isNull();
    assertThat(x.note()).isEmpty();
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(r.fixed);
    assertThat(x.redundant()).as("executions that led into another part").isLessThanOrEqualTo(r.fixed / 10);
  }

  @ParameterizedTest
  @MethodSource("all")
  void upKernel_hasSoManyClasses(Row r) {
    if (r.up >= 0) {
      complete(r.scenario, Mode.UP, r.up, false);
    } else {
      assertThat(new Explorer(new ScenarioProgram(r.scenario, Mode.UP, Set.of())).executions(SAMPLES).run(new Pos(1))
          .finding()).isNull();
    }
  }

  @ParameterizedTest
  @MethodSource({"large", "boundless"})
  void fixedKernel_isSampled(Row r) {
    Fired fired = new Fired();
    Exploration x =
        new Explorer(new ScenarioProgram(r.scenario, Mode.FIXED, Set.of(), fired)).executions(SAMPLES).run(new Pos(1));
    assertThat(x.finding()).isNull();
    assertThat(fired.outcomes).containsAll(claims(r.scenario));
  }
}
