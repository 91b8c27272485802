package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.object.VmObject;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JL_Result;
import org.openjdk.jcstress.infra.results.J_Result;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * Pages are taken out of their object, as truncation does it, while a thread uses them. A load finds the old contents
 * or, after a fault, zeros; a store is removed with its page or made to the new one.
 */
public final class FaultAgainstPageRemoval {
  private FaultAgainstPageRemoval() {}

  private abstract static class Shared {
    final KernelWorld k;
    final VmObject o;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(@Nullable Defect defect) {
      k = new KernelWorld(defect);
      k.store(0, k.space, KernelWorld.VA, 7);
      k.store(0, k.space, KernelWorld.VA + 8, 7);
      o = k.object(k.space, KernelWorld.VA);
    }

    long loads() {
      k.enter();
      meeting.arrive();
      return k.load(0, k.space, KernelWorld.VA);
    }

    void remove() {
      k.enter();
      meeting.arrive();
      k.kernel.objects().ranges().remove(o, 0, KernelWorld.PAGE, false);
    }
  }

  /** H-LOCALFLUSH: the other processor keeps its translation. */
  @JCStressTest
  @Outcome(id = {"7", "0"}, expect = ACCEPTABLE, desc = "Old contents, or zeros.")
  @Outcome(id = "24237", expect = ACCEPTABLE_INTERESTING, desc = "Loaded from a frame on the free list.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class LocalFlush extends Shared {
    public LocalFlush() {
      super(Defect.H_LOCALFLUSH);
    }

    @Actor
    public void load(J_Result r) {
      r.r1 = loads();
    }

    @Actor
    public void truncate() {
      remove();
    }
  }

  /** The correct kernel: a load. */
  @JCStressTest
  @Outcome(id = {"7, ok", "0, ok"}, expect = ACCEPTABLE, desc = "Old contents, or zeros.")
  @Outcome(expect = FORBIDDEN, desc = "Loaded from a freed frame, or an invariant broken.")
  @State
  public static class Load extends Shared {
    public Load() {
      super(null);
    }

    @Actor
    public void load(JL_Result r) {
      r.r1 = loads();
    }

    @Actor
    public void truncate() {
      remove();
    }

    @Arbiter
    public void settled(JL_Result r) {
      r.r2 = k.verdict();
    }
  }

  /** The correct kernel: a store. */
  @JCStressTest
  @Outcome(id = {"0 0 ok", "13 0 ok"}, expect = ACCEPTABLE, desc = "Removed with its page, or made to the new one.")
  @Outcome(expect = FORBIDDEN, desc = "Stored into a freed frame, a page half old, or an invariant broken.")
  @State
  public static class Store extends Shared {
    public Store() {
      super(null);
    }

    @Actor
    public void store() {
      k.enter();
      meeting.arrive();
      k.store(0, k.space, KernelWorld.VA, 13);
    }

    @Actor
    public void truncate() {
      remove();
    }

    @Arbiter
    public void settled(L_Result r) {
      String verdict = k.verdict();
      r.r1 = k.load(0, k.space, KernelWorld.VA) + " " + k.load(1, k.space, KernelWorld.VA + 8) + " " + verdict;
    }
  }
}
