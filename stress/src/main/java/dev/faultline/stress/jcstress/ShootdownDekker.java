package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * The store-buffering litmus test in kernel clothes (GNU Mach's idle processors, 2023). A processor joins the table's
 * active set and then walks; the kernel changes the word and then reads the set. Each writes, then reads what the other
 * wrote. If both miss, the processor holds the old translation and nobody purges it. A model checker that switches
 * between sequentially consistent steps cannot see it; a store buffer does it all the time.
 */
public final class ShootdownDekker {
  private ShootdownDekker() {}

  private abstract static class Shared {
    static final long OLD = Pte.make(3, Pte.USED | Pte.V | Pte.U);
    static final long NEW = Pte.make(3, Pte.USED);
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(0);

    Shared() {
      leaf.getAndSet(0, OLD);
    }

    /** The processor's side of HW9: joins, then walks. Returns whether it found the old word. */
    boolean joinAndWalk() {
      table.activate(0);
      return leaf.get(0) == OLD;
    }
  }

  /** The deliberately wrong step: the word is changed by a plain store, which may wait in the store buffer. */
  @JCStressTest
  @Outcome(id = {"true, true", "false, true", "false, false"}, expect = ACCEPTABLE, desc = "One saw the other.")
  @Outcome(id = "true, false", expect = ACCEPTABLE_INTERESTING,
      desc = "The processor has the old word, and the kernel takes it for idle: no purge.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class PlainStore extends Shared {
    @Actor
    public void processor(ZZ_Result r) {
      r.r1 = joinAndWalk();
    }

    @Actor
    public void kernel(ZZ_Result r) {
      leaf.plainSet(0, NEW);
      r.r2 = table.activeMask() != 0;
    }
  }

  /** All four steps are volatile. */
  @JCStressTest
  @Outcome(id = {"true, true", "false, true", "false, false"}, expect = ACCEPTABLE, desc = "One saw the other.")
  @Outcome(expect = FORBIDDEN, desc = "The processor has the old word, and nobody will purge it.")
  @State
  public static class Volatile extends Shared {
    @Actor
    public void processor(ZZ_Result r) {
      r.r1 = joinAndWalk();
    }

    @Actor
    public void kernel(ZZ_Result r) {
      leaf.getAndSet(0, NEW);
      r.r2 = table.activeMask() != 0;
    }
  }
}
