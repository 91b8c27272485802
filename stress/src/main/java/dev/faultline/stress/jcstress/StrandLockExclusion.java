package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Two strands add to a plain word, the raw lock of all kernel mutexes around it or not. The addition is a load and a
 * store, so without the lock one overwrites the other's.
 */
public final class StrandLockExclusion {
  private StrandLockExclusion() {}

  private abstract static class Shared {
    final StrandLock lock = new StrandLock();
    int word;
  }

  /** The deliberately wrong step: the lock is not taken. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both additions count.")
  @Outcome(id = "1", expect = ACCEPTABLE_INTERESTING, desc = "Nobody holds the lock: one addition is lost.")
  @Outcome(expect = FORBIDDEN, desc = "Two additions cannot make this.")
  @State
  public static class Unlocked extends Shared {
    @Actor
    public void one() {
      word++;
    }

    @Actor
    public void two() {
      word++;
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = word;
    }
  }

  /** As all kernel code does it. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both additions count.")
  @Outcome(expect = FORBIDDEN, desc = "Two strands held one lock, or what the first did was not seen by the second.")
  @State
  public static class Locked extends Shared {
    @Actor
    public void one() {
      add();
    }

    @Actor
    public void two() {
      add();
    }

    private void add() {
      Strand me = Actors.strand();
      lock.acquire(me);
      word++;
      lock.release(me);
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = word;
    }
  }
}
