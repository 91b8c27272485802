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

/** One thread unmaps a range while another forks: the child has all of it or nothing. */
@JCStressTest
@Outcome(id = {"7 8 ok", "-1 -1 ok"}, expect = ACCEPTABLE, desc = "Forked before the unmapping, or after it.")
@Outcome(expect = FORBIDDEN, desc = "The child has half a range, or an invariant is broken.")
@State
public class MunmapAgainstFork {
  final KernelWorld k = new KernelWorld();
  final Actors.Meeting meeting = new Actors.Meeting();
  @Nullable Vmspace child;

  public MunmapAgainstFork() {
    k.store(0, k.space, KernelWorld.VA, 7);
    k.store(0, k.space, KernelWorld.VA + KernelWorld.PAGE, 8);
  }

  @Actor
  public void unmap() {
    k.enter();
    meeting.arrive();
    k.space.map().remove(KernelWorld.VA, KernelWorld.VA + 2 * KernelWorld.PAGE);
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
    String words = k.load(1, c, KernelWorld.VA) + " " + k.load(1, c, KernelWorld.VA + KernelWorld.PAGE);
    r.r1 = words + " " + k.verdict(c);
  }
}
