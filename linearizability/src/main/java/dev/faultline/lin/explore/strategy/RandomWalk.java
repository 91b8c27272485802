package dev.faultline.lin.explore.strategy;

import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import java.util.SplittableRandom;

/** At each step any strand that can go on, each as likely. */
public final class RandomWalk implements Chooser {
  private final SplittableRandom seeds; // (C)
  private SplittableRandom random;

  /** Creates a walk; the same seed gives the same walks. */
  public RandomWalk(long seed) {
    seeds = new SplittableRandom(seed);
    random = seeds;
  }

  @Override
  public boolean begin(Execution e) {
    random = seeds.split();
    return true;
  }

  @Override
  public int choose(Execution e, long enabled, int last) {
    int n = Long.bitCount(enabled);
    return n == 1 ? Long.numberOfTrailingZeros(enabled) : Bits.nth(enabled, random.nextInt(n));
  }

  @Override
  public String toString() {
    return "random walk";
  }
}
