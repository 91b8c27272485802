package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * R13, F11. A page moves from the backing object up into the shadow, as a collapse does it, while a faulter walks down.
 * Handed over from lock to lock the walk finds it above or below. With a gap between the two holds the page passes the
 * walker, who goes on to zero-fill what has data.
 */
public final class R13_RenameAgainstWalk {
  private R13_RenameAgainstWalk() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject backing = w.object(1);
    final VmObject shadow = w.objects.shadow(backing, 0, PageWorld.PAGE);
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      w.page(backing, 0);
    }

    void rename() {
      w.enter();
      meeting.arrive();
      shadow.lock.lock();
      backing.lock.lock();
      VmPage m = w.pages.lookup(backing, 0);
      if (m != null) {
        w.pages.rename(m, shadow, 0);
      }
      backing.lock.unlock();
      shadow.lock.unlock();
    }
  }

  /** The deliberately wrong step: the shadow is let go before the backing object is locked. */
  @JCStressTest
  @Outcome(id = {"above", "below"}, expect = ACCEPTABLE, desc = "Found.")
  @Outcome(id = "nowhere", expect = ACCEPTABLE_INTERESTING, desc = "The page passed the walker.")
  @State
  public static class Gap extends Shared {
    @Actor
    public void walker(L_Result r) {
      w.enter();
      meeting.arrive();
      shadow.lock.lock();
      boolean above = w.pages.lookup(shadow, 0) != null;
      shadow.lock.unlock();
      backing.lock.lock();
      boolean below = w.pages.lookup(backing, 0) != null;
      backing.lock.unlock();
      r.r1 = above ? "above" : below ? "below" : "nowhere";
    }

    @Actor
    public void collapser() {
      rename();
    }
  }

  /** Hand over hand. */
  @JCStressTest
  @Outcome(id = {"above", "below"}, expect = ACCEPTABLE, desc = "Found.")
  @Outcome(expect = FORBIDDEN, desc = "A resident page was not found.")
  @State
  public static class HandOverHand extends Shared {
    @Actor
    public void walker(L_Result r) {
      w.enter();
      meeting.arrive();
      shadow.lock.lock();
      boolean above = w.pages.lookup(shadow, 0) != null;
      backing.lock.lock();
      shadow.lock.unlock();
      boolean below = w.pages.lookup(backing, 0) != null;
      backing.lock.unlock();
      r.r1 = above ? "above" : below ? "below" : "nowhere";
    }

    @Actor
    public void collapser() {
      rename();
    }
  }
}
