package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.StrandLock;
import dev.faultline.lin.explore.engine.Steps.Wait;
import org.jspecify.annotations.Nullable;

/** Says who waits for whom when nobody can go on. */
final class Stuck {
  private Stuck() {}

  static Outcome of(ControlledStrand[] strands, int count, @Nullable Trial trial) {
    StringBuilder b = new StringBuilder();
    boolean spins = false;
    for (int i = 0; i < count; i++) {
      ControlledStrand s = strands[i];
      if (s.ended || s.wait == Wait.GATE) {
        continue;
      }
      spins |= s.wait == Wait.PAUSE;
      b.append(b.length() == 0 ? "" : "; ").append(s.name()).append(' ').append(what(s));
      String more = trial == null ? "" : trial.describe(s);
      if (!more.isEmpty()) {
        b.append(" (").append(more).append(')');
      }
    }
    return new Outcome(spins ? Outcome.Kind.LIVELOCK : Outcome.Kind.DEADLOCK, b.toString(), null);
  }

  private static String what(ControlledStrand s) {
    switch (s.wait) {
      case LOCK:
        return "waits for " + s.subject + (s.subject instanceof StrandLock l ? ", held by " + l.owner() : "");
      case PARK, PARK_TIMED:
        return "is parked";
      case PAUSE:
        return "spins";
      case JOIN:
        return "waits for the end of " + s.target;
      default:
        return "can go on";
    }
  }
}
