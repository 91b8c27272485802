package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/**
 * R8, R9 with nobody to rescue the sleeper: memory is short, a thread waits for it, and what others free wakes it once
 * free + cache reaches free_min.
 */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "Served after the wait.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "Asleep with all memory free.")
@Outcome(expect = FORBIDDEN, desc = "The waiter died.")
@State
public class VmWaitEnds {
  final PageWorld w = new PageWorld(dev.faultline.vm.base.Mode.FIXED, false, null, PageWorld.SHORT);
  final VmObject filler = w.object(PageWorld.FRAMES);
  final VmObject o = w.object(1);
  final VmPage[] held = new VmPage[3];

  public VmWaitEnds() {
    for (int i = 0; i < held.length; i++) {
      held[i] = w.page(filler, (long) i * PageWorld.PAGE); // 5 left: below the reserve
    }
  }

  @Actor
  public void allocator() {
    KThread me = w.enter();
    boolean served = false;
    while (!served) {
      o.lock.lock();
      served = w.pages.alloc(o, 0, AllocClass.NORMAL) != null;
      o.lock.unlock();
      if (!served) {
        w.pages.freeList().waitForMemory(me.memoryGen, false);
      }
    }
  }

  @Signal
  public void free() {
    w.enter();
    for (VmPage m : held) {
      filler.lock.lock();
      w.pages.free(m);
      filler.lock.unlock();
    }
  }
}
