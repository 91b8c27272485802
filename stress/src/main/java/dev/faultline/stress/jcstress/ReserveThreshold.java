package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/**
 * 1.3. Two NORMAL allocations while one frame is left above free_reserved: one gets it, the other is refused, so that
 * the daemon keeps what it needs to make memory. The test of the gauge and the taking are one hold of F.
 */
public final class ReserveThreshold {
  private ReserveThreshold() {}

  private abstract static class Shared {
    static final int PANIC = -2;
    final PageWorld w;
    final VmObject a;
    final VmObject b;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode, false, null, PageWorld.SHORT);
      VmObject filler = w.object(2);
      w.page(filler, 0);
      w.page(filler, PageWorld.PAGE); // 6 left, which is free_reserved: one more may go
      a = w.object(1);
      b = w.object(1);
    }

    int take(VmObject o) {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      VmPage m = w.pages.alloc(o, 0, AllocClass.NORMAL);
      o.lock.unlock();
      return m == null ? -1 : m.frame();
    }

    static String told(int mine, int other) {
      return mine == PANIC ? "panic" : mine < 0 ? "refused" : mine == other ? "the same frame" : "a frame";
    }
  }

  /** NAIVE: both pass the test. */
  @JCStressTest
  @Outcome(id = {"a frame, refused", "refused, a frame"}, expect = ACCEPTABLE, desc = "One is refused.")
  @Outcome(id = "a frame, a frame", expect = ACCEPTABLE_INTERESTING, desc = "The reserve is broken into.")
  @Outcome(id = "the same frame, the same frame", expect = ACCEPTABLE_INTERESTING, desc = "Two owners of a frame.")
  @Outcome(id = ".*panic.*", expect = ACCEPTABLE_INTERESTING, desc = "The kernel found its free list corrupt.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody was served.")
  @State
  public static class Naive extends Shared {
    volatile int one;
    volatile int two;

    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void one() {
      if (Actors.panics(() -> one = take(a))) {
        one = PANIC;
      }
    }

    @Actor
    public void two() {
      if (Actors.panics(() -> two = take(b))) {
        two = PANIC;
      }
    }

    @Arbiter
    public void settled(LL_Result r) {
      r.r1 = told(one, two);
      r.r2 = told(two, one);
    }
  }

  /** FIXED: under F. */
  @JCStressTest
  @Outcome(id = {"a frame, refused", "refused, a frame"}, expect = ACCEPTABLE, desc = "One is refused.")
  @Outcome(expect = FORBIDDEN, desc = "The reserve is broken into, or one frame given twice, or nobody served.")
  @State
  public static class Fixed extends Shared {
    volatile int one;
    volatile int two;

    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void one() {
      one = take(a);
    }

    @Actor
    public void two() {
      two = take(b);
    }

    @Arbiter
    public void settled(LL_Result r) {
      r.r1 = told(one, two);
      r.r2 = told(two, one);
    }
  }
}
