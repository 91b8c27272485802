package dev.faultline.stress.cli;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/** jcstress tests that fail whenever they run: canaries, to show that failures reach the report. */
public final class SeededJcstress {
  private static final ThreadStrands POOL = new ThreadStrands();

  private SeededJcstress() {}

  private static void strand() {
    if (Strand.currentOrNull() == null) {
      POOL.attach("actor");
    }
  }

  private abstract static class Shared {
    final Machine machine =
        new Machine(MachineConfig.builder().frames(4).pageSize(64).tlbEntries(4).diskBlocks(0).build(), POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(0);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      strand();
      machine.memory().store(3, 0, 7);
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.U));
      cpu.switchTo(table);
      cpu.load(0);
    }

    void removeAndReuse() {
      leaf.getAndSet(0, 0); // and no shootdown
      machine.memory().store(3, 0, 13);
    }
  }

  /** Forgets the shootdown, and forbids what comes of it. */
  @JCStressTest
  @Outcome(id = {"0", "7"}, expect = Expect.ACCEPTABLE, desc = "Trapped, or the old contents.")
  @Outcome(id = "13", expect = Expect.FORBIDDEN, desc = "Loaded through a translation that is gone.")
  @State
  public static class NoShoot extends Shared {
    @Actor
    public void user() {
      strand();
      cpu.load(0);
    }

    @Actor
    public void kernel() {
      removeAndReuse();
    }

    @Arbiter
    public void settled(J_Result r) {
      strand();
      r.r1 = cpu.load(0);
    }
  }

  /** Dies. */
  @JCStressTest
  @Outcome(id = ".*", expect = Expect.ACCEPTABLE, desc = "Never comes to that.")
  @State
  public static class Dies extends Shared {
    @Actor
    public void user(J_Result r) {
      strand();
      r.r1 = cpu.load(0);
    }

    @Actor
    public void kernel() {
      throw new IllegalStateException("seeded");
    }
  }
}
