package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * R12. Two faulters miss the same page and allocate it. Lookup and insertion are one hold of O(object), or there are
 * two pages of one identity (I-9), and whose data is found later is chance.
 */
public final class R12_SameIdentity {
  private R12_SameIdentity() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final Actors.Meeting meeting = new Actors.Meeting();
  }

  /** The deliberately wrong step: the lock is let go between the miss and the allocation. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "One page.")
  @Outcome(id = "2", expect = ACCEPTABLE_INTERESTING, desc = "Two pages at one offset of one object.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class TwoHolds extends Shared {
    @Actor
    public void one() {
      fill();
    }

    @Actor
    public void two() {
      fill();
    }

    private void fill() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      boolean absent = w.pages.lookup(o, 0) == null;
      o.lock.unlock();
      if (absent) {
        o.lock.lock();
        w.busyPage(o, 0);
        o.lock.unlock();
      }
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = o.residentPageCount();
    }
  }

  /** One hold. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "One page.")
  @Outcome(expect = FORBIDDEN, desc = "I-9: two pages of one identity.")
  @State
  public static class OneHold extends Shared {
    @Actor
    public void one() {
      fill();
    }

    @Actor
    public void two() {
      fill();
    }

    private void fill() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      if (w.pages.lookup(o, 0) == null) {
        w.busyPage(o, 0);
      }
      o.lock.unlock();
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = o.residentPageCount();
    }
  }
}
