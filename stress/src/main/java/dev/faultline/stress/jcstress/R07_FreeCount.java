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
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * R7. One thread frees a page while another takes a frame: both change the free list and free_count, which drifts for
 * ever by an update lost (I-7).
 */
public final class R07_FreeCount {
  private R07_FreeCount() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final VmObject other;
    final VmPage m;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
      other = w.object(1);
      m = w.page(o, 0);
    }

    void free() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      w.pages.free(m);
      o.lock.unlock();
    }

    void take() {
      w.enter();
      meeting.arrive();
      other.lock.lock();
      w.busyPage(other, 0);
      other.lock.unlock();
    }

    String gauges() {
      w.enter();
      int[] n = w.pages.freeList().lengths();
      return n[0] + n[1] == n[2] && n[2] == PageWorld.FRAMES - 1 ? "exact" : "drifted";
    }
  }

  /** NAIVE: list and gauge without F. */
  @JCStressTest
  @Outcome(id = "exact", expect = ACCEPTABLE, desc = "Lists and gauge agree.")
  @Outcome(id = "drifted", expect = ACCEPTABLE_INTERESTING, desc = "An update of list or gauge is lost.")
  @Outcome(id = "panic", expect = ACCEPTABLE_INTERESTING, desc = "The kernel found its free list corrupt.")
  @State
  public static class Naive extends Shared {
    volatile boolean panicked;

    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void freer() {
      if (Actors.panics(this::free)) {
        panicked = true;
      }
    }

    @Actor
    public void taker() {
      if (Actors.panics(this::take)) {
        panicked = true;
      }
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = panicked ? "panic" : gauges();
    }
  }

  /** FIXED: under F. */
  @JCStressTest
  @Outcome(id = "exact", expect = ACCEPTABLE, desc = "Lists and gauge agree.")
  @Outcome(expect = FORBIDDEN, desc = "I-7: free_count drifted.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void freer() {
      free();
    }

    @Actor
    public void taker() {
      take();
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = gauges();
    }
  }
}
