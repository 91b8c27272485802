package dev.faultline.vm.sync;

import dev.faultline.hw.Clock;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.trace.Tracer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What all locks and sleep queues of one kernel share: mode, strands, clock, witness, token, the list of kernel
 * threads.
 */
public final class SyncDomain {
  private final Mode mode; // (C)
  private final boolean mutexesReal; // (C)
  private final Set<Defect> defects; // (C)
  private final Strands strands; // (C)
  private final Clock clock; // (C)
  private final @Nullable Witness witness; // (C)
  private final Tracer tracer; // (C)
  private final @Nullable Ownership ownership; // (C)
  private final KernelToken token; // (C)
  private final SleepQueues sleepQueues; // (C)
  private final KMutex threadLock; // (C) LockRank.LEAF
  private final List<KThread> threads = new ArrayList<>(); // guarded by threadLock
  private final long[] endedEvents; // guarded by threadLock: counts of threads that ended
  private final long[] plainEvents; // H-COUNTERS: guarded by nothing, which is what is wrong with it
  private final AtomicInteger starting = new AtomicInteger(); // (A) strands that are not kernel threads yet
  private int nextThread; // guarded by threadLock
  private @Nullable ReleaseWatcher releaseWatcher; // (C) once booted

  /**
   * Creates a domain.
   *
   * @param witness whether to check lock order
   * @param sleepBuckets sleep queue buckets, a power of two
   */
  public SyncDomain(Mode mode, Strands strands, Clock clock, boolean witness, int sleepBuckets, int eventKinds) {
    this(mode, Defect.defaults(), strands, clock, witness, sleepBuckets, eventKinds);
  }

  /**
   * Creates a domain of a kernel that deviates from the correct one.
   *
   * @param defects how it does
   * @param witness whether to check lock order
   * @param sleepBuckets sleep queue buckets, a power of two
   */
  public SyncDomain(
      Mode mode, Set<Defect> defects, Strands strands, Clock clock, boolean witness, int sleepBuckets, int eventKinds) {
    this(mode, defects, strands, clock, witness, false, sleepBuckets, eventKinds, Tracer.OFF);
  }

  /**
   * Creates a domain of a kernel that may record what it does.
   *
   * @param defects how it deviates from the correct one
   * @param witness whether to check lock order
   * @param ownership whether to register who holds pages and objects
   * @param sleepBuckets sleep queue buckets, a power of two
   * @param tracer where its parts say what they do
   */
  public SyncDomain(
      Mode mode,
      Set<Defect> defects,
      Strands strands,
      Clock clock,
      boolean witness,
      boolean ownership,
      int sleepBuckets,
      int eventKinds,
      Tracer tracer) {
    this.mode = mode;
    this.tracer = tracer;
    this.defects = defects;
    this.mutexesReal = mode == Mode.FIXED;
    this.strands = strands;
    this.clock = clock;
    this.witness = witness ? new Witness() : null;
    this.ownership = ownership ? new Ownership() : null;
    this.token = new KernelToken(mode == Mode.UP, tracer);
    this.sleepQueues = new SleepQueues(this, sleepBuckets);
    this.threadLock = KMutex.alwaysReal(this, LockRank.LEAF, "threads");
    this.endedEvents = new long[eventKinds];
    this.plainEvents = new long[eventKinds];
  }

  public Mode mode() {
    return mode;
  }

  public boolean mutexesReal() {
    return mutexesReal;
  }

  /** Returns whether the kernel booted with a defect. For boot: its parts keep the answer. */
  public boolean has(Defect d) {
    return defects.contains(d);
  }

  public Strands strands() {
    return strands;
  }

  public Clock clock() {
    return clock;
  }

  public @Nullable Witness witness() {
    return witness;
  }

  /** Returns where the kernel's parts say what they do. */
  public Tracer tracer() {
    return tracer;
  }

  /** Returns the registry of holders, or null where it is off. */
  public @Nullable Ownership ownership() {
    return ownership;
  }

  /** Returns a list of holders for a new page or object; null where the registry is off. */
  public @Nullable Holders holdersOf(Object subject) {
    Ownership o = ownership;
    return o == null ? null : o.listOf(subject);
  }

  /** Installs who looks at what is guarded whenever a lock is let go; before the first thread runs. */
  public void setReleaseWatcher(ReleaseWatcher w) {
    releaseWatcher = w;
  }

  @Nullable ReleaseWatcher releaseWatcher() {
    return releaseWatcher;
  }

  public KernelToken token() {
    return token;
  }

  public SleepQueues sleepQueues() {
    return sleepQueues;
  }

  /**
   * Starts a strand that makes itself a kernel thread at once, and says so by {@link #began}: until then nobody sees
   * that it is there and will run.
   */
  public Strand start(String name, Runnable body) {
    starting.incrementAndGet();
    return strands.start(name, body);
  }

  /** Ends what {@link #start} began; called by the new thread. */
  public void began() {
    starting.decrementAndGet();
  }

  /** Returns how many strands have been started that are not among the threads yet. */
  public int starting() {
    return starting.get();
  }

  int register(KThread t) {
    threadLock.lock();
    try {
      threads.add(t);
      return nextThread++;
    } finally {
      threadLock.unlock();
    }
  }

  void unregister(KThread t) {
    threadLock.lock();
    try {
      threads.remove(t);
      for (int i = 0; i < endedEvents.length; i++) {
        endedEvents[i] += t.eventCount(i);
      }
    } finally {
      threadLock.unlock();
    }
  }

  /** H-COUNTERS: the original's increment, a load and a store (R1). */
  void countPlainly(Strand me, int event, long n) {
    long was = plainEvents[event];
    me.point(StepKind.ATOMIC, plainEvents);
    plainEvents[event] = was + n;
  }

  /** Returns the sum over all threads, living and ended, of one event counter. Exact when the kernel is quiet. */
  public long events(int event) {
    threadLock.lock();
    try {
      long sum = endedEvents[event] + plainEvents[event];
      for (KThread t : threads) {
        sum += t.eventCount(event);
      }
      return sum;
    } finally {
      threadLock.unlock();
    }
  }

  /** Calls {@code visitor} for every live kernel thread, under the thread list's lock; the visitor may take no lock. */
  public void forEachThread(Consumer<KThread> visitor) {
    threadLock.lock();
    try {
      threads.forEach(visitor);
    } finally {
      threadLock.unlock();
    }
  }
}
