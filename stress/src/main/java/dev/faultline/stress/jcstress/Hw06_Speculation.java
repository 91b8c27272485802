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
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * HW6. A processor may load any valid entry of its table at any time, unasked. So the word is changed first and the TLB
 * purged afterwards; purged first, it fills again.
 */
public final class Hw06_Speculation {
  private Hw06_Speculation() {}

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
      cpu.load(VA);
    }

    void shoot() {
      machine.shootdown().shoot(table, VA, VA + PageWorld.PAGE);
    }

    String verdict() {
      Actors.strand();
      return cpu.checkTlb() == null ? "ok" : "I-36";
    }
  }

  /** The deliberately wrong step: purge, then change. */
  @JCStressTest
  @Outcome(id = "ok", expect = ACCEPTABLE, desc = "The TLB holds nothing that the table does not.")
  @Outcome(id = "I-36", expect = ACCEPTABLE_INTERESTING, desc = "Loaded again between the purge and the change.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class PurgeFirst extends Shared {
    @Actor
    public void processor() {
      Actors.strand();
      cpu.speculateFrom(VA);
    }

    @Actor
    public void kernel() {
      Actors.strand();
      shoot();
      leaf.getAndSet(0, 0);
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = verdict();
    }
  }

  /** Change, then purge. */
  @JCStressTest
  @Outcome(id = "ok", expect = ACCEPTABLE, desc = "The TLB holds nothing that the table does not.")
  @Outcome(expect = FORBIDDEN, desc = "I-36: a translation of a word that is gone.")
  @State
  public static class ChangeFirst extends Shared {
    @Actor
    public void processor() {
      Actors.strand();
      cpu.speculateFrom(VA);
    }

    @Actor
    public void kernel() {
      Actors.strand();
      leaf.getAndSet(0, 0);
      shoot();
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = verdict();
    }
  }
}
