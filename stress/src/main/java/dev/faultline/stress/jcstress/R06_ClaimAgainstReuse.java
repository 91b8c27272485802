package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * R6. Memory is short; the only frame to be had is a cached page's. One thread faults on that page, another takes the
 * frame for its own. Claimed busy and off its queue under O, the page is the faulter's; else it is the other's, and the
 * faulter finds nothing. A page found and not claimed may be reused at once.
 */
public final class R06_ClaimAgainstReuse {
  private R06_ClaimAgainstReuse() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED, false, null, PageWorld.SHORT);
    final VmObject o = w.object(1);
    final VmObject other = w.object(1);
    final VmPage m = w.page(o, 0);
    final Actors.Meeting meeting = new Actors.Meeting();

    @SuppressWarnings("GuardedBy") // the checker does not see that the accessor returns the field
    Shared() {
      VmObject filler = w.object(2);
      w.page(filler, 0);
      w.page(filler, PageWorld.PAGE); // below the reserve
      o.lock.lock();
      w.pages.queues().lock.lock();
      try {
        if (!w.pages.cacheLocked(m)) {
          throw new IllegalStateException("not cached: " + m);
        }
      } finally {
        w.pages.queues().lock.unlock();
        o.lock.unlock();
      }
    }

    boolean reuse() {
      w.enter();
      meeting.arrive();
      other.lock.lock();
      VmPage mine = w.pages.alloc(other, 0, AllocClass.NORMAL);
      other.lock.unlock();
      return mine == m;
    }
  }

  /** The deliberately wrong step: found, but not claimed. */
  @JCStressTest
  @Outcome(id = {"true, false", "false, true"}, expect = ACCEPTABLE, desc = "One has it.")
  @Outcome(id = "true, true", expect = ACCEPTABLE_INTERESTING, desc = "Found by one, given to the other.")
  @Outcome(expect = FORBIDDEN, desc = "Neither found nor reused.")
  @State
  public static class Unclaimed extends Shared {
    @Actor
    public void faulter(ZZ_Result r) {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      r.r1 = w.pages.lookup(o, 0) != null;
      o.lock.unlock();
    }

    @Actor
    public void allocator(ZZ_Result r) {
      r.r2 = reuse();
    }
  }

  /** F5: busy, and off the cache queue. */
  @JCStressTest
  @Outcome(id = {"true, false", "false, true"}, expect = ACCEPTABLE, desc = "One has it.")
  @Outcome(id = "false, false", expect = FORBIDDEN, desc = "Neither found nor reused.")
  @Outcome(expect = FORBIDDEN, desc = "Two owners.")
  @State
  public static class Claimed extends Shared {
    @Actor
    public void faulter(ZZ_Result r) {
      KThread me = w.enter();
      meeting.arrive();
      o.lock.lock();
      VmPage found = w.pages.lookup(o, 0);
      if (found != null) {
        found.setBusy(me);
        w.pages.queues().unqueue(found);
      }
      r.r1 = found != null;
      o.lock.unlock();
    }

    @Actor
    public void allocator(ZZ_Result r) {
      r.r2 = reuse();
    }
  }
}
