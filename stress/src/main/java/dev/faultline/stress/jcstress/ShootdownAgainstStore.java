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
import org.openjdk.jcstress.infra.results.ZJ_Result;

/**
 * A processor stores while the kernel takes the translation away and then copies the frame, as copy-on-write and
 * pageout do. A store that comes after the copy has gone to a page that nobody will look at again.
 */
public final class ShootdownAgainstStore {
  private ShootdownAgainstStore() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());
    final PageTable.Leaf leaf = table.makeLeaf(VA);
    final Cpu cpu = machine.cpu(0);

    Shared() {
      Actors.strand();
      leaf.getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.W | Pte.U | Pte.M));
      cpu.switchTo(table);
      cpu.load(VA);
    }
  }

  /** The deliberately wrong step: no shootdown. */
  @JCStressTest
  @Outcome(id = {"true, 7", "false, 0"}, expect = ACCEPTABLE, desc = "Stored and copied, or trapped.")
  @Outcome(id = "true, 0", expect = ACCEPTABLE_INTERESTING, desc = "Stored behind the copy's back: lost.")
  @Outcome(expect = FORBIDDEN, desc = "Copied, but not stored.")
  @State
  public static class NoShoot extends Shared {
    @Actor
    public void user(ZJ_Result r) {
      Actors.strand();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel(ZJ_Result r) {
      leaf.getAndBitwiseAnd(0, ~Pte.W);
      r.r2 = machine.memory().load(3, 0);
    }
  }

  /** Change, shoot, copy. */
  @JCStressTest
  @Outcome(id = {"true, 7", "false, 0"}, expect = ACCEPTABLE, desc = "Stored and copied, or trapped.")
  @Outcome(expect = FORBIDDEN, desc = "A store that outlived the shootdown of its right.")
  @State
  public static class Shoot extends Shared {
    @Actor
    public void user(ZJ_Result r) {
      Actors.strand();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel(ZJ_Result r) {
      Actors.strand();
      leaf.getAndBitwiseAnd(0, ~Pte.W);
      machine.shootdown().shoot(table, VA, VA + PageWorld.PAGE);
      r.r2 = machine.memory().load(3, 0);
    }
  }
}
