package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Steps;

/**
 * That one strand comes to a thing for the nth time before another does for the mth: what an exploration keeps to when
 * another has the rest.
 *
 * @param name of the thing, which the steps are announced with
 * @param first the key of the strand that comes first
 * @param nth which of its steps at the thing, from 1
 * @param second the key of the strand that waits for it
 * @param mth which of its steps at the thing, from 1
 * @param must whether an execution in which {@code first} does not come so far is the other's
 */
record Order(long name, int first, int nth, int second, int mth, boolean must) {
  /** Returns the order that steps {@code a} and then {@code b}, announced with the same, have in an execution. */
  static Order of(Execution e, int a, int b) {
    Steps s = e.steps();
    return new Order(s.primary(a), e.key(s.strand(a)), nth(s, a), e.key(s.strand(b)), nth(s, b), false);
  }

  private static int nth(Steps s, int step) {
    int n = 1;
    for (int i = 0; i < step; i++) {
      n += s.strand(i) == s.strand(step) && s.primary(i) == s.primary(step) ? 1 : 0;
    }
    return n;
  }

  /** Returns the order of the rest. */
  Order opposite() {
    return new Order(name, second, mth, first, nth, !must);
  }

  /** Returns whether two orders are about the same two steps. */
  boolean isLike(Order o) {
    return new Order(name, first, nth, second, mth, o.must).equals(o)
        || new Order(name, second, mth, first, nth, o.must).equals(o);
  }
}
