package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.sync.MapLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/**
 * R32, 2.8. Two threads hold the map for reading and turn their holds into write holds, to make the object that an
 * entry lacks. What the winner decided under its read hold still holds; the loser is told, and starts over. To let go
 * and take the write lock is another thing: the map may have changed.
 */
public final class R32_MapUpgrade {
  private R32_MapUpgrade() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final MapLock lock = new MapLock(w.domain, "map", 3);
    final Actors.Meeting meeting = new Actors.Meeting();
    int version;

    String change(int was) {
      String told = version == was ? "kept" : "changed";
      version++;
      lock.unlock();
      return told;
    }
  }

  /** The deliberately wrong step: unlock, and lock for writing. */
  @JCStressTest
  @Outcome(id = "kept, kept", expect = ACCEPTABLE, desc = "One after the other.")
  @Outcome(id = {"kept, changed", "changed, kept"}, expect = ACCEPTABLE_INTERESTING, desc = "The map changed between"
      + " the two holds: two objects are made for one entry.")
  @Outcome(expect = FORBIDDEN, desc = "Both saw a change before they made one.")
  @State
  public static class UnlockAndLock extends Shared {
    @Actor
    public void one(LL_Result r) {
      w.enter();
      r.r1 = relock();
    }

    @Actor
    public void two(LL_Result r) {
      w.enter();
      r.r2 = relock();
    }

    private String relock() {
      meeting.arrive();
      lock.lockRead();
      int was = version;
      lock.unlock();
      lock.lockWrite();
      return change(was);
    }
  }

  /** lock_read_to_write. */
  @JCStressTest
  @Outcome(id = "kept, kept", expect = ACCEPTABLE, desc = "One after the other.")
  @Outcome(id = {"kept, lost", "lost, kept"}, expect = ACCEPTABLE, desc = "At the same time: the loser starts over.")
  @Outcome(expect = FORBIDDEN, desc = "A writer got in between, or both lost.")
  @State
  public static class Upgrade extends Shared {
    @Actor
    public void one(LL_Result r) {
      w.enter();
      r.r1 = upgrade();
    }

    @Actor
    public void two(LL_Result r) {
      w.enter();
      r.r2 = upgrade();
    }

    private String upgrade() {
      meeting.arrive();
      lock.lockRead();
      int was = version;
      return lock.upgrade() ? "lost" : change(was);
    }
  }
}
