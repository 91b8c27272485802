package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JL_Result;

/**
 * The daemon moves a clean page to the cache queue, unmapping it, while a thread uses it. The thread gets it back by a
 * soft fault that takes it off the queue again; the contents stay.
 */
@JCStressTest
@Outcome(id = "7, ok", expect = ACCEPTABLE, desc = "Used before it was cached, or reactivated.")
@Outcome(expect = FORBIDDEN, desc = "The contents are gone, or an invariant broken.")
@State
public class FaultAgainstCaching {
  final KernelWorld k = new KernelWorld();
  final VmObject o;
  final Actors.Meeting meeting = new Actors.Meeting();

  public FaultAgainstCaching() {
    k.store(0, k.space, KernelWorld.VA, 7);
    o = k.object(k.space, KernelWorld.VA);
    o.lock.lock();
    VmPage m = k.kernel.pages().lookup(o, 0);
    if (m != null) {
      k.kernel.pmaps().protect(m, VmProt.NONE);
      m.clearDirty(VmPage.ALL_CHUNKS);
    }
    o.lock.unlock();
    k.load(0, k.space, KernelWorld.VA);
  }

  @Actor
  public void user(JL_Result r) {
    k.enter();
    meeting.arrive();
    r.r1 = k.load(0, k.space, KernelWorld.VA);
  }

  @Actor
  @SuppressWarnings("GuardedBy") // the checker does not see that the accessor returns the field
  public void daemon() {
    k.enter();
    meeting.arrive();
    ResidentPages pages = k.kernel.pages();
    o.lock.lock();
    VmPage m = pages.lookup(o, 0);
    if (m != null) {
      pages.queues().lock.lock();
      try {
        pages.cacheLocked(m);
      } finally {
        pages.queues().lock.unlock();
      }
    }
    o.lock.unlock();
  }

  @Arbiter
  public void settled(JL_Result r) {
    r.r2 = k.verdict();
  }
}
