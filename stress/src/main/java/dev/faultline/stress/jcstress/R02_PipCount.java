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
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * R2, R16. Two faulters pin an object: one reference and one unit of paging_in_progress each (seed :209-210). A lost
 * unit lets the object be collapsed or ended under one of them.
 */
public final class R02_PipCount {
  private R02_PipCount() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
    }

    void pin() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      o.referenceLocked();
      o.pipUp(1);
      o.lock.unlock();
    }

    void counts(II_Result r) {
      r.r1 = o.refCount();
      r.r2 = o.pip();
    }
  }

  /** NAIVE: ++ on shared words. */
  @JCStressTest
  @Outcome(id = "3, 2", expect = ACCEPTABLE, desc = "Both pins count.")
  @Outcome(id = {"2, 2", "3, 1", "2, 1"}, expect = ACCEPTABLE_INTERESTING, desc = "A pin is lost.")
  @Outcome(expect = FORBIDDEN, desc = "Two pins cannot make this.")
  @State
  public static class Naive extends Shared {
    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one() {
      pin();
    }

    @Actor
    public void two() {
      pin();
    }

    @Arbiter
    public void settled(II_Result r) {
      counts(r);
    }
  }

  /** FIXED: under O. */
  @JCStressTest
  @Outcome(id = "3, 2", expect = ACCEPTABLE, desc = "Both pins count.")
  @Outcome(expect = FORBIDDEN, desc = "I-20 or I-22: a holder is not counted.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one() {
      pin();
    }

    @Actor
    public void two() {
      pin();
    }

    @Arbiter
    public void settled(II_Result r) {
      counts(r);
    }
  }
}
