package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.map.Vmspace;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JL_Result;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * Copy-on-write from two sides. Parent and child share a page after a fork and both store to it at the same time: each
 * gets a copy, or the last one the original, and neither sees the other's store.
 */
public final class TwoCowFaulters {
  private TwoCowFaulters() {}

  private abstract static class Shared {
    final KernelWorld k = new KernelWorld();
    final Vmspace child;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      k.store(0, k.space, KernelWorld.VA, 7);
      k.store(0, k.space, KernelWorld.VA + 8, 7);
      k.store(0, k.space, KernelWorld.VA + KernelWorld.PAGE, 7);
      child = k.fork();
      k.run(1, child);
    }

    void parentStores() {
      k.enter();
      meeting.arrive();
      k.store(0, k.space, KernelWorld.VA, 13);
    }

    String outcome() {
      k.enter();
      String parent = k.load(0, k.space, KernelWorld.VA) + " " + k.load(0, k.space, KernelWorld.VA + 8);
      k.run(1, child);
      return parent + ", " + k.load(1, child, KernelWorld.VA) + " " + k.load(1, child, KernelWorld.VA + 8) + ", "
          + k.verdict(child);
    }
  }

  /** Both store. */
  @JCStressTest
  @Outcome(id = "13 7, 14 7, ok", expect = ACCEPTABLE, desc = "Each has its own.")
  @Outcome(expect = FORBIDDEN, desc = "A store is lost or seen by the other, or an invariant broken.")
  @State
  public static class BothStore extends Shared {
    @Actor
    public void parent() {
      parentStores();
    }

    @Actor
    public void child() {
      k.enter();
      meeting.arrive();
      k.store(1, child, KernelWorld.VA, 14);
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = outcome();
    }
  }

  /** The child reads. */
  @JCStressTest
  @Outcome(id = "7, 13 7, 7 7, ok", expect = ACCEPTABLE, desc = "The child sees what it was forked with.")
  @Outcome(expect = FORBIDDEN, desc = "The child saw the parent's store, or an invariant is broken.")
  @State
  public static class ChildReads extends Shared {
    @Actor
    public void parent() {
      parentStores();
    }

    @Actor
    public void child(JL_Result r) {
      k.enter();
      meeting.arrive();
      r.r1 = k.load(1, child, KernelWorld.VA);
    }

    @Arbiter
    public void settled(JL_Result r) {
      r.r2 = outcome();
    }
  }

  /** Two threads of the parent store to two pages of one entry: the shadow is made once (R16, R32). */
  @JCStressTest
  @Outcome(id = "13 15 7 ok", expect = ACCEPTABLE, desc = "Both stores are there, the child has the old page.")
  @Outcome(expect = FORBIDDEN, desc = "A store is lost or seen by the child, or an invariant broken.")
  @State
  public static class OneShadow extends Shared {
    public OneShadow() {
      k.run(1, k.space);
    }

    @Actor
    public void one() {
      parentStores();
    }

    @Actor
    public void two() {
      k.enter();
      meeting.arrive();
      k.store(1, k.space, KernelWorld.VA + KernelWorld.PAGE, 15);
    }

    @Arbiter
    public void settled(L_Result r) {
      k.enter();
      long one = k.load(0, k.space, KernelWorld.VA);
      long two = k.load(0, k.space, KernelWorld.VA + KernelWorld.PAGE);
      k.run(1, child);
      r.r1 = one + " " + two + " " + k.load(1, child, KernelWorld.VA) + " " + k.verdict(child);
    }
  }
}
