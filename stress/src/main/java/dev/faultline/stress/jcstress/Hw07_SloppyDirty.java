package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * HW7. On an adversarial processor the first store through a TLB entry sets M even in a word that has been cleared
 * meanwhile. So a mapping is removed in this order: invalidate and keep M, shoot, harvest M, clear. Harvesting at once
 * loses a store.
 */
public final class Hw07_SloppyDirty {
  private Hw07_SloppyDirty() {}

  private abstract static class Shared {
    static final long VA = 0;
    final PageWorld w = new PageWorld(Mode.FIXED, true, null, PageWorld.SHORT);
    final Pmap pmap = w.pmaps.create("user");
    final VmObject o = w.object(1);
    final VmPage m = w.page(o, 0);
    final Cpu cpu = w.machine.cpu(0);

    Shared() {
      pmap.enter(VA, m, VmProt.READ | VmProt.WRITE, false);
      cpu.switchTo(pmap.table());
      cpu.load(VA);
    }
  }

  /** The deliberately wrong step: the word is taken away and harvested before the shoot. */
  @JCStressTest
  @Outcome(id = {"true, true", "false, false"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(id = "true, false", expect = ACCEPTABLE_INTERESTING, desc = "M was set after the harvest, in a word that is"
      + " nobody's: the store is in the frame, and the page counts as clean.")
  @Outcome(expect = FORBIDDEN, desc = "M without a store.")
  @State
  public static class HarvestFirst extends Shared {
    @Actor
    public void user(ZZ_Result r) {
      w.enter();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel(ZZ_Result r) {
      w.enter();
      PageTable.Leaf leaf = pmap.table().leaf(VA);
      long word = leaf == null ? 0 : leaf.getAndSet(0, 0);
      w.machine.shootdown().shoot(pmap.table(), VA, VA + PageWorld.PAGE);
      r.r2 = (word & Pte.M) != 0;
    }
  }

  /** pmap_remove_all. */
  @JCStressTest
  @Outcome(id = {"true, true", "false, false"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(expect = FORBIDDEN, desc = "A store escaped the harvest.")
  @State
  public static class ShootFirst extends Shared {
    @Actor
    public void user(ZZ_Result r) {
      w.enter();
      r.r1 = PageWorld.store(cpu, VA, 7);
    }

    @Actor
    public void kernel(ZZ_Result r) {
      w.enter();
      o.lock.lock();
      w.pmaps.protect(m, VmProt.NONE);
      r.r2 = m.dirty() != 0;
      o.lock.unlock();
    }
  }
}
