package dev.faultline.stress.jcstress;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Makes jcstress's threads what the machine and the kernel expect their callers to be. */
final class Actors {
  /*
   * Implementation overview
   *
   * A jcstress thread runs an actor (and constructors, and arbiters) of thousands of samples, and every sample has a
   * world of its own. The thread becomes a strand once, at its first call, and stays one until it dies. As a kernel
   * thread it belongs to the domain of one world, so that is made anew whenever the world is another one: it costs two
   * small arrays and a short lock. The worlds are garbage by then, so nothing is ended.
   */
  static final ThreadStrands POOL = new ThreadStrands();

  private Actors() {}

  /** Returns the strand that the calling thread is, making it one if need be. */
  static Strand strand() {
    Strand s = Strand.currentOrNull();
    return s != null ? s : POOL.attach("actor");
  }

  /** Makes the calling thread a kernel thread of {@code domain}, unless it is one. */
  static KThread enter(SyncDomain domain) {
    Strand s = strand();
    if (s.context instanceof KThread t && t.domain() == domain) {
      return t;
    }
    return new KThread(domain, "actor", false);
  }

  /**
   * Runs what may corrupt the kernel's lists, as NAIVE mode does.
   *
   * @return whether the kernel panicked, or tripped over a link that was not there
   */
  static boolean panics(Runnable naive) {
    try {
      naive.run();
      return false;
    } catch (KernelPanic | RuntimeException e) {
      return true;
    }
  }

  /**
   * Lets the two actors of a sample begin together, as far as that goes: whoever comes first waits a moment, and then
   * both wait some random nanoseconds more, so that every overlap of what follows has its turn. Orders what came before
   * it on either side, so it is for races between whole operations, not for those between two words.
   */
  static final class Meeting {
    private static final int PATIENCE = 2_000;
    private static final int JITTER = 32;

    private final AtomicInteger arrived = new AtomicInteger();

    /** Arrives as one of the two. */
    void arrive() {
      int jitter = ThreadLocalRandom.current().nextInt(JITTER);
      arrived.getAndIncrement();
      for (int i = 0; i < PATIENCE && arrived.get() < 2; i++) {
        Thread.onSpinWait();
      }
      for (int i = 0; i < jitter; i++) {
        Thread.onSpinWait();
      }
    }
  }

  /**
   * Tells whether a sleeper was left asleep by its waker, and gets it out. The sleeper calls {@link #begin} and {@link
   * #end}, the waker {@link #wasLost} when it has done all that it is to do.
   */
  static final class Sleeper {
    private volatile @Nullable KThread thread;
    private volatile boolean done;

    /** The sleeper is about to look whether it has to sleep. */
    void begin(KThread t) {
      thread = t;
    }

    /** The sleeper got through. */
    void end() {
      done = true;
    }

    /**
     * Waits for the sleeper's end. Found asleep on {@code channel}, it would have slept for ever, as its waker has
     * been and gone: a wakeup removes everybody from the channel before it returns.
     *
     * @return whether it had to be woken here
     */
    boolean wasLost(SyncDomain domain, Channel channel) {
      return wasLost(channel, () -> domain.sleepQueues().wakeup(channel));
    }

    /** The same, where it takes more than a wakeup to get the sleeper out. */
    boolean wasLost(Channel channel, Runnable rescue) {
      boolean lost = false;
      Strand me = strand();
      for (int i = 0; !done; i++) {
        KThread t = thread;
        if (t != null && t.sleepChannel() == channel) {
          lost = true;
          rescue.run();
        }
        me.pause(i);
      }
      return lost;
    }
  }
}
