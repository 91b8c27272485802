package dev.faultline.lin.explore.strategy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Programs;
import dev.faultline.lin.explore.Shrinker;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.SharedWord;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Strategies find what there is to be found, and say what they covered. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class StrategyTest {
  /** Fails if t0 runs between t1's two stores, and t1 between t0's. */
  private static final Program HIDDEN =
      strands -> {
        SharedWord a = new SharedWord("a", 0);
        SharedWord b = new SharedWord("b", 0);
        SharedWord noise = new SharedWord("noise", 0);
        return Programs.trial(
            3,
            i -> {
              if (i == 0) {
                a.set(1);
                if (b.get() == 1) {
                  noise.get();
                  if (b.get() == 2) {
                    throw new AssertionError("hidden");
                  }
                }
              } else if (i == 1) {
                for (int n = 0; n < 5; n++) {
                  noise.getAndAdd(1);
                }
                b.set(1);
                if (a.get() == 1) {
                  b.set(2);
                }
              } else {
                noise.getAndAdd(1);
              }
            });
      };

  static Stream<LongFunction<Chooser>> sampling() {
    return Stream.of(RandomWalk::new, Pos::new, seed -> new Pct(3, seed));
  }

  @ParameterizedTest
  @MethodSource("sampling")
  void sampling_findsAndRepeatsItself(LongFunction<Chooser> of) {
    Exploration x = new Explorer(HIDDEN).executions(100_000).run(of.apply(7));
    assertThat(x.verdict()).isEqualTo(Verdict.FINDING);
    Exploration again = new Explorer(HIDDEN).executions(100_000).run(of.apply(7));
    assertThat(again.finding().schedule()).isEqualTo(x.finding().schedule());
    assertThat(again.executions()).isEqualTo(x.executions());
    assertThat(new Explorer(HIDDEN).replay(x.finding().schedule()).finding().trace())
        .isEqualTo(x.finding().trace());
  }

  @Test
  void optimalReduction_findsIt() {
    assertThat(new Explorer(HIDDEN).run(new OptimalDpor()).verdict()).isEqualTo(Verdict.FINDING);
  }

  @Test
  void shrunkSchedule_hasFewestSwitchesAndTheSameFinding() {
    Exploration x = new Explorer(HIDDEN).executions(100_000).run(new RandomWalk(11));
    Exploration.Found small = Shrinker.shrink(new Explorer(HIDDEN), x.finding(), 2000);
    assertThat(small.outcome().kind()).isEqualTo(x.finding().outcome().kind());
    assertThat(small.schedule().switches()).isLessThanOrEqualTo(x.finding().schedule().switches());
    assertThat(small.schedule().switches()).isLessThanOrEqualTo(4);
    assertThat(new Explorer(HIDDEN).replay(small.schedule()).finding().outcome().message()).contains("hidden");
  }

  @Test
  void preemptionBound_countsSchedulesAndKnowsWhenItIsComplete() {
    // Two strands of two steps each (begin, then one access): without preemption 2 orders, in all C(4,2) = 6.
    Program p =
        strands -> {
          SharedWord[] w = Programs.words("w", 2);
          return Programs.trial(2, i -> w[i].set(1));
        };
    Exploration none = new Explorer(p).run(new PreemptionBounded(0));
    assertThat(none.verdict()).isEqualTo(Verdict.BOUNDED);
    assertThat(none.executions()).isEqualTo(2);
    Exploration all = new Explorer(p).run(new PreemptionBounded(9));
    assertThat(all.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(all.executions()).isEqualTo(6);
  }
}
