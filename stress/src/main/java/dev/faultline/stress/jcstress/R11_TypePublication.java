package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.PagerData;
import dev.faultline.vm.object.VmObject;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * R11. An anonymous object becomes a swap object: its data is set, then its type, which others read without O as a
 * hint. Who sees the new type must find the data. (The type is volatile and written last; the data is a plain field.)
 */
public final class R11_TypePublication {
  private R11_TypePublication() {}

  private abstract static class Shared {
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final PagerData data = new PagerData() {};

    void convert() {
      w.enter();
      o.lock.lock();
      o.setPager(ObjectType.SWAP, data);
      o.lock.unlock();
    }
  }

  /** The deliberately wrong step: the data is read before the type says that there is some. */
  @JCStressTest
  @Outcome(id = {"false, false", "true, true", "false, true"}, expect = ACCEPTABLE, desc = "Before, or after.")
  @Outcome(id = "true, false", expect = ACCEPTABLE_INTERESTING, desc = "A swap object without its block table.")
  @State
  public static class DataFirst extends Shared {
    @Actor
    public void daemon() {
      convert();
    }

    @Actor
    public void faulter(ZZ_Result r) {
      r.r2 = o.pagerData() != null;
      Thread.onSpinWait(); // room for the daemon
      r.r1 = o.type() == ObjectType.SWAP;
    }
  }

  /** Type, then data. */
  @JCStressTest
  @Outcome(id = {"false, false", "true, true", "false, true"}, expect = ACCEPTABLE, desc = "Before, or after.")
  @Outcome(expect = FORBIDDEN, desc = "The type was published before the data.")
  @State
  public static class TypeFirst extends Shared {
    @Actor
    public void daemon() {
      convert();
    }

    @Actor
    public void faulter(ZZ_Result r) {
      r.r1 = o.type() == ObjectType.SWAP;
      r.r2 = o.pagerData() != null;
    }
  }
}
