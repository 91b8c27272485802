package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/**
 * R2, R41. Two holders give up the last two references to an object with a page. One of them ends it, once. With the
 * decrements racing, neither does (a leak for ever), or both do.
 */
public final class R02_LastReference {
  private R02_LastReference() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
      o.reference();
      w.page(o, 0);
    }

    String drop() {
      w.enter();
      meeting.arrive();
      try {
        o.deallocate();
        return "done";
      } catch (KernelPanic | RuntimeException e) {
        return "panic";
      }
    }

    String outcome() {
      w.enter();
      return o.refCount() + " " + w.objects.objectCount() + " " + w.pages.freeList().freeCount();
    }
  }

  /** NAIVE: --ref == 0 is two steps. */
  @JCStressTest
  @Outcome(id = "done, done, 0 0 8", expect = ACCEPTABLE, desc = "Ended once.")
  @Outcome(id = "done, done, 1 1 7", expect = ACCEPTABLE_INTERESTING, desc = "A decrement is lost: never ended.")
  @Outcome(id = ".*", expect = ACCEPTABLE_INTERESTING, desc = "Both ended it.")
  @State
  public static class Naive extends Shared {
    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one(LLL_Result r) {
      r.r1 = drop();
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = drop();
    }

    @Arbiter
    public void settled(LLL_Result r) {
      r.r3 = outcome();
    }
  }

  /** FIXED: under O. */
  @JCStressTest
  @Outcome(id = "done, done, 0 0 8", expect = ACCEPTABLE, desc = "Ended once.")
  @Outcome(expect = FORBIDDEN, desc = "Never ended, or twice.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one(LLL_Result r) {
      r.r1 = drop();
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = drop();
    }

    @Arbiter
    public void settled(LLL_Result r) {
      r.r3 = outcome();
    }
  }
}
