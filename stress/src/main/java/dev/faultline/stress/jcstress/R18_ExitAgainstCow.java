package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.map.Vmspace;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * R18. The child exits while the parent's store copies a page that both share. The exit drops the last reference but
 * one to the object below and collapses it into the parent's shadow, from below, while the parent's fault walks down
 * and collapses from above. Nothing may be lost on the way, and no object left over.
 */
@JCStressTest
@Outcome(id = "13 7 7 ok", expect = ACCEPTABLE, desc = "The parent has all that is its.")
@Outcome(expect = FORBIDDEN, desc = "A page is lost in the collapse, or an invariant broken.")
@State
public class R18_ExitAgainstCow {
  final KernelWorld k = new KernelWorld();
  final Vmspace child;
  final Actors.Meeting meeting = new Actors.Meeting();

  public R18_ExitAgainstCow() {
    k.store(0, k.space, KernelWorld.VA, 7);
    k.store(0, k.space, KernelWorld.VA + 8, 7);
    k.store(0, k.space, KernelWorld.VA + KernelWorld.PAGE, 7);
    child = k.fork();
    k.run(1, child);
    k.store(1, child, KernelWorld.VA + KernelWorld.PAGE, 8); // so that the child has a shadow, too
  }

  @Actor
  public void parent() {
    k.enter();
    meeting.arrive();
    k.store(0, k.space, KernelWorld.VA, 13);
  }

  @Actor
  public void childExits() {
    k.enter();
    meeting.arrive();
    k.cpu(1).switchTo(null);
    child.free();
  }

  @Arbiter
  public void settled(L_Result r) {
    k.enter();
    String words = k.load(0, k.space, KernelWorld.VA) + " " + k.load(0, k.space, KernelWorld.VA + 8) + " "
        + k.load(0, k.space, KernelWorld.VA + KernelWorld.PAGE);
    r.r1 = words + " " + k.verdict();
  }
}
