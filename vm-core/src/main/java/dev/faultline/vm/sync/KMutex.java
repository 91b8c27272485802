package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
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
public final class KMutex extends StrandLock implements Lock {
  private final SyncDomain domain; // (C)
  private final LockRank rank; // (C)
  private final @Nullable Object subject; // (C) what it guards, for messages and sub-order
  private final boolean real; // (C)

  /**
   * Creates a mutex.
   *
   * @param subject what it guards; its toString names the mutex
   */
  public KMutex(SyncDomain domain, LockRank rank, @Nullable Object subject) {
    this(domain, rank, subject, domain.mutexesReal());
  }

  private KMutex(SyncDomain domain, LockRank rank, @Nullable Object subject, boolean real) {
    this.domain = domain;
    this.rank = rank;
    this.subject = subject;
    this.real = real;
  }

  /**
   * Returns a mutex that excludes in every mode: the machinery of sleep queues and the like, which no mode may do
   * without.
   */
  public static KMutex alwaysReal(SyncDomain domain, LockRank rank, @Nullable Object subject) {
    return new KMutex(domain, rank, subject, true);
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
      acquire(me);
      w.locked(me, this);
      return;
    }
    acquire(me);
  }

  @Override
  public boolean tryLock() {
    if (!real) {
      return true;
    }
    Strand me = Strand.current();
    if (!tryAcquire(me)) {
      return false;
    }
    Witness w = domain.witness();
    if (w != null) {
      w.locked(me, this);
    }
    return true;
  }

  @Override
  public void unlock() {
    if (!real) {
      return;
    }
    Strand me = Strand.current();
    Witness w = domain.witness();
    if (w != null) {
      w.unlocked(me, this);
    }
    release(me);
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
