package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/**
 * R5, why the flags are split by guard. The busy owner clears PG_ZERO without any lock, as it may, while a sleeper sets
 * WANTED under O. PG_ZERO has a word of its own. A flag of the word that WANTED is in may not be changed like that.
 */
public final class R05_WordsApart {
  private R05_WordsApart() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final VmPage m;

    Shared() {
      o.lock.lock();
      m = w.busyPage(o, 0);
      m.setCopyOnWrite(true);
      o.lock.unlock();
    }

    void want() {
      w.enter();
      o.lock.lock();
      m.setWanted();
      o.lock.unlock();
    }
  }

  /** The deliberately wrong step: the owner clears a flag of O's word without O. */
  @JCStressTest
  @Outcome(id = "true", expect = ACCEPTABLE, desc = "WANTED is there.")
  @Outcome(id = "false", expect = ACCEPTABLE_INTERESTING, desc = "The owner's store undid WANTED: asleep for ever.")
  @State
  public static class SameWord extends Shared {
    @Actor
    public void sleeper() {
      want();
    }

    @Actor
    public void owner() {
      m.setCopyOnWrite(false);
    }

    @Arbiter
    public void settled(Z_Result r) {
      r.r1 = m.isWanted();
    }
  }

  /** A word of its own. */
  @JCStressTest
  @Outcome(id = "true", expect = ACCEPTABLE, desc = "WANTED is there.")
  @Outcome(expect = FORBIDDEN, desc = "PG_ZERO shares a word with WANTED.")
  @State
  public static class OwnWord extends Shared {
    @Actor
    public void sleeper() {
      want();
    }

    @Actor
    public void owner() {
      m.clearZero();
    }

    @Arbiter
    public void settled(Z_Result r) {
      r.r1 = m.isWanted();
    }
  }
}
