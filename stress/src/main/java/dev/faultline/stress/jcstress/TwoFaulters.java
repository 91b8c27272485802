package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * Two threads of one address space touch the same page, each storing to a word of its own. One fills the page, the
 * other waits for it or finds it; nobody's store is zeroed away, and there is one page.
 */
public final class TwoFaulters {
  private TwoFaulters() {}

  private abstract static class Shared {
    final KernelWorld k = new KernelWorld();
    final Actors.Meeting meeting = new Actors.Meeting();

    void touch(int actor) {
      k.enter();
      meeting.arrive();
      k.store(actor, k.space, KernelWorld.VA + 8L * actor, 7 + actor);
    }

    String outcome() {
      String verdict = k.verdict();
      return k.load(0, k.space, KernelWorld.VA) + " " + k.load(1, k.space, KernelWorld.VA + 8) + " " + verdict;
    }
  }

  /** The entry has no object yet: both need the map's lock for writing (R32). */
  @JCStressTest
  @Outcome(id = "7 8 ok", expect = ACCEPTABLE, desc = "Both stores are there.")
  @Outcome(expect = FORBIDDEN, desc = "A store is lost, or an invariant broken.")
  @State
  public static class FirstTouch extends Shared {
    @Actor
    public void one() {
      touch(0);
    }

    @Actor
    public void two() {
      touch(1);
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = outcome();
    }
  }

  /** The object is there, the page is not: zero-fill by one (R3, R12). */
  @JCStressTest
  @Outcome(id = "7 8 ok", expect = ACCEPTABLE, desc = "Both stores are there.")
  @Outcome(expect = FORBIDDEN, desc = "A store is lost, or an invariant broken.")
  @State
  public static class ZeroFill extends Shared {
    public ZeroFill() {
      k.store(0, k.space, KernelWorld.VA + KernelWorld.PAGE, 1);
    }

    @Actor
    public void one() {
      touch(0);
    }

    @Actor
    public void two() {
      touch(1);
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = outcome();
    }
  }
}
