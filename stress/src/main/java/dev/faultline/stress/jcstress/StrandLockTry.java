package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.strand.StrandLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * Two strands try the lock, as everybody does who wants locks upward (5.1): one who gets it and does not give it back
 * keeps the other out. Looking at the owner first and taking it afterwards is no try.
 */
public final class StrandLockTry {
  private StrandLockTry() {}

  /** The deliberately wrong step: test, then take. */
  @JCStressTest
  @Outcome(id = {"1, 0", "0, 1"}, expect = ACCEPTABLE, desc = "One got it.")
  @Outcome(id = "1, 1", expect = ACCEPTABLE_INTERESTING, desc = "Both saw it free before either had it.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody got a free lock.")
  @State
  public static class LookThenTake {
    final StrandLock lock = new StrandLock();
    volatile boolean taken;

    @Actor
    public void one(II_Result r) {
      r.r1 = take();
    }

    @Actor
    public void two(II_Result r) {
      r.r2 = take();
    }

    private int take() {
      if (taken || lock.owner() != null) {
        return 0;
      }
      taken = true;
      return 1;
    }
  }

  /** One compare-and-set. */
  @JCStressTest
  @Outcome(id = {"1, 0", "0, 1"}, expect = ACCEPTABLE, desc = "One got it.")
  @Outcome(id = "1, 1", expect = FORBIDDEN, desc = "Two owners.")
  @Outcome(expect = FORBIDDEN, desc = "A try of a free lock failed for both.")
  @State
  public static class Try {
    final StrandLock lock = new StrandLock();

    @Actor
    public void one(II_Result r) {
      r.r1 = lock.tryAcquire(Actors.strand()) ? 1 : 0;
    }

    @Actor
    public void two(II_Result r) {
      r.r2 = lock.tryAcquire(Actors.strand()) ? 1 : 0;
    }
  }
}
