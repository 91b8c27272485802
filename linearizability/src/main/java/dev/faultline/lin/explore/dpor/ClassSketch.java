package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Steps;

/** Tells classes of executions apart: the same number for all that differ only in the order of independent steps. */
public final class ClassSketch {
  private final Races races = new Races();

  /** Returns the class's number, a hash of which step happens before which. */
  public long of(Execution e) {
    races.find(e, Integer.MAX_VALUE);
    Steps s = e.steps();
    long sum = s.count();
    for (int i = 0; i < s.count(); i++) {
      long h = mix(e.key(s.strand(i)) * 31L + races.ordinal(i));
      long before = 0;
      for (int t = 0; t < e.strands(); t++) {
        int n = races.clock(i, t);
        if (n > 0) {
          before += mix(mix(e.key(t) + 1L) + n);
        }
      }
      sum += mix(h ^ mix(before));
    }
    return sum;
  }

  private static long mix(long x) {
    long z = x + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
