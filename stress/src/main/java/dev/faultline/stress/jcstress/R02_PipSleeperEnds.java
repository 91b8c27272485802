package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.object.VmObject;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/** D6 with nobody to rescue the sleeper: the end of an object waits for its paging, and ends. */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "pip fell to 0 and the object ended.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "PIPWNT was overlooked: the object never ends.")
@Outcome(expect = FORBIDDEN, desc = "The thread that ends it died.")
@State
public class R02_PipSleeperEnds {
  final PageWorld w = new PageWorld(dev.faultline.vm.base.Mode.FIXED);
  final VmObject o = w.object(1);

  public R02_PipSleeperEnds() {
    w.page(o, 0);
    o.lock.lock();
    o.pipUp(1);
    o.lock.unlock();
  }

  @Actor
  public void last() {
    w.enter();
    o.deallocate();
  }

  @Signal
  public void pagingDone() {
    w.enter();
    o.lock.lock();
    o.pipDown(1);
    o.lock.unlock();
  }
}
