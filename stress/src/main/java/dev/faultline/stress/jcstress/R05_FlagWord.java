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
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * R5. BUSY and WANTED share a word whose guard is O(object). One thread clears BUSY while another sets WANTED: both
 * must be in the word afterwards. (mimiker issue 1156, found by KCSAN, is this race.)
 */
public final class R05_FlagWord {
  private R05_FlagWord() {}

  private abstract static class Shared {
    final PageWorld w;
    final VmObject o;
    final VmPage m;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(Mode mode) {
      w = new PageWorld(mode);
      o = w.object(1);
      o.lock.lock();
      m = w.busyPage(o, 0);
      o.lock.unlock();
    }

    void want() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      m.setWanted();
      o.lock.unlock();
    }

    void give() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      m.busyToIo("an I/O");
      o.lock.unlock();
    }

    void flags(ZZ_Result r) {
      r.r1 = m.isBusy();
      r.r2 = m.isWanted();
    }
  }

  /** NAIVE: two read-modify-writes of one word. */
  @JCStressTest
  @Outcome(id = "false, true", expect = ACCEPTABLE, desc = "Idle and wanted.")
  @Outcome(id = "false, false", expect = ACCEPTABLE_INTERESTING, desc = "WANTED is lost: its setter sleeps for ever.")
  @Outcome(id = "true, true", expect = ACCEPTABLE_INTERESTING, desc = "BUSY came back: nobody will ever clear it.")
  @Outcome(expect = FORBIDDEN, desc = "Both updates lost.")
  @State
  public static class Naive extends Shared {
    public Naive() {
      super(Mode.NAIVE);
    }

    @Actor
    public void sleeper() {
      want();
    }

    @Actor
    public void owner() {
      give();
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      flags(r);
    }
  }

  /** FIXED: under the guard. */
  @JCStressTest
  @Outcome(id = "false, true", expect = ACCEPTABLE, desc = "Idle and wanted.")
  @Outcome(expect = FORBIDDEN, desc = "An update of the flag word is lost.")
  @State
  public static class Fixed extends Shared {
    public Fixed() {
      super(Mode.FIXED);
    }

    @Actor
    public void sleeper() {
      want();
    }

    @Actor
    public void owner() {
      give();
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      flags(r);
    }
  }
}
