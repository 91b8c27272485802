package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * 5.7 wiring. Two threads wire the same page: two units of its wire_count, one page of the gauge, on no queue. A unit
 * lost is a wired page that pageout may take.
 */
public final class WireCount {
  private WireCount() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmPage m;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      m = w.page(w.object(1), 0);
    }

    void wire() {
      w.enter();
      meeting.arrive();
      w.pages.queues().lock.lock();
      try {
        w.pages.queues().wireLocked(m);
      } finally {
        w.pages.queues().lock.unlock();
      }
    }

    void counts(III_Result r) {
      w.enter();
      r.r1 = m.wireCount();
      r.r2 = w.pages.queues().wireCount();
      r.r3 = w.pages.queues().lengths()[0];
    }
  }

  /** NAIVE. */
  @JCStressTest
  @Outcome(id = "2, 1, 0", expect = ACCEPTABLE, desc = "Wired twice, counted once, on no queue.")
  @Outcome(id = ".*", expect = ACCEPTABLE_INTERESTING, desc = "A unit is lost, or the page is counted twice, or taken"
      + " off its queue twice.")
  @State
  public static class Naive extends Shared {
    volatile boolean panicked;

    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one() {
      if (Actors.panics(this::wire)) {
        panicked = true;
      }
    }

    @Actor
    public void two() {
      if (Actors.panics(this::wire)) {
        panicked = true;
      }
    }

    @Arbiter
    public void settled(III_Result r) {
      counts(r);
      r.r1 = panicked ? -1 : r.r1;
    }
  }

  /** FIXED: under Q. */
  @JCStressTest
  @Outcome(id = "2, 1, 0", expect = ACCEPTABLE, desc = "Wired twice, counted once, on no queue.")
  @Outcome(expect = FORBIDDEN, desc = "I-40 or the gauge is wrong.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one() {
      wire();
    }

    @Actor
    public void two() {
      wire();
    }

    @Arbiter
    public void settled(III_Result r) {
      counts(r);
    }
  }
}
