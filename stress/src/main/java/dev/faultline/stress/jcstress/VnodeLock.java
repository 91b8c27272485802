package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.sync.SleepLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Two threads change a file under its vnode's lock, which is slept for. Who has to wait says so under the interlock,
 * and the owner wakes it; one that fails to get the lock by a try has no business inside.
 */
public final class VnodeLock {
  private VnodeLock() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final SleepLock lock = new SleepLock(w.domain, "vnode", 3);
    final Actors.Meeting meeting = new Actors.Meeting();
    int size;
  }

  /** The deliberately wrong step: a try that failed is ignored. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "The file grew twice.")
  @Outcome(id = "1", expect = ACCEPTABLE_INTERESTING, desc = "One extension is lost.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class IgnoredTry extends Shared {
    @Actor
    public void one() {
      grow();
    }

    @Actor
    public void two() {
      grow();
    }

    private void grow() {
      w.enter();
      meeting.arrive();
      boolean held = lock.tryLock();
      size++;
      if (held) {
        lock.unlock();
      }
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = size;
    }
  }

  /** Sleeps for it. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "The file grew twice.")
  @Outcome(expect = FORBIDDEN, desc = "Two owners.")
  @State
  public static class Locked extends Shared {
    @Actor
    public void one() {
      grow();
    }

    @Actor
    public void two() {
      grow();
    }

    private void grow() {
      w.enter();
      meeting.arrive();
      lock.lock();
      size++;
      lock.unlock();
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = size;
    }
  }
}
