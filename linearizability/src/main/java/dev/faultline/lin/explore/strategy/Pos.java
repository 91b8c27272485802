package dev.faultline.lin.explore.strategy;

import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Steps;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Partial order sampling: every step that could be made has a random priority of its own, the highest is made, and
 * those that conflict with it draw again.
 *
 * @see "Yuan, Yang, Gu: Partial order aware concurrency sampling, CAV 2018"
 */
public final class Pos implements Chooser {
  private final SplittableRandom seeds; // (C)
  private SplittableRandom random;
  private final long[] priority = new long[64]; // of each strand's next step; 0: none yet

  /** Creates the strategy; the same seed gives the same schedules. */
  public Pos(long seed) {
    seeds = new SplittableRandom(seed);
    random = seeds;
  }

  @Override
  public boolean begin(Execution e) {
    random = seeds.split();
    Arrays.fill(priority, 0);
    return true;
  }

  @Override
  public int choose(Execution e, long enabled, int last) {
    if (last >= 0) {
      priority[last] = 0;
    }
    int best = -1;
    for (long left = enabled; left != 0; left &= left - 1) {
      int s = Long.numberOfTrailingZeros(left);
      if (priority[s] == 0) {
        priority[s] = 1 + random.nextLong(Long.MAX_VALUE - 1);
      }
      if (best < 0 || priority[s] > priority[best]) {
        best = s;
      }
    }
    long[] chosen = e.pending(best);
    if (chosen.length > 0) {
      for (long left = enabled & ~(1L << best); left != 0; left &= left - 1) {
        int s = Long.numberOfTrailingZeros(left);
        if (Steps.conflict(chosen, e.pending(s))) {
          priority[s] = 0;
        }
      }
    }
    return best;
  }

  @Override
  public String toString() {
    return "POS";
  }
}
