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
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * 2.8. A writer turns its hold into a read hold and reads what it wrote, while another writer waits. Nobody writes
 * between the two holds. To unlock and lock again lets the other in.
 */
public final class MapDowngrade {
  private MapDowngrade() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final MapLock lock = new MapLock(w.domain, "map", 3);
    final Actors.Meeting meeting = new Actors.Meeting();
    int entry;

    void otherWriter() {
      w.enter();
      meeting.arrive();
      lock.lockWrite();
      entry = 2;
      lock.unlock();
    }

    void lockAndWrite() {
      w.enter();
      meeting.arrive();
      lock.lockWrite();
      entry = 1;
    }

    int readAndUnlock() {
      int e = entry;
      lock.unlock();
      return e;
    }
  }

  /** The deliberately wrong step: unlock, and lock for reading. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "Its own.")
  @Outcome(id = "2", expect = ACCEPTABLE_INTERESTING, desc = "The other writer's, which came in between.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody writes that.")
  @State
  public static class UnlockAndLock extends Shared {
    @Actor
    public void one(I_Result r) {
      lockAndWrite();
      lock.unlock();
      lock.lockRead();
      r.r1 = readAndUnlock();
    }

    @Actor
    public void two() {
      otherWriter();
    }
  }

  /** lock_write_to_read. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "Its own.")
  @Outcome(expect = FORBIDDEN, desc = "A writer came in between.")
  @State
  public static class Downgrade extends Shared {
    @Actor
    public void one(I_Result r) {
      lockAndWrite();
      lock.downgrade();
      r.r1 = readAndUnlock();
    }

    @Actor
    public void two() {
      otherWriter();
    }
  }
}
