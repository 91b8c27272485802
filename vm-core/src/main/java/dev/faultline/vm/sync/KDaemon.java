package dev.faultline.vm.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.strand.Strand;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A kernel process that sleeps until it is kicked, does what it is there for, and sleeps again: vm_daemon, the sync
 * daemon, the swap-in scheduler, the idle loop. Its strand is started by the first kick, so that booting starts none.
 *
 * @see "vm-semantics 2.6, 3.5"
 */
public final class KDaemon {
  /*
   * Implementation overview
   *
   * Lock      A leaf of its own, real in every mode; only sleep queues are taken inside. A kick may come under any
   *           mutex that ranks below.
   * A kick    that comes while a pass is under way is remembered: another pass follows.
   * Rest      is the sleep on the daemon's channel without a time limit; a daemon that wakes by itself is never at
   *           rest while it means to.
   */
  private final SyncDomain domain; // (C)
  private final String name; // (C)
  private final NamedChannel channel; // (C)
  private final Runnable pass; // (C)
  private final LongSupplier period; // (C)
  private final KMutex lock; // LockRank.INTERLOCK

  @GuardedBy("lock")
  private boolean wanted;

  @GuardedBy("lock")
  private boolean started;

  @GuardedBy("lock")
  private boolean stopping;

  private volatile @Nullable Strand strand; // set once, by the first kick
  private volatile @Nullable KThread thread; // set once, by the strand

  /** Makes a daemon that only works when it is kicked. */
  public KDaemon(SyncDomain domain, String name, int channelNumber, Runnable pass) {
    this(domain, name, channelNumber, pass, () -> 0);
  }

  /**
   * Makes a daemon.
   *
   * @param pass what it does, in the kernel, holding nothing
   * @param period asked before each sleep: ticks until the next pass if no kick comes before, 0 for no limit. Takes no
   *     lock
   */
  public KDaemon(SyncDomain domain, String name, int channelNumber, Runnable pass, LongSupplier period) {
    this.domain = domain;
    this.name = name;
    this.channel = new NamedChannel(name, channelNumber);
    domain.tracer().name(channel, name);
    this.pass = pass;
    this.period = period;
    this.lock = KMutex.alwaysReal(domain, LockRank.INTERLOCK, name);
  }

  /** Asks for a pass that begins after this. Never sleeps. */
  public void kick() {
    boolean start;
    lock.lock();
    try {
      if (wanted || stopping) {
        return;
      }
      wanted = true;
      start = !started;
      started = true;
    } finally {
      lock.unlock();
    }
    if (start) {
      strand = domain.start(name, this::run);
    } else {
      domain.sleepQueues().wakeup(channel);
    }
  }

  private void run() {
    KThread t = new KThread(domain, name, false);
    t.restsOn(channel);
    thread = t;
    domain.began();
    domain.token().enter();
    try {
      while (awaitKick()) {
        pass.run();
      }
    } finally {
      domain.token().leave();
      t.end();
    }
  }

  /** Sleeps until a pass is wanted, or due; returns false if the daemon is to end instead. */
  @SuppressWarnings("GuardedBy") // the lock is let go by each sleep and retaken; each round tests again
  private boolean awaitKick() {
    lock.lock();
    while (!wanted && !stopping) {
      boolean due = domain.sleepQueues().sleepOn(channel, lock, "idle", period.getAsLong());
      lock.lock();
      wanted |= due;
    }
    wanted = false;
    boolean go = !stopping;
    lock.unlock();
    return go;
  }

  /** Returns the daemon's thread, or null if it never ran. */
  public @Nullable KThread thread() {
    return thread;
  }

  /**
   * Ends the strand, if there ever was one, and waits for its end. The caller is a strand, holds nothing, and is not in
   * the kernel.
   */
  public void shutdown() {
    lock.lock();
    try {
      stopping = true;
    } finally {
      lock.unlock();
    }
    domain.sleepQueues().wakeup(channel);
    Strand s = strand;
    if (s != null) {
      domain.strands().join(s);
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
