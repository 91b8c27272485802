package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import java.util.Arrays;

/** What strands wait for, and whether it is there. */
final class Waits {
  private final Steps steps; // (C)

  Waits(Steps steps) {
    this.steps = steps;
  }

  /** Returns whether what a strand waits for is there. */
  boolean isEnabled(ControlledStrand s, boolean anyPause, int phase, long now, long turns) {
    if (s.ended) {
      return false;
    }
    switch (s.wait) {
      case START, GATE:
        return s.gate <= phase;
      case LOCK:
        Strand owner = s.subject instanceof StrandLock lock ? lock.owner() : null;
        return owner == null || owner == s;
      case PARK:
        return s.permit;
      case PARK_TIMED:
        return s.permit || s.deadline <= now;
      case JOIN:
        return (s.target != null && s.target.ended) || s.deadline <= now;
      case PAUSE:
        return phase == Controller.EXPLORED ? isChanged(s, anyPause, turns) : s.pausedAt < turns - 1;
      default:
        return true;
    }
  }

  /** Returns whether somebody changed what a spinner looked at. */
  private boolean isChanged(ControlledStrand s, boolean anyChange, long turns) {
    if (anyChange || s.watch.length == 0) {
      return s.pausedAt < turns - 1;
    }
    for (; !s.ready && s.scanned < steps.count(); s.scanned++) {
      if (steps.strand(s.scanned) != s.index) {
        for (int e = steps.from(s.scanned); e < steps.to(s.scanned); e++) {
          if ((steps.flags(e) & Steps.WRITE) != 0 && contains(s.watch, steps.name(e))) {
            s.ready = true;
          }
        }
      }
    }
    return s.ready;
  }

  private static boolean contains(long[] names, long name) {
    for (long n : names) {
      if (n == name) {
        return true;
      }
    }
    return false;
  }

  /** Returns what a strand looked at since it last paused. */
  long[] watched(ControlledStrand me) {
    long[] w = new long[8];
    int n = 0;
    for (int i = me.loopStart; i < steps.count(); i++) {
      if (steps.strand(i) == me.index) {
        for (int e = steps.from(i); e < steps.to(i); e++) {
          long name = steps.name(e);
          if (!Names.isPermit(name) && name != Names.ALL && name != Names.life(me.key) && !contains(w, name)) {
            if (n == w.length) {
              w = Arrays.copyOf(w, 2 * n);
            }
            w[n++] = name;
          }
        }
      }
    }
    return Arrays.copyOf(w, n);
  }
}
