package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.strand.Strand;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/**
 * A strand parks until it sees a flag; another sets the flag and gives the permit. A permit given before the park is
 * kept, so the test of the flag and the park need no lock between them.
 */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The permit came, before or during the park.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "The permit was given while nobody parked, and forgotten.")
@Outcome(expect = FORBIDDEN, desc = "The strand died.")
@State
public class StrandPermit {
  volatile boolean flag;
  volatile @Nullable Strand parker;

  @Actor
  public void park() {
    Strand me = Actors.strand();
    parker = me;
    while (!flag) {
      me.park();
    }
  }

  @Signal
  public void unpark() {
    flag = true;
    Strand s = parker;
    if (s != null) {
      s.unpark();
    }
  }
}
