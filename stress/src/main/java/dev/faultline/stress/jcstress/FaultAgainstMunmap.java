package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Defect;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JL_Result;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * A thread loads from a page while another unmaps it; its frame goes back to the free list and is filled with poison
 * there. The load gets the old contents or is refused.
 */
public final class FaultAgainstMunmap {
  private FaultAgainstMunmap() {}

  private abstract static class Shared {
    final KernelWorld k;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(@Nullable Defect defect) {
      k = new KernelWorld(defect);
      k.store(0, k.space, KernelWorld.VA, 7);
    }

    long user() {
      k.enter();
      meeting.arrive();
      return k.load(0, k.space, KernelWorld.VA);
    }

    void munmap() {
      k.enter();
      meeting.arrive();
      k.space.map().remove(KernelWorld.VA, KernelWorld.VA + 2 * KernelWorld.PAGE);
    }
  }

  /** H-LOCALFLUSH: the other processor keeps its translation. */
  @JCStressTest
  @Outcome(id = {"7", "-1"}, expect = ACCEPTABLE, desc = "Before, or refused.")
  @Outcome(id = "24237", expect = ACCEPTABLE_INTERESTING, desc = "Loaded from a frame on the free list.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class LocalFlush extends Shared {
    public LocalFlush() {
      super(Defect.H_LOCALFLUSH);
    }

    @Actor
    public void load(J_Result r) {
      r.r1 = user();
    }

    @Actor
    public void unmap() {
      munmap();
    }
  }

  /** The correct kernel. */
  @JCStressTest
  @Outcome(id = {"7, ok", "-1, ok"}, expect = ACCEPTABLE, desc = "Before, or refused.")
  @Outcome(expect = FORBIDDEN, desc = "Loaded from a freed frame, or an invariant broken.")
  @State
  public static class Correct extends Shared {
    public Correct() {
      super(null);
    }

    @Actor
    public void load(JL_Result r) {
      r.r1 = user();
    }

    @Actor
    public void unmap() {
      munmap();
    }

    @Arbiter
    public void settled(JL_Result r) {
      r.r2 = k.verdict();
    }
  }

  /** The correct kernel, with the page not mapped yet: a whole fault against the unmapping. */
  @JCStressTest
  @Outcome(id = {"7, ok", "-1, ok"}, expect = ACCEPTABLE, desc = "Before, or refused.")
  @Outcome(expect = FORBIDDEN, desc = "Loaded from a freed frame, or an invariant broken.")
  @State
  public static class SoftFault extends Shared {
    public SoftFault() {
      super(null);
      k.space.pmap().removeUnwired(KernelWorld.VA, KernelWorld.VA + KernelWorld.PAGE);
    }

    @Actor
    public void load(JL_Result r) {
      r.r1 = user();
    }

    @Actor
    public void unmap() {
      munmap();
    }

    @Arbiter
    public void settled(JL_Result r) {
      r.r2 = k.verdict();
    }
  }
}
