package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * R38, 5.3 rule 5. A page structure is never freed: who kept a reference to one across a gap in its lock may hold the
 * page of somebody else. It must look the identity up again, or it writes into another object's frame.
 */
public final class R38_StaleIdentity {
  private R38_StaleIdentity() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final VmObject other = w.object(1);
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      VmObject filler = w.object(PageWorld.FRAMES);
      for (int i = 0; i < PageWorld.FRAMES - 1; i++) {
        w.page(filler, (long) i * PageWorld.PAGE);
      }
      w.page(o, 0); // the last frame, which other gets next
    }

    @Nullable VmPage find() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      VmPage m = w.pages.lookup(o, 0);
      o.lock.unlock();
      return m;
    }

    void store(VmPage m) {
      w.machine.memory().store(m.frame(), 0, 7);
    }

    long freeAndReuse() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      VmPage m = w.pages.lookup(o, 0);
      if (m != null) {
        w.pages.free(m);
      }
      o.lock.unlock();
      other.lock.lock();
      VmPage mine = w.busyPage(other, 0);
      other.lock.unlock();
      w.machine.memory().store(mine.frame(), 0, 13);
      return mine.frame();
    }
  }

  /** The deliberately wrong step: the page found before the gap is used after it. */
  @JCStressTest
  @Outcome(id = "13", expect = ACCEPTABLE, desc = "The new owner's data is whole.")
  @Outcome(id = "7", expect = ACCEPTABLE_INTERESTING, desc = "Stored into another object's page.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class Kept extends Shared {
    int frame;

    @Actor
    public void finder() {
      VmPage m = find();
      if (m != null) {
        o.lock.lock();
        store(m);
        o.lock.unlock();
      }
    }

    @Actor
    public void freer() {
      frame = (int) freeAndReuse();
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = w.machine.memory().load(frame, 0);
    }
  }

  /** Looked up again under O, and used in the same hold. */
  @JCStressTest
  @Outcome(id = "13", expect = ACCEPTABLE, desc = "The new owner's data is whole.")
  @Outcome(expect = FORBIDDEN, desc = "Stored into another object's page.")
  @State
  public static class LookedUpAgain extends Shared {
    int frame;

    @Actor
    public void finder() {
      VmPage m = find();
      if (m != null) {
        o.lock.lock();
        if (w.pages.lookup(o, 0) == m) {
          store(m);
        }
        o.lock.unlock();
      }
    }

    @Actor
    public void freer() {
      frame = (int) freeAndReuse();
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = w.machine.memory().load(frame, 0);
    }
  }
}
