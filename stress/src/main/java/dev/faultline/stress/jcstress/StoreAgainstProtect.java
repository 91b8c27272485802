package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.VmProt;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZJJ_Result;

/**
 * A thread stores while another takes the right to write away (mprotect). When the call has returned, no store gets
 * through any more: what the caller reads then is what there is.
 */
public final class StoreAgainstProtect {
  private StoreAgainstProtect() {}

  private abstract static class Shared {
    final KernelWorld k;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(@Nullable Defect defect) {
      k = new KernelWorld(defect);
      k.store(0, k.space, KernelWorld.VA, 7);
    }

    boolean user() {
      k.enter();
      meeting.arrive();
      return k.store(0, k.space, KernelWorld.VA, 13);
    }

    long protect() {
      k.enter();
      meeting.arrive();
      k.space.map().protect(KernelWorld.VA, KernelWorld.VA + KernelWorld.PAGE, VmProt.READ, false);
      return k.load(1, k.space, KernelWorld.VA);
    }

    long last() {
      k.enter();
      return k.load(1, k.space, KernelWorld.VA);
    }
  }

  /** H-LOCALFLUSH. */
  @JCStressTest
  @Outcome(id = {"true, 13, 13", "false, 7, 7"}, expect = ACCEPTABLE, desc = "In time, or refused.")
  @Outcome(id = "true, 7, 13", expect = ACCEPTABLE_INTERESTING, desc = "Stored after the right was gone.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class LocalFlush extends Shared {
    public LocalFlush() {
      super(Defect.H_LOCALFLUSH);
    }

    @Actor
    public void store(ZJJ_Result r) {
      r.r1 = user();
    }

    @Actor
    public void mprotect(ZJJ_Result r) {
      r.r2 = protect();
    }

    @Arbiter
    public void settled(ZJJ_Result r) {
      r.r3 = last();
    }
  }

  /** The correct kernel. */
  @JCStressTest
  @Outcome(id = {"true, 13, 13", "false, 7, 7"}, expect = ACCEPTABLE, desc = "In time, or refused.")
  @Outcome(expect = FORBIDDEN, desc = "A store after the right was gone.")
  @State
  public static class Correct extends Shared {
    public Correct() {
      super(null);
    }

    @Actor
    public void store(ZJJ_Result r) {
      r.r1 = user();
    }

    @Actor
    public void mprotect(ZJJ_Result r) {
      r.r2 = protect();
    }

    @Arbiter
    public void settled(ZJJ_Result r) {
      r.r3 = last();
    }
  }
}
