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
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * HW9, whole. A processor switches to an address space and loads from it while the kernel takes a page out of that
 * address space and reuses the frame. Whoever looks at the set of processors too early purges nobody.
 */
public final class ShootdownAgainstSwitch {
  private ShootdownAgainstSwitch() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(VA);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      machine.memory().store(3, 0, 7);
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.U));
    }

    long switchAndLoad() {
      Actors.strand();
      cpu.switchTo(table);
      PageWorld.load(cpu, VA);
      return PageWorld.load(cpu, VA); // through the entry that the first one left
    }
  }

  /** The deliberately wrong step: the set is read before the word is changed. */
  @JCStressTest
  @Outcome(id = {"7", "-1"}, expect = ACCEPTABLE, desc = "Before the removal, or after it.")
  @Outcome(id = "13", expect = ACCEPTABLE_INTERESTING, desc = "The processor came after the look at the set and before"
      + " the change of the word: it keeps what nobody purges.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class SetFirst extends Shared {
    @Actor
    public void user(J_Result r) {
      r.r1 = switchAndLoad();
    }

    @Actor
    public void kernel() {
      Actors.strand();
      boolean loaded = table.activeMask() != 0;
      leaf.getAndSet(0, 0);
      if (loaded) {
        machine.shootdown().shoot(table, VA, VA + PageWorld.PAGE);
      }
      machine.memory().store(3, 0, 13);
    }
  }

  /** Change, then shoot, which reads the set. */
  @JCStressTest
  @Outcome(id = {"7", "-1"}, expect = ACCEPTABLE, desc = "Before the removal, or after it.")
  @Outcome(expect = FORBIDDEN, desc = "A processor that joined the set kept a stale translation.")
  @State
  public static class WordFirst extends Shared {
    @Actor
    public void user(J_Result r) {
      r.r1 = switchAndLoad();
    }

    @Actor
    public void kernel() {
      Actors.strand();
      leaf.getAndSet(0, 0);
      machine.shootdown().shoot(table, VA, VA + PageWorld.PAGE);
      machine.memory().store(3, 0, 13);
    }
  }
}
