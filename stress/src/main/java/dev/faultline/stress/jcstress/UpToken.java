package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * UP mode is what 1995 ran on: mutexes do nothing, and one token keeps all but one thread out of the kernel. With the
 * token, ++ on a shared word is safe; two threads in the kernel at once are two processors.
 */
public final class UpToken {
  private UpToken() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.UP);
    final VmObject o = w.object(1);
    final Actors.Meeting meeting = new Actors.Meeting();
  }

  /** The deliberately wrong step: into the kernel without the token. */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "Both references count.")
  @Outcome(id = "2", expect = ACCEPTABLE_INTERESTING, desc = "A reference is lost: 1995's kernel on two processors.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class NoToken extends Shared {
    @Actor
    public void one() {
      w.enter();
      meeting.arrive();
      o.reference();
    }

    @Actor
    public void two() {
      w.enter();
      meeting.arrive();
      o.reference();
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = o.refCount();
    }
  }

  /** As a system call enters. */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "Both references count.")
  @Outcome(expect = FORBIDDEN, desc = "Two threads in the kernel of a uniprocessor.")
  @State
  public static class Token extends Shared {
    @Actor
    public void one() {
      call();
    }

    @Actor
    public void two() {
      call();
    }

    private void call() {
      w.enter();
      meeting.arrive();
      w.domain.token().enter();
      o.reference();
      w.domain.token().leave();
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = o.refCount();
    }
  }
}
