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
 * R25, HW1. A processor's walk sets R in a page table word while the kernel sets W there. Hardware walks by
 * compare-and-set, so W survives either way; whether R does is up to how the kernel changes the word.
 */
public final class R25_PteReferenced {
  private R25_PteReferenced() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(VA);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      Actors.strand();
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.U));
      cpu.switchTo(table);
    }

    void bits(ZZ_Result r) {
      r.r1 = (leaf.get(0) & Pte.R) != 0;
      r.r2 = (leaf.get(0) & Pte.W) != 0;
    }
  }

  /** The deliberately wrong step: load, and store with W on. */
  @JCStressTest
  @Outcome(id = "true, true", expect = ACCEPTABLE, desc = "Both bits.")
  @Outcome(id = "false, true", expect = ACCEPTABLE_INTERESTING, desc = "The walk's R is lost: the page looks unused.")
  @Outcome(expect = FORBIDDEN, desc = "Hardware undid the kernel's change.")
  @State
  public static class PlainStore extends Shared {
    @Actor
    public void user() {
      Actors.strand();
      PageWorld.load(cpu, VA);
    }

    @Actor
    public void kernel() {
      leaf.plainSet(0, leaf.get(0) | Pte.W);
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      bits(r);
    }
  }

  /** One atomic step. */
  @JCStressTest
  @Outcome(id = "true, true", expect = ACCEPTABLE, desc = "Both bits.")
  @Outcome(expect = FORBIDDEN, desc = "A bit is lost.")
  @State
  public static class AtomicOr extends Shared {
    @Actor
    public void user() {
      Actors.strand();
      PageWorld.load(cpu, VA);
    }

    @Actor
    public void kernel() {
      leaf.getAndBitwiseOr(0, Pte.W);
    }

    @Arbiter
    public void settled(ZZ_Result r) {
      bits(r);
    }
  }
}
