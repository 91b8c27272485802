package dev.faultline.lin.explore.strategy;

import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import java.util.Arrays;

/**
 * Every schedule with at most so many preemptions, each once. A preemption switches away from a strand that could go
 * on.
 *
 * @see "Musuvathi, Qadeer: Iterative context bounding for systematic testing of multithreaded programs, PLDI 2007"
 */
public final class PreemptionBounded implements Chooser {
  private final int bound; // (C)
  private int depth; // choices of the last execution
  private int replayed;
  private int[] chosen = new int[128];
  private long[] left = new long[128]; // not yet tried there
  private int[] used = new int[128]; // preemptions before the choice
  private long[] couldGoOn = new long[128]; // the bit of whoever ran, if it could go on
  private boolean cut; // something lies beyond the bound
  private boolean first = true;
  private boolean complete;

  /** Creates the strategy. */
  public PreemptionBounded(int bound) {
    if (bound < 0) {
      throw new IllegalArgumentException("bound " + bound + ": must be 0 or more");
    }
    this.bound = bound;
  }

  /** Returns whether no schedule has more preemptions than the bound. */
  public boolean isComplete() {
    return complete;
  }

  @Override
  public boolean begin(Execution e) {
    if (first) {
      first = false;
      return true;
    }
    for (; depth > 0; depth--) {
      int i = depth - 1;
      long next = left[i];
      if (next != 0) {
        left[i] &= next - 1;
        chosen[i] = Long.numberOfTrailingZeros(next);
        replayed = depth;
        return true;
      }
    }
    complete = !cut;
    return false;
  }

  @Override
  public int choose(Execution e, long enabled, int last) {
    int at = e.steps().count();
    if (at == chosen.length) {
      int n = 2 * at;
      chosen = Arrays.copyOf(chosen, n);
      left = Arrays.copyOf(left, n);
      used = Arrays.copyOf(used, n);
      couldGoOn = Arrays.copyOf(couldGoOn, n);
    }
    if (at < replayed) {
      return chosen[at];
    }
    long goOn = last >= 0 ? enabled & (1L << last) : 0;
    int before = at == 0 ? 0 : used[at - 1] + ((couldGoOn[at - 1] & ~(1L << chosen[at - 1])) != 0 ? 1 : 0);
    used[at] = before;
    couldGoOn[at] = goOn;
    int s = goOn != 0 ? last : Long.numberOfTrailingZeros(enabled);
    long others = enabled & ~(1L << s);
    if (goOn != 0 && before == bound && others != 0) {
      cut = true;
      others = 0;
    }
    left[at] = others;
    chosen[at] = s;
    depth = at + 1;
    return s;
  }

  @Override
  public void end(Execution e) {
    depth = Math.min(depth, e.steps().count());
  }

  @Override
  public String toString() {
    return "at most " + bound + " preemptions";
  }
}
