package dev.faultline.stress.soak;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Wakes sleepers for nothing, every now and then one: channels are shared, and a sleeper must look again at what it
 * slept for (vm-semantics 3.1, 6.5).
 *
 * <p>It would help who slept through his wakeup, so most worlds do without.
 */
final class IdleWakeups {
  private static final int NANOS_MAX = 400_000;

  private final Kernel kernel; // (C)
  private final SplittableRandom random; // (T) the strand's
  private final Strand strand; // (C)
  private volatile boolean stopping;

  /** Begins. */
  IdleWakeups(Kernel kernel, long seed) {
    this.kernel = kernel;
    this.random = new SplittableRandom(seed);
    this.strand = kernel.domain().strands().start("idle wakeups", this::run);
  }

  private void run() {
    Strand me = Strand.current();
    List<Channel> channels = new ArrayList<>();
    while (!stopping) {
      channels.clear();
      kernel.domain().forEachThread(t -> note(t, channels));
      if (!channels.isEmpty()) {
        Channel c = channels.get(random.nextInt(channels.size()));
        kernel.run("wakeup", () -> kernel.domain().sleepQueues().wakeup(c));
      }
      me.parkNanos(1 + random.nextInt(NANOS_MAX));
    }
  }

  private static void note(KThread t, List<Channel> channels) {
    Channel c = t.sleepChannel();
    if (c != null) {
      channels.add(c);
    }
  }

  /** Ends it, and waits for the end. */
  void stop() {
    stopping = true;
    strand.unpark();
    kernel.domain().strands().join(strand, 5_000_000_000L);
  }
}
