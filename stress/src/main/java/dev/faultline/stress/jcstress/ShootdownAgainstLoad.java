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
 * A processor loads through its TLB, taking no lock, while the kernel takes the translation away and gives the frame to
 * somebody else. Once the shootdown is over no load may return what the frame holds then; the load that was half done
 * must have been redone. (T(cpu) as a sequence lock: store fence on the purging side, load fence on the loading side.)
 */
public final class ShootdownAgainstLoad {
  private ShootdownAgainstLoad() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(VA);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      Actors.strand();
      machine.memory().store(3, 0, 7);
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.U));
      cpu.switchTo(table);
      cpu.load(VA);
    }
  }

  /** The deliberately wrong step: no shootdown. */
  @JCStressTest
  @Outcome(id = {"7", "-1"}, expect = ACCEPTABLE, desc = "The old contents, or a trap.")
  @Outcome(id = "13", expect = ACCEPTABLE_INTERESTING, desc = "The frame's next owner's data, through a stale entry.")
  @Outcome(expect = FORBIDDEN, desc = "Nobody stores that.")
  @State
  public static class NoShoot extends Shared {
    @Actor
    public void user(J_Result r) {
      Actors.strand();
      r.r1 = PageWorld.load(cpu, VA);
    }

    @Actor
    public void kernel() {
      leaf.getAndSet(0, 0);
      machine.memory().store(3, 0, 13);
    }
  }

  /** Change, shoot, reuse. */
  @JCStressTest
  @Outcome(id = {"7", "-1"}, expect = ACCEPTABLE, desc = "The old contents, or a trap.")
  @Outcome(expect = FORBIDDEN, desc = "A load that outlived the shootdown of its translation.")
  @State
  public static class Shoot extends Shared {
    @Actor
    public void user(J_Result r) {
      Actors.strand();
      r.r1 = PageWorld.load(cpu, VA);
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
