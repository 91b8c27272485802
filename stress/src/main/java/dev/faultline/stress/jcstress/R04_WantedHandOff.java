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
import org.openjdk.jcstress.infra.results.Z_Result;

/**
 * R4 (seed :258-270). A faulter finds the page busy, sets WANTED and sleeps; the owner clears BUSY and wakes whoever
 * wants the page. Test, WANTED and enqueueing are one critical section, or the wakeup comes between them and is lost.
 * A sleeper found asleep once its waker is through would sleep for ever; it is counted and woken by hand.
 */
public final class R04_WantedHandOff {
  private R04_WantedHandOff() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final VmPage m;
    final Actors.Sleeper sleeper = new Actors.Sleeper();
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      o.lock.lock();
      m = w.busyPage(o, 0);
      o.lock.unlock();
    }

    boolean unbusy() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      w.pages.wakeup(m);
      o.lock.unlock();
      return sleeper.wasLost(w.domain, m);
    }
  }

  /** The deliberately wrong step: the object's lock is let go between the test and the sleep. */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "Found idle, or woken.")
  @Outcome(id = "true", expect = ACCEPTABLE_INTERESTING, desc = "PAGE_WAKEUP came before WANTED: asleep for ever.")
  @State
  public static class TestThenSleep extends Shared {
    @Actor
    public void faulter() {
      sleeper.begin(w.enter());
      meeting.arrive();
      o.lock.lock();
      boolean busy = m.isBusy();
      o.lock.unlock();
      if (busy) {
        o.lock.lock();
        m.setWanted();
        w.domain.sleepQueues().sleepOn(m, o.lock, "vmpfw");
      }
      sleeper.end();
    }

    @Actor
    public void owner(Z_Result r) {
      r.r1 = unbusy();
    }
  }

  /** As the fault handler does it. */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "Found idle, or woken.")
  @Outcome(expect = FORBIDDEN, desc = "A lost wakeup (I-14).")
  @State
  public static class Interlocked extends Shared {
    @Actor
    public void faulter() {
      sleeper.begin(w.enter());
      meeting.arrive();
      o.lock.lock();
      while (m.isBusy()) {
        m.setWanted();
        w.domain.sleepQueues().sleepOn(m, o.lock, "vmpfw");
        o.lock.lock();
      }
      o.lock.unlock();
      sleeper.end();
    }

    @Actor
    public void owner(Z_Result r) {
      r.r1 = unbusy();
    }
  }
}
