package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/**
 * A strand parks until its request is done; the disk's strand sets {@code done} and calls back, and the callback gives
 * the permit. The disk may be spinning, parking or parked when the request comes: each time it must see it.
 */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The request completed and the waiter was woken.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "The disk parked on a request, or the completion woke nobody.")
@Outcome(expect = FORBIDDEN, desc = "The waiter died.")
@State
public class DiskCompletionWakes {
  private static final MachineConfig CONFIG =
      MachineConfig.builder().frames(2).pageSize(PageWorld.PAGE).tlbEntries(4).diskBlocks(8).build();

  /** One for all samples: its strand is to be found in every state. Each sample waits for its own request. */
  private static final Machine MACHINE = new Machine(CONFIG, Actors.POOL);

  final DiskRequest request = new DiskRequest();
  volatile @Nullable Strand waiter;

  public DiskCompletionWakes() {
    request.blockCount = 1;
    request.frames = new int[] {1};
    request.frameCount = 1;
    request.callback = () -> {
      Strand s = waiter;
      if (s != null) {
        s.unpark();
      }
    };
  }

  @Actor
  public void waiter() {
    Strand me = Actors.strand();
    waiter = me;
    while (!request.done) {
      me.park();
    }
  }

  @Signal
  public void submit() {
    Actors.strand();
    MACHINE.disk().submit(request);
  }
}
