package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * Two processors add to one word of simulated memory, each through its own MMU. The add is one access; a load and a
 * store are two.
 */
public final class TwoProcessorsAdd {
  private TwoProcessorsAdd() {}

  private abstract static class Shared {
    static final long VA = 0;
    final Machine machine = new Machine(PageWorld.machine(MmuOptions.NONE), Actors.POOL);
    final PageTable table = new PageTable(1, machine.config());

    Shared() {
      Actors.strand();
      table.makeLeaf(VA).getAndSet(0, Pte.make(3, Pte.USED | Pte.V | Pte.W | Pte.U));
      for (int i = 0; i < 2; i++) {
        machine.cpu(i).switchTo(table);
        machine.cpu(i).load(VA);
      }
    }
  }

  /** The deliberately wrong step of a user program: load, then store. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both additions count.")
  @Outcome(id = "1", expect = ACCEPTABLE_INTERESTING, desc = "Two loads before two stores, as on any machine.")
  @Outcome(expect = FORBIDDEN, desc = "Two additions cannot make this.")
  @State
  public static class LoadStore extends Shared {
    @Actor
    public void one() {
      Actors.strand();
      machine.cpu(0).store(VA, machine.cpu(0).load(VA) + 1);
    }

    @Actor
    public void two() {
      Actors.strand();
      machine.cpu(1).store(VA, machine.cpu(1).load(VA) + 1);
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = machine.memory().load(3, 0);
    }
  }

  /** The machine's atomic add. */
  @JCStressTest
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both additions count.")
  @Outcome(expect = FORBIDDEN, desc = "An atomic add was not.")
  @State
  public static class Add extends Shared {
    @Actor
    public void one() {
      Actors.strand();
      machine.cpu(0).getAndAdd(VA, 1);
    }

    @Actor
    public void two() {
      Actors.strand();
      machine.cpu(1).getAndAdd(VA, 1);
    }

    @Arbiter
    public void settled(J_Result r) {
      r.r1 = machine.memory().load(3, 0);
    }
  }
}
