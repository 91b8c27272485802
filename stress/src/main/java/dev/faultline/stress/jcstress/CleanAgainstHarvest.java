package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JI_Result;

/**
 * A cleaner clears dirty and copies the page out; somebody stores and then records it. Cleared first, what was recorded
 * in time is in the copy, and what was not makes the page dirty again. Copied first, the record of a store that the
 * copy lacks is wiped out.
 */
public final class CleanAgainstHarvest {
  private CleanAgainstHarvest() {}

  private abstract static class Shared {
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final VmPage m = VmPage.fictitious(3, "test");

    void storeAndRecord() {
      machine.memory().store(3, 0, 7);
      m.orDirty(1);
    }
  }

  /** The deliberately wrong step: copies, then clears. */
  @JCStressTest
  @Outcome(id = {"7, 0", "7, 1", "0, 1"}, expect = ACCEPTABLE, desc = "In the copy, or dirty, or both.")
  @Outcome(id = "0, 0", expect = ACCEPTABLE_INTERESTING, desc = "Not in the copy, and clean: lost with the frame.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class CopyFirst extends Shared {
    @Actor
    public void user() {
      storeAndRecord();
    }

    @Actor
    public void cleaner(JI_Result r) {
      r.r1 = machine.memory().load(3, 0);
      m.clearDirty(VmPage.ALL_CHUNKS);
    }

    @Arbiter
    public void settled(JI_Result r) {
      r.r2 = m.dirty();
    }
  }

  /** Clears, then copies. */
  @JCStressTest
  @Outcome(id = {"7, 0", "7, 1", "0, 1"}, expect = ACCEPTABLE, desc = "In the copy, or dirty, or both.")
  @Outcome(expect = FORBIDDEN, desc = "Not in the copy, and clean.")
  @State
  public static class ClearFirst extends Shared {
    @Actor
    public void user() {
      storeAndRecord();
    }

    @Actor
    public void cleaner(JI_Result r) {
      m.clearDirty(VmPage.ALL_CHUNKS);
      r.r1 = machine.memory().load(3, 0);
    }

    @Arbiter
    public void settled(JI_Result r) {
      r.r2 = m.dirty();
    }
  }
}
