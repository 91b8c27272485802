package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.sync.KThread;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * R1 (seed :143, "needs lock XXX"). Two threads count faults. Each kernel thread has counters of its own, and a reading
 * adds them up. Two threads on one thread's counter lose counts.
 */
public final class R01_StripedCounters {
  private R01_StripedCounters() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);

    long faults() {
      w.enter();
      return w.domain.events(Event.VM_FAULTS.ordinal());
    }
  }

  /** The deliberately wrong step: both count on one thread's counter, as all did in 1995. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both faults count.")
  @Outcome(id = "1", expect = ACCEPTABLE_INTERESTING, desc = "A count is lost.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class OneCounter extends Shared {
    final KThread shared = w.enter();

    @Actor
    public void one() {
      shared.count(Event.VM_FAULTS);
    }

    @Actor
    public void two() {
      shared.count(Event.VM_FAULTS);
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = faults();
    }
  }

  /** Each its own. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both faults count.")
  @Outcome(expect = FORBIDDEN, desc = "A count is lost.")
  @State
  public static class OwnCounter extends Shared {
    @Actor
    public void one() {
      w.enter().count(Event.VM_FAULTS);
    }

    @Actor
    public void two() {
      w.enter().count(Event.VM_FAULTS);
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = faults();
    }
  }
}
