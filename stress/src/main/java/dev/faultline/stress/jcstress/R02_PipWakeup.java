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
import org.openjdk.jcstress.infra.results.ZI_Result;

/**
 * R2, D6. One thread ends the object's last reference and, as paging is in progress, sets PIPWNT and sleeps until it is
 * not; another takes the last unit of pip off. The thread that ends the object sleeps for ever if PIPWNT and the
 * decrement pass each other.
 */
public final class R02_PipWakeup {
  private R02_PipWakeup() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final Actors.Sleeper sleeper = new Actors.Sleeper();
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
      w.page(o, 0);
      o.lock.lock();
      o.pipUp(1);
      o.lock.unlock();
    }

    void end() {
      sleeper.begin(w.enter());
      meeting.arrive();
      o.deallocate();
      sleeper.end();
    }

    boolean pagingDone() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      o.pipDown(1);
      o.lock.unlock();
      return sleeper.wasLost(w.domain, o);
    }
  }

  /** NAIVE: nothing keeps test and sleep together. */
  @JCStressTest
  @Outcome(id = "false, 8", expect = ACCEPTABLE, desc = "Ended, its page freed.")
  @Outcome(id = "true, 8", expect = ACCEPTABLE_INTERESTING, desc = "The wakeup was lost.")
  @Outcome(expect = FORBIDDEN, desc = "The page is still there.")
  @State
  public static class Naive extends Shared {
    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void last() {
      end();
    }

    @Actor
    public void pager(ZI_Result r) {
      r.r1 = pagingDone();
    }

    @Arbiter
    public void settled(ZI_Result r) {
      r.r2 = w.pages.freeList().freeCount();
    }
  }

  /** FIXED: both under O, and the sleep gives O up only once it is queued. */
  @JCStressTest
  @Outcome(id = "false, 8", expect = ACCEPTABLE, desc = "Ended, its page freed.")
  @Outcome(expect = FORBIDDEN, desc = "A lost wakeup, or a page left behind.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void last() {
      end();
    }

    @Actor
    public void pager(ZI_Result r) {
      r.r1 = pagingDone();
    }

    @Arbiter
    public void settled(ZI_Result r) {
      r.r2 = w.pages.freeList().freeCount();
    }
  }
}
