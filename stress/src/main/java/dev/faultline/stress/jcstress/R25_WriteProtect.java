package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Cpu;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZL_Result;

/**
 * R25, whole: the kernel write-protects a page, so as to write it out or share it, while a processor stores. When the
 * operation is over, a store that went through is in the copy and recorded, and none comes any more.
 */
public final class R25_WriteProtect {
  private R25_WriteProtect() {}

  private abstract static class Shared {
    static final long VA = 0;
    final PageWorld w;
    final VmObject o;
    final VmPage m;
    final Cpu cpu;
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared(@Nullable Defect defect) {
      w = new PageWorld(Mode.FIXED, false, defect, PageWorld.SHORT);
      o = w.object(1);
      m = w.page(o, 0);
      cpu = w.machine.cpu(0);
      Pmap pmap = w.pmaps.create("user");
      pmap.enter(VA, m, VmProt.READ | VmProt.WRITE, false);
      cpu.switchTo(pmap.table());
      cpu.load(VA);
    }

    boolean user() {
      w.enter();
      meeting.arrive();
      return PageWorld.store(cpu, VA, 7);
    }

    /** Returns what the copy has, and whether the page counts as dirty. */
    String copy() {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      w.pmaps.protect(m, VmProt.READ);
      w.pages.testDirty(m);
      String copied = w.machine.memory().load(m.frame(), 0) + (m.dirty() != 0 ? " dirty" : " clean");
      o.lock.unlock();
      return copied;
    }
  }

  /** H-PTE-RMW: the kernel's store undoes hardware's M. */
  @JCStressTest
  @Outcome(id = {"true, 7 dirty", "false, 0 clean"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(id = {"true, 7 clean", "true, 0 clean"}, expect = ACCEPTABLE_INTERESTING, desc = "M is lost.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class PteRmw extends Shared {
    public PteRmw() {
      super(Defect.H_PTE_RMW);
    }

    @Actor
    public void store(ZL_Result r) {
      r.r1 = user();
    }

    @Actor
    public void kernel(ZL_Result r) {
      r.r2 = copy();
    }
  }

  /** H-LOCALFLUSH: only the kernel thread's own processor is purged. The TLB entry has seen M (HW2). */
  @JCStressTest
  @Outcome(id = {"true, 7 dirty", "false, 0 dirty"}, expect = ACCEPTABLE, desc = "Stored in time, or trapped.")
  @Outcome(id = "true, 0 dirty", expect = ACCEPTABLE_INTERESTING, desc = "Stored after the copy, through an entry that"
      + " should be gone.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class LocalFlush extends Shared {
    public LocalFlush() {
      super(Defect.H_LOCALFLUSH);
      PageWorld.store(cpu, VA, 0);
    }

    @Actor
    public void store(ZL_Result r) {
      r.r1 = user();
    }

    @Actor
    public void kernel(ZL_Result r) {
      r.r2 = copy();
    }
  }

  /** The correct kernel. */
  @JCStressTest
  @Outcome(id = {"true, 7 dirty", "false, 0 clean"}, expect = ACCEPTABLE, desc = "Stored and recorded, or trapped.")
  @Outcome(expect = FORBIDDEN, desc = "A store after the copy, or one that is not recorded.")
  @State
  public static class Correct extends Shared {
    public Correct() {
      super(null);
    }

    @Actor
    public void store(ZL_Result r) {
      r.r1 = user();
    }

    @Actor
    public void kernel(ZL_Result r) {
      r.r2 = copy();
    }
  }
}
