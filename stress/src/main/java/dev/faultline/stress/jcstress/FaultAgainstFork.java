package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.map.Vmspace;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * A thread touches a page for the first time while another forks the address space. The child finds zeros or what was
 * stored; parent and child are apart from then on.
 */
@JCStressTest
@Outcome(id = {"0 7 ok", "7 7 ok"}, expect = ACCEPTABLE, desc = "The child has the page before or after the store.")
@Outcome(expect = FORBIDDEN, desc = "A store is lost or shared with the child, or an invariant broken.")
@State
public class FaultAgainstFork {
  final KernelWorld k = new KernelWorld();
  final Actors.Meeting meeting = new Actors.Meeting();
  @Nullable Vmspace child;

  @Actor
  public void parent() {
    k.enter();
    meeting.arrive();
    k.store(0, k.space, KernelWorld.VA, 7);
  }

  @Actor
  public void forker() {
    k.enter();
    meeting.arrive();
    child = k.fork();
  }

  @Arbiter
  public void settled(L_Result r) {
    k.enter();
    Vmspace c = child;
    if (c == null) {
      r.r1 = "no child";
      return;
    }
    k.run(1, c);
    long inChild = k.load(1, c, KernelWorld.VA);
    k.store(1, c, KernelWorld.VA, 13);
    r.r1 = inChild + " " + k.load(0, k.space, KernelWorld.VA) + " " + k.verdict(c);
  }
}
