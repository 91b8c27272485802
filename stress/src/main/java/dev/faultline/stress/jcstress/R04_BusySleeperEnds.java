package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/** R4 with nobody to rescue the sleeper: it ends by itself, or the wakeup was lost. */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The page came free and its sleeper woke.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "Asleep on a page that is not busy (I-14).")
@Outcome(expect = FORBIDDEN, desc = "The sleeper died.")
@State
public class R04_BusySleeperEnds {
  final PageWorld w = new PageWorld(dev.faultline.vm.base.Mode.FIXED);
  final VmObject o = w.object(1);
  final VmPage m;

  public R04_BusySleeperEnds() {
    o.lock.lock();
    m = w.busyPage(o, 0);
    o.lock.unlock();
  }

  @Actor
  public void faulter() {
    w.enter();
    o.lock.lock();
    while (m.isBusy()) {
      m.setWanted();
      w.domain.sleepQueues().sleepOn(m, o.lock, "vmpfw");
      o.lock.lock();
    }
    o.lock.unlock();
  }

  @Signal
  public void owner() {
    w.enter();
    o.lock.lock();
    w.pages.wakeup(m);
    o.lock.unlock();
  }
}
