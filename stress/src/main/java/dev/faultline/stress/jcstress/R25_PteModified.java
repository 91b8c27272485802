package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * R25, HW3. The kernel takes W off a page table word while a processor makes its first store through a TLB entry that
 * it has already: hardware sets M. If the store went through, M must be in the word, or nobody ever writes the page
 * out.
 */
public final class R25_PteModified {
  private R25_PteModified() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(VA);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      Actors.strand();
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.W | Pte.U));
      cpu.switchTo(table);
      cpu.load(VA);
    }

    boolean isModified() {
      return (leaf.get(0) & Pte.M) != 0;
    }
  }

  /** The deliberately wrong step: load, and store with W off, as i386 kernels did (H-PTE-RMW). */
  @JCStressTest
  @Outcome(id = {"true, true", "false, false"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(id = "true, false", expect = ACCEPTABLE_INTERESTING,
      desc = "The kernel's store undid the M that hardware set in between: the page counts as clean.")
  @Outcome(expect = FORBIDDEN, desc = "M without a store.")
  @State
  public static class PlainStore extends Shared {
    @Actor
    public void user(ZZ_Result r) {
      Actors.strand();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel() {
      leaf.plainSet(0, leaf.get(0) & ~Pte.W);
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      r.r2 = isModified();
    }
  }

  /** One atomic step. */
  @JCStressTest
  @Outcome(id = {"true, true", "false, false"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(expect = FORBIDDEN, desc = "The store went through unrecorded, or M without a store.")
  @State
  public static class AtomicAnd extends Shared {
    @Actor
    public void user(ZZ_Result r) {
      Actors.strand();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel() {
      leaf.getAndBitwiseAnd(0, ~Pte.W);
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      r.r2 = isModified();
    }
  }
}
