package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.sync.KThread;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/**
 * R36. A process that waits for memory is chosen to die: it is marked, and then the channel is woken. Woken first, it
 * may look for the mark, find none, and sleep with nobody left to wake it: the memory that its death would free is
 * what everybody waits for.
 */
public final class KillEndsWait {
  private KillEndsWait() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED, false, null, PageWorld.SHORT);
    final Actors.Sleeper sleeper = new Actors.Sleeper();
    final Actors.Meeting meeting = new Actors.Meeting();
    volatile @Nullable KThread victim;

    void waitForMemory() {
      KThread me = w.enter();
      victim = me;
      sleeper.begin(me);
      meeting.arrive();
      while (!me.isKilled()) {
        w.pages.freeList().waitForMemory(w.pages.freeList().generation(), true);
      }
      sleeper.end();
    }

    KThread victim() {
      w.enter();
      meeting.arrive();
      KThread t = victim;
      for (int i = 0; t == null; i++) {
        Actors.strand().pause(i);
        t = victim;
      }
      return t;
    }

    boolean wasLost() {
      return sleeper.wasLost(w.domain, w.pages.freeList().freeChannel);
    }
  }

  /** The deliberately wrong step: wakes, then marks. */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "The victim noticed.")
  @Outcome(id = "true", expect = ACCEPTABLE_INTERESTING, desc = "Woken unmarked, it went back to sleep.")
  @State
  public static class WakeFirst extends Shared {
    @Actor
    public void victimWaits() {
      waitForMemory();
    }

    @Actor
    public void killer(Z_Result r) {
      KThread t = victim();
      w.pages.freeList().wakeWaiters();
      t.kill();
      r.r1 = wasLost();
    }
  }

  /** Marks, then wakes. */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "The victim noticed.")
  @Outcome(expect = FORBIDDEN, desc = "A killed process waits for memory for ever.")
  @State
  public static class MarkFirst extends Shared {
    @Actor
    public void victimWaits() {
      waitForMemory();
    }

    @Actor
    public void killer(Z_Result r) {
      KThread t = victim();
      t.kill();
      w.pages.freeList().wakeWaiters();
      r.r1 = wasLost();
    }
  }
}
