package dev.faultline.vm.sync;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;
import org.jspecify.annotations.Nullable;

/** The lock of a vnode: exclusive, recursive for its owner, slept for, held across sleeps. Works in every mode. */
public final class SleepLock implements Channel {
  private final SyncDomain domain; // (C)
  private final KMutex interlock; // LockRank.INTERLOCK
  private final Object subject; // (C)
  private final int number; // (C)
  private @Nullable KThread owner; // guarded by interlock, as all below
  private int depth;
  private boolean wanted;

  public SleepLock(SyncDomain domain, Object subject, int number) {
    this.domain = domain;
    this.subject = subject;
    this.number = number;
    this.interlock = KMutex.alwaysReal(domain, LockRank.INTERLOCK, subject);
  }

  @Override
  public int channelNumber() {
    return number;
  }

  @Override
  public @Nullable Object holder() {
    return owner;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.LOCK_V;
  }

  @Override
  public long traceId() {
    return subject instanceof TraceSubject s ? s.traceId() : number;
  }

  @Override
  public boolean isSatisfied() {
    return owner == null;
  }

  /** Takes the lock, sleeping for it. */
  public void lock() {
    KThread me = KThread.current();
    Witness w = domain.witness();
    if (w != null) {
      w.beforeVnodeLock(me, this, owner == me); // only the owner itself finds its own name there
    }
    interlock.lock();
    while (owner != null && owner != me) {
      wanted = true;
      domain.sleepQueues().sleepOn(this, interlock, "vnlock");
      interlock.lock();
    }
    owner = me;
    depth++;
    began(me);
    domain.tracer().event(TraceEvent.LOCK, this);
    interlock.unlock();
  }

  /** Takes the lock if it is free or the caller's; never sleeps. */
  public boolean tryLock() {
    KThread me = KThread.current();
    interlock.lock();
    boolean ok = owner == null || owner == me;
    if (ok) {
      owner = me;
      depth++;
      began(me);
    }
    domain.tracer().event(ok ? TraceEvent.LOCK : TraceEvent.LOCK_MISSED, this);
    interlock.unlock();
    return ok;
  }

  private static void began(KThread me) {
    me.vnodeLocksHeld++;
    me.classBegins(LockRank.VNODE.ordinal());
  }

  /** Gives back one hold. */
  public void unlock() {
    KThread me = KThread.current();
    interlock.lock();
    if (owner != me) {
      interlock.unlock();
      throw KernelPanic.of("vnode unlock by " + me, this);
    }
    me.vnodeLocksHeld--;
    me.classEnds(LockRank.VNODE.ordinal());
    domain.tracer().event(TraceEvent.UNLOCK, this);
    if (--depth == 0) {
      owner = null;
      if (wanted) {
        wanted = false;
        domain.sleepQueues().wakeup(this);
      }
    }
    interlock.unlock();
  }

  /** Returns whether the caller holds the lock. For assertions. */
  public boolean isHeld() {
    interlock.lock();
    try {
      return owner == KThread.current();
    } finally {
      interlock.unlock();
    }
  }

  /** Returns whether nobody holds the lock; a snapshot. */
  public boolean isIdle() {
    return owner == null;
  }

  @Override
  public String toString() {
    return "vnode lock(" + subject + " owner=" + owner + ")";
  }
}
