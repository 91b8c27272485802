package dev.faultline.lin.explore.strategy;

import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;

/**
 * Follows recorded choices, once. Strictly: a strand that cannot go on ends the execution as diverged. Leniently: it is
 * passed over. What comes after the last choice goes on with whoever ran, else with the lowest.
 */
public final class Replay implements Chooser {
  private final int[] choices; // (C)
  private final boolean strict; // (C)
  private boolean done;
  private int at;

  /** Creates a replay. */
  public Replay(int[] choices, boolean strict) {
    this.choices = choices.clone();
    this.strict = strict;
  }

  @Override
  public boolean begin(Execution e) {
    boolean again = !done;
    done = true;
    return again;
  }

  @Override
  public int choose(Execution e, long enabled, int last) {
    while (at < choices.length) {
      int s = choices[at++];
      if ((enabled & (1L << s)) != 0) {
        return s;
      }
      if (strict) {
        return s >= 0 ? s : Integer.MIN_VALUE; // which the engine refuses
      }
    }
    return last >= 0 && (enabled & (1L << last)) != 0 ? last : Long.numberOfTrailingZeros(enabled);
  }

  @Override
  public String toString() {
    return "replay of " + choices.length + " choices";
  }
}
