package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * One strand changes two plain words in a hold of the lock; another reads them. In a hold of its own it sees both
 * changes or none. Without it, compiler and hardware may show it one.
 */
public final class StrandLockPublication {
  private StrandLockPublication() {}

  private abstract static class Shared {
    final StrandLock lock = new StrandLock();
    int first;
    int second;

    void write() {
      Strand me = Actors.strand();
      lock.acquire(me);
      first = 1;
      second = 1;
      lock.release(me);
    }
  }

  /** The deliberately wrong step: the reader takes no lock. */
  @JCStressTest
  @Outcome(id = {"0, 0", "1, 1"}, expect = ACCEPTABLE, desc = "Before or after.")
  @Outcome(id = {"0, 1", "1, 0"}, expect = ACCEPTABLE_INTERESTING, desc = "Half of a locked change seen from outside.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody writes that.")
  @State
  public static class UnlockedReader extends Shared {
    @Actor
    public void writer() {
      write();
    }

    @Actor
    public void reader(II_Result r) {
      r.r1 = first;
      r.r2 = second;
    }
  }

  /** Both sides lock. */
  @JCStressTest
  @Outcome(id = {"0, 0", "1, 1"}, expect = ACCEPTABLE, desc = "Before or after.")
  @Outcome(expect = FORBIDDEN, desc = "The lock published half of what was done under it.")
  @State
  public static class Locked extends Shared {
    @Actor
    public void writer() {
      write();
    }

    @Actor
    public void reader(II_Result r) {
      Strand me = Actors.strand();
      lock.acquire(me);
      r.r1 = first;
      r.r2 = second;
      lock.release(me);
    }
  }
}
