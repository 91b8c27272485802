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
import org.openjdk.jcstress.infra.results.II_Result;

/** 2.8. A writer changes two fields of the map; a reader sees both changes or none, if it waits for its read hold. */
public final class MapReaders {
  private MapReaders() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final MapLock lock = new MapLock(w.domain, "map", 3);
    final Actors.Meeting meeting = new Actors.Meeting();
    int start;
    int end;

    void write() {
      w.enter();
      meeting.arrive();
      lock.lockWrite();
      start = 1;
      Thread.onSpinWait(); // room for a reader
      end = 1;
      lock.unlock();
    }
  }

  /** The deliberately wrong step: a try that failed is ignored. */
  @JCStressTest
  @Outcome(id = {"0, 0", "1, 1"}, expect = ACCEPTABLE, desc = "Before or after.")
  @Outcome(id = {"0, 1", "1, 0"}, expect = ACCEPTABLE_INTERESTING, desc = "Half a change.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody writes that.")
  @State
  public static class IgnoredTry extends Shared {
    @Actor
    public void writer() {
      write();
    }

    @Actor
    public void reader(II_Result r) {
      w.enter();
      meeting.arrive();
      boolean held = lock.tryLockRead();
      r.r1 = start;
      r.r2 = end;
      if (held) {
        lock.unlock();
      }
    }
  }

  /** Waits. */
  @JCStressTest
  @Outcome(id = {"0, 0", "1, 1"}, expect = ACCEPTABLE, desc = "Before or after.")
  @Outcome(expect = FORBIDDEN, desc = "Half a change seen under a read hold.")
  @State
  public static class ReadHold extends Shared {
    @Actor
    public void writer() {
      write();
    }

    @Actor
    public void reader(II_Result r) {
      w.enter();
      meeting.arrive();
      lock.lockRead();
      r.r1 = start;
      r.r2 = end;
      lock.unlock();
    }
  }
}
