package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JIL_Result;

/**
 * W1. One thread wires a page (mlock) while another touches it. Whichever fault comes first enters the mapping with its
 * Wired bit and takes the unit of wire_count; there is one of each at the end.
 */
@JCStressTest
@Outcome(id = "13, 1, ok", expect = ACCEPTABLE, desc = "Stored, and wired once.")
@Outcome(expect = FORBIDDEN, desc = "A store is lost, or bit and unit do not agree (I-40).")
@State
public class WireAgainstFault {
  final KernelWorld k = new KernelWorld();
  final Actors.Meeting meeting = new Actors.Meeting();

  @Actor
  public void user() {
    k.enter();
    meeting.arrive();
    k.store(0, k.space, KernelWorld.VA, 13);
  }

  @Actor
  public void mlock() {
    k.enter();
    meeting.arrive();
    k.space.map().pageable(KernelWorld.VA, KernelWorld.VA + KernelWorld.PAGE, false);
  }

  @Arbiter
  public void settled(JIL_Result r) {
    r.r3 = k.verdict();
    r.r1 = k.load(0, k.space, KernelWorld.VA);
    r.r2 = k.kernel.pages().queues().wireCount();
  }
}
