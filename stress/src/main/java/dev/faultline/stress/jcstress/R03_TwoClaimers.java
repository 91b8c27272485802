package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * R3 (seed :252-276). Two faulters find the same resident page, see that it is not busy, and claim it. Lookup, busy
 * test and claim are one hold of O(object); in 1995 they were one stretch without preemption.
 */
public final class R03_TwoClaimers {
  private R03_TwoClaimers() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
      w.page(o, 0);
    }

    int claim() {
      KThread me = w.enter();
      meeting.arrive();
      o.lock.lock();
      try {
        VmPage m = w.pages.lookup(o, 0);
        if (m == null || m.isBusy()) {
          return 0;
        }
        m.setBusy(me);
        return 1;
      } finally {
        o.lock.unlock();
      }
    }
  }

  /** NAIVE: real threads, and mutexes that do nothing. */
  @JCStressTest
  @Outcome(id = {"1, 0", "0, 1"}, expect = ACCEPTABLE, desc = "One claims, the other is to wait.")
  @Outcome(id = "1, 1", expect = ACCEPTABLE_INTERESTING, desc = "Both own the page: freed twice, wired twice, copied"
      + " while it changes.")
  @Outcome(expect = FORBIDDEN, desc = "A page that nobody owns was refused.")
  @State
  public static class Naive extends Shared {
    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one(II_Result r) {
      r.r1 = claim();
    }

    @Actor
    public void two(II_Result r) {
      r.r2 = claim();
    }
  }

  /** FIXED. */
  @JCStressTest
  @Outcome(id = {"1, 0", "0, 1"}, expect = ACCEPTABLE, desc = "One claims, the other is to wait.")
  @Outcome(expect = FORBIDDEN, desc = "Two owners of a busy page (I-12), or none.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one(II_Result r) {
      r.r1 = claim();
    }

    @Actor
    public void two(II_Result r) {
      r.r2 = claim();
    }
  }
}
