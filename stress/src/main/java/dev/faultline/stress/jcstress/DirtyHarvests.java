package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Two processors' M bits are harvested into the dirty word of one page at the same time, each under another lock: the
 * bits are or-ed in atomically. To read the word and write it back is not that.
 */
public final class DirtyHarvests {
  private DirtyHarvests() {}

  private abstract static class Shared {
    final VmPage m = VmPage.fictitious(0, "test");
  }

  /** The deliberately wrong step: read, clear, set. */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "Both chunks are dirty.")
  @Outcome(id = {"1", "2"}, expect = ACCEPTABLE_INTERESTING, desc = "One chunk's store will never be written out.")
  @Outcome(expect = FORBIDDEN, desc = "Chunks that nobody dirtied.")
  @State
  public static class ReadModifyWrite extends Shared {
    @Actor
    public void one() {
      add(1);
    }

    @Actor
    public void two() {
      add(2);
    }

    private void add(int chunk) {
      int was = m.dirty();
      m.clearDirty(VmPage.ALL_CHUNKS);
      m.orDirty(was | chunk);
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = m.dirty();
    }
  }

  /** One atomic or. */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "Both chunks are dirty.")
  @Outcome(expect = FORBIDDEN, desc = "A harvest is lost.")
  @State
  public static class AtomicOr extends Shared {
    @Actor
    public void one() {
      m.orDirty(1);
    }

    @Actor
    public void two() {
      m.orDirty(2);
    }

    @Arbiter
    public void settled(I_Result r) {
      r.r1 = m.dirty();
    }
  }
}
