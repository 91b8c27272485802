package dev.faultline.lin.explore.strategy;

import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Probabilistic concurrency testing: strands have random priorities, the highest that can go on does, and at d - 1
 * random steps whoever runs falls to the bottom. Finds a bug of depth d among n strands and k steps with a chance of
 * at least 1 / (n k^(d-1)).
 *
 * @see "Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic guarantees of finding
 *     bugs, ASPLOS 2010"
 */
public final class Pct implements Chooser {
  private static final long LOW = 1L << 20; // above every priority that a change point gives

  private final int depth; // (C)
  private final SplittableRandom seeds; // (C)
  private SplittableRandom random;
  private final long[] priority = new long[64]; // by strand; 0: none yet
  private final int[] changes; // steps, ascending
  private int nextChange;
  private int length = 100; // of the longest execution so far

  /** Creates the strategy for bugs of {@code depth} ordering constraints, 1 or more. */
  public Pct(int depth, long seed) {
    if (depth < 1) {
      throw new IllegalArgumentException("depth " + depth + ": must be 1 or more");
    }
    this.depth = depth;
    seeds = new SplittableRandom(seed);
    random = seeds;
    changes = new int[depth - 1];
  }

  @Override
  public boolean begin(Execution e) {
    random = seeds.split();
    Arrays.fill(priority, 0);
    for (int i = 0; i < changes.length; i++) {
      changes[i] = random.nextInt(length);
    }
    Arrays.sort(changes);
    nextChange = 0;
    return true;
  }

  @Override
  public int choose(Execution e, long enabled, int last) {
    int step = e.steps().count();
    while (nextChange < changes.length && changes[nextChange] <= step) {
      if (last >= 0) {
        priority[last] = (long) depth - nextChange; // below all that were drawn, and below earlier change points
      }
      nextChange++;
    }
    int best = -1;
    for (long left = enabled; left != 0; left &= left - 1) {
      int s = Long.numberOfTrailingZeros(left);
      if (priority[s] == 0) {
        priority[s] = LOW + random.nextLong(1L << 40);
      }
      if (best < 0 || priority[s] > priority[best]) {
        best = s;
      }
    }
    return best;
  }

  @Override
  public void end(Execution e) {
    length = Math.max(length, e.steps().count());
  }

  @Override
  public String toString() {
    return "PCT of depth " + depth;
  }
}
