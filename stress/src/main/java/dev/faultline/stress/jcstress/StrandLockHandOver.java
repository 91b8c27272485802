package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/**
 * A strand wants a lock that another holds, gives up spinning, pushes itself on the waiters' stack and parks. The
 * releaser clears the owner and then looks at the stack, the waiter pushes and then looks at the owner: one of the two
 * sees the other, or the waiter sleeps for ever.
 */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The waiter got the lock.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "The release found nobody to wake, and the waiter parked.")
@Outcome(expect = FORBIDDEN, desc = "The waiter died.")
@State
public class StrandLockHandOver {
  final StrandLock lock = new StrandLock();

  /** The thread that signals holds the lock. */
  public StrandLockHandOver() {
    lock.acquire(Actors.strand());
  }

  @Actor
  public void waiter() {
    Strand me = Actors.strand();
    lock.acquire(me);
    lock.release(me);
  }

  @Signal
  public void release() {
    lock.release(Actors.strand());
  }
}
