package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.map.Vmspace;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * A process stores to two words in turn while it is forked by another of its threads. The child has an instant of it:
 * never the second store without the first, and never one that comes later. Fork write-protects the parent's page and
 * has that finished on every processor before the child exists.
 */
public final class StoreAgainstFork {
  private StoreAgainstFork() {}

  private abstract static class Shared {
    final KernelWorld k;
    final Actors.Meeting meeting = new Actors.Meeting();
    @Nullable Vmspace child;
    String seen = "";

    Shared(@Nullable Defect defect) {
      k = new KernelWorld(defect);
      k.store(0, k.space, KernelWorld.VA, 0); // the TLB has seen M: it will not look at the page table again
    }

    void stores() {
      k.enter();
      meeting.arrive();
      k.store(0, k.space, KernelWorld.VA, 1);
      k.store(0, k.space, KernelWorld.VA + 8, 1);
    }

    void fork() {
      k.enter();
      meeting.arrive();
      Vmspace c = k.fork();
      k.run(1, c);
      seen = words(c);
      child = c;
    }

    String words(Vmspace v) {
      return k.load(1, v, KernelWorld.VA) + " " + k.load(1, v, KernelWorld.VA + 8);
    }

    String outcome() {
      k.enter();
      Vmspace c = child;
      if (c == null) {
        return "no child";
      }
      String now = words(c);
      k.run(1, k.space);
      String parent = words(k.space);
      return now + (now.equals(seen) ? "" : " changed from " + seen)
          + (parent.equals("1 1") ? "" : " parent " + parent);
    }
  }

  /** H-LOCALFLUSH: the storing processor goes on writing to the shared page. */
  @JCStressTest
  @Outcome(id = {"0 0", "1 0", "1 1"}, expect = ACCEPTABLE, desc = "An instant of the parent.")
  @Outcome(id = ".*changed.*", expect = ACCEPTABLE_INTERESTING, desc = "The child's memory changed by itself.")
  @Outcome(expect = FORBIDDEN, desc = "No instant of the parent was that.")
  @State
  public static class LocalFlush extends Shared {
    public LocalFlush() {
      super(Defect.H_LOCALFLUSH);
    }

    @Actor
    public void parent() {
      stores();
    }

    @Actor
    public void forker() {
      fork();
    }

    @Arbiter
    public void settled(L_Result r) {
      r.r1 = outcome();
    }
  }

  /** The correct kernel. */
  @JCStressTest
  @Outcome(id = {"0 0 ok", "1 0 ok", "1 1 ok"}, expect = ACCEPTABLE, desc = "An instant of the parent.")
  @Outcome(expect = FORBIDDEN, desc = "No instant of the parent was that, it changed, or an invariant is broken.")
  @State
  public static class Correct extends Shared {
    public Correct() {
      super(null);
    }

    @Actor
    public void parent() {
      stores();
    }

    @Actor
    public void forker() {
      fork();
    }

    @Arbiter
    public void settled(L_Result r) {
      Vmspace c = child;
      r.r1 = outcome() + " " + (c == null ? "" : k.verdict(c));
    }
  }
}
