package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/**
 * R9. An allocation is refused and its thread waits for memory; a page is freed in between. The wait compares with the
 * generation that the refusal saw, so the free is not slept through. A generation asked for after the refusal is too
 * late.
 */
public final class R09_VmWaitGeneration {
  private R09_VmWaitGeneration() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED, false, null, PageWorld.SHORT);
    final VmObject filler = w.object(PageWorld.FRAMES);
    final VmObject o = w.object(1);
    final VmPage[] held = new VmPage[3];
    final Actors.Sleeper sleeper = new Actors.Sleeper();
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      for (int i = 0; i < held.length; i++) {
        held[i] = w.page(filler, (long) i * PageWorld.PAGE); // 5 left: below the reserve
      }
    }

    boolean isRefused() {
      o.lock.lock();
      boolean refused = w.pages.alloc(o, 0, AllocClass.NORMAL) == null;
      o.lock.unlock();
      return refused;
    }

    boolean free() {
      w.enter();
      meeting.arrive();
      for (VmPage m : held) {
        filler.lock.lock();
        w.pages.free(m);
        filler.lock.unlock();
      }
      return sleeper.wasLost(w.pages.freeList().freeChannel, w.pages.freeList()::wakeWaiters);
    }
  }

  /** The deliberately wrong step: the generation of now, not that of the refusal. */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "Served, or woken.")
  @Outcome(id = "true", expect = ACCEPTABLE_INTERESTING, desc = "Freed between refusal and sleep: slept through.")
  @State
  public static class GenerationOfNow extends Shared {
    @Actor
    public void allocator() {
      KThread me = w.enter();
      sleeper.begin(me);
      meeting.arrive();
      if (isRefused()) {
        w.pages.freeList().waitForMemory(w.pages.freeList().generation(), false);
      }
      sleeper.end();
    }

    @Actor
    public void freer(Z_Result r) {
      r.r1 = free();
    }
  }

  /** vm_wait(gen). */
  @JCStressTest
  @Outcome(id = "false", expect = ACCEPTABLE, desc = "Served, or woken.")
  @Outcome(expect = FORBIDDEN, desc = "Asleep with all memory free.")
  @State
  public static class GenerationOfTheRefusal extends Shared {
    @Actor
    public void allocator() {
      KThread me = w.enter();
      sleeper.begin(me);
      meeting.arrive();
      while (isRefused()) {
        w.pages.freeList().waitForMemory(me.memoryGen, false);
      }
      sleeper.end();
    }

    @Actor
    public void freer(Z_Result r) {
      r.r1 = free();
    }
  }
}
