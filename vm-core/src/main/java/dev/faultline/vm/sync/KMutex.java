package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;
import dev.faultline.vm.trace.Tracer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * A kernel mutex: ranked, owned, never held across a sleep.
 *
 * <p>In UP and NAIVE modes {@link #lock} and {@link #unlock} do nothing and {@link #tryLock} succeeds, except for
 * mutexes made with {@link
 * #alwaysReal}.
 */
public final class KMutex extends StrandLock implements Lock, TraceSubject {
  private final SyncDomain domain; // (C)
  private final LockRank rank; // (C)
  private final @Nullable Object subject; // (C) what it guards, for messages and sub-order
  private final boolean real; // (C)
  private final Tracer tracer; // (C) hears of the kernel's own locks, not of those that every mode has

  /**
   * Creates a mutex.
   *
   * @param subject what it guards; its toString names the mutex
   */
  public KMutex(SyncDomain domain, LockRank rank, @Nullable Object subject) {
    this(domain, rank, subject, domain.mutexesReal(), false);
  }

  private KMutex(SyncDomain domain, LockRank rank, @Nullable Object subject, boolean real,
      boolean alwaysReal) {
    this.domain = domain;
    this.rank = rank;
    this.subject = subject;
    this.real = real;
    this.tracer = domain.mutexesReal() && !alwaysReal ? domain.tracer() : Tracer.OFF;
  }

  /**
   * Returns a mutex that excludes in every mode: the machinery of sleep queues and the like, which no mode may do
   * without.
   */
  public static KMutex alwaysReal(SyncDomain domain, LockRank rank, @Nullable Object subject) {
    return new KMutex(domain, rank, subject, true, true);
  }

  @Override
  public void lock() {
    if (!real) {
      return;
    }
    Strand me = Strand.current();
    Witness w = domain.witness();
    if (w != null) {
      w.beforeLock(me, this);
    }
    if (tracer.isOn() && owner() != null) {
      tracer.event(TraceEvent.LOCK_WAIT, this);
    }
    acquire(me);
    tracer.event(TraceEvent.LOCK, this);
    if (w != null) {
      w.locked(me, this);
    }
  }

  @Override
  public boolean tryLock() {
    if (!real) {
      return true;
    }
    Strand me = Strand.current();
    if (!tryAcquire(me)) {
      tracer.event(TraceEvent.LOCK_MISSED, this);
      return false;
    }
    tracer.event(TraceEvent.LOCK, this);
    Witness w = domain.witness();
    if (w != null) {
      w.locked(me, this);
    }
    return true;
  }

  @Override
  public void unlock() {
    ReleaseWatcher r = domain.releaseWatcher();
    if (r != null) {
      watch(r);
    }
    if (!real) {
      return;
    }
    Strand me = Strand.current();
    Witness w = domain.witness();
    if (w != null) {
      w.unlocked(me, this);
    }
    tracer.event(TraceEvent.UNLOCK, this);
    release(me);
  }

  private void watch(ReleaseWatcher r) {
    KThread t = KThread.of(Strand.current());
    if (t != null) {
      r.releasing(t, this);
    }
  }

  /**
   * Returns whether the calling strand holds this mutex; true in the modes where mutexes do nothing. For assertions.
   */
  public boolean isHeld() {
    return !real || isOwnedBy(Strand.current());
  }

  /**
   * Returns whether the calling strand does not hold this mutex; true in the modes where mutexes do nothing. For
   * assertions.
   */
  public boolean isNotHeld() {
    return !real || !isOwnedBy(Strand.current());
  }

  @Override
  public TraceKind traceKind() {
    return rank.traceKind();
  }

  @Override
  public long traceId() {
    Object s = subject;
    return s instanceof TraceSubject t ? t.traceId() : s instanceof Integer i ? i : 0;
  }

  /** Returns the rank. */
  public LockRank rank() {
    return rank;
  }

  /** Returns what the mutex guards. */
  public @Nullable Object subject() {
    return subject;
  }

  @Override
  public boolean tryLock(long time, TimeUnit unit) {
    throw new IllegalStateException("kernel mutexes are not waited for with a timeout");
  }

  @Override
  public void lockInterruptibly() {
    throw new IllegalStateException("kernel mutexes are not interruptible");
  }

  @Override
  public Condition newCondition() {
    throw new IllegalStateException("kernel mutexes have no conditions; sleep with SleepQueues.sleepOn");
  }

  @Override
  public String toString() {
    return rank + "(" + (subject == null ? "" : subject) + ")";
  }
}
