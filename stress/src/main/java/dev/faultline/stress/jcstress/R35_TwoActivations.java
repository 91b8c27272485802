package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * R35. Two threads put the same page on the active queue: test and insertion are one hold of Q. Without it the page is
 * inserted twice, and the queue counts one more than it has.
 */
public final class R35_TwoActivations {
  private R35_TwoActivations() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmPage m;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      VmObject o = w.object(1);
      o.lock.lock();
      m = w.busyPage(o, 0);
      o.lock.unlock();
    }

    void activate() {
      w.enter();
      meeting.arrive();
      w.pages.queues().activate(m);
    }

    int length() {
      w.enter();
      return w.pages.queues().lengths()[0];
    }
  }

  /** NAIVE. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "On the queue once.")
  @Outcome(id = "2", expect = ACCEPTABLE_INTERESTING, desc = "On the queue twice.")
  @Outcome(id = "-1", expect = ACCEPTABLE_INTERESTING, desc = "The kernel found the queue corrupt.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class Naive extends Shared {
    volatile boolean panicked;

    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one() {
      if (Actors.panics(this::activate)) {
        panicked = true;
      }
    }

    @Actor
    public void two() {
      if (Actors.panics(this::activate)) {
        panicked = true;
      }
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = panicked ? -1 : length();
    }
  }

  /** FIXED: under Q. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "On the queue once.")
  @Outcome(expect = FORBIDDEN, desc = "I-1: on a queue twice, or a length that is wrong.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one() {
      activate();
    }

    @Actor
    public void two() {
      activate();
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = length();
    }
  }
}
