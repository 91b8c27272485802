package dev.faultline.vm.sync;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.trace.LockMode;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.TraceKind;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The sleepable read/write lock of a map, with upgrade, downgrade and recursion; writers are preferred.
 *
 * @see "vm-semantics 2.8; kern_lock.c"
 */
public final class MapLock implements Channel {
  /*
   * Implementation overview
   *
   * All fields are guarded by the interlock, a mutex that excludes in every mode (even NAIVE has map locks). Sleepers
   * wait on this object and test again. A queued writer stops new readers, which is what makes nested reads
   * deadlock-prone (R30); the recursive owner passes.
   */
  private final SyncDomain domain; // (C)
  private final KMutex interlock; // LockRank.INTERLOCK
  private final Object subject; // (C)
  private final int number; // (C)
  private int readCount; // guarded by interlock, as all below
  private boolean wantWrite;
  private boolean wantUpgrade;
  private boolean waiting;
  private @Nullable KThread claimant; // who has set wantWrite or wantUpgrade, for reports
  private @Nullable KThread writer; // who holds it for writing (or owns an upgrade), for assertions
  private volatile @Nullable KThread recursiveOwner; // written under interlock
  private int recursionDepth;

  /**
   * Creates a free lock.
   *
   * @param subject what it guards, for messages
   */
  public MapLock(SyncDomain domain, Object subject, int number) {
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
    return writer;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.LOCK_M;
  }

  @Override
  public boolean isSatisfied() {
    return readCount == 0 && !wantWrite && !wantUpgrade;
  }

  /** Shows the writer, and the one who waits for readers to leave: he keeps new ones out. Not the readers. */
  @Override
  public void forEachHolder(Consumer<Object> visitor) {
    KThread w = writer;
    KThread c = claimant;
    if (w != null) {
      visitor.accept(w);
    }
    if (c != null && c != w) {
      visitor.accept(c);
    }
  }

  /** Returns what the lock guards. */
  public Object subject() {
    return subject;
  }

  private void mayWait(KThread me, boolean upgrade) {
    Witness w = domain.witness();
    if (w != null) {
      w.beforeMapLock(me, this, upgrade || recursiveOwner == me); // only the owner itself finds its own name there
    }
  }

  /** Counts a hold of the caller's that begins. */
  private void held(KThread me, LockMode mode) {
    me.mapLocksHeld++;
    domain.tracer().event(TraceEvent.LOCK, this, mode.ordinal());
    me.mapBegins(this);
  }

  /** Counts a hold of the caller's that ends. */
  private void letGo(KThread me, LockMode mode) {
    me.mapLocksHeld--;
    domain.tracer().event(TraceEvent.UNLOCK, this, mode.ordinal());
    me.mapEnds(this);
  }

  /** Records that the caller's hold is of another mode from here on. */
  private void changed(LockMode from, LockMode to) {
    domain.tracer().event(TraceEvent.UNLOCK, this, from.ordinal());
    domain.tracer().event(TraceEvent.LOCK, this, to.ordinal());
  }

  private void sleep(String tag) {
    waiting = true;
    domain.sleepQueues().sleepOn(this, interlock, tag);
    interlock.lock();
  }

  private void wakeWaiters() {
    if (waiting) {
      waiting = false;
      domain.sleepQueues().wakeup(this);
    }
  }

  /** Takes the lock for reading; sleeps while a writer holds it or is queued. */
  public void lockRead() {
    KThread me = KThread.current();
    mayWait(me, false);
    interlock.lock();
    while ((wantWrite || wantUpgrade) && recursiveOwner != me) {
      sleep("thrd_read");
    }
    readCount++;
    held(me, LockMode.READ);
    interlock.unlock();
  }

  /** Takes the lock for reading if no writer holds it or is queued; never sleeps. */
  public boolean tryLockRead() {
    KThread me = KThread.current();
    interlock.lock();
    boolean ok = !(wantWrite || wantUpgrade) || recursiveOwner == me;
    if (ok) {
      readCount++;
      held(me, LockMode.READ);
    }
    interlock.unlock();
    return ok;
  }

  /** Takes the lock for writing; sleeps while others hold it. */
  public void lockWrite() {
    KThread me = KThread.current();
    mayWait(me, false);
    interlock.lock();
    if (recursiveOwner == me) {
      recursionDepth++;
      held(me, LockMode.WRITE);
      interlock.unlock();
      return;
    }
    while (wantWrite) {
      sleep("thrd_write");
    }
    wantWrite = true;
    claimant = me;
    while (readCount != 0 || wantUpgrade) {
      sleep("thrd_write");
    }
    writer = me;
    held(me, LockMode.WRITE);
    interlock.unlock();
  }

  /** Takes the lock for writing if nobody holds or wants it; never sleeps. */
  public boolean tryLockWrite() {
    KThread me = KThread.current();
    interlock.lock();
    boolean ok;
    if (recursiveOwner == me) {
      recursionDepth++;
      ok = true;
    } else {
      ok = !wantWrite && !wantUpgrade && readCount == 0;
      if (ok) {
        wantWrite = true;
        writer = me;
      }
    }
    if (ok) {
      held(me, LockMode.WRITE);
    }
    interlock.unlock();
    return ok;
  }

  /**
   * Turns the caller's read hold into a write hold; sleeps while other readers are there.
   *
   * <p>Between the readers' leaving and the return no writer gets in: what was decided under the read hold is still
   * true. (With recursion in force other readers are not excluded.)
   *
   * @return true if it <em>failed</em> because another upgrade was pending; the caller then holds nothing
   */
  public boolean upgrade() {
    KThread me = KThread.current();
    mayWait(me, true);
    interlock.lock();
    readCount--;
    if (recursiveOwner == me) {
      recursionDepth++;
      interlock.unlock();
      return false;
    }
    if (wantUpgrade) {
      letGo(me, LockMode.READ);
      wakeWaiters();
      interlock.unlock();
      return true;
    }
    wantUpgrade = true;
    claimant = me;
    while (readCount != 0) {
      sleep("thrd_upgrade");
    }
    writer = me;
    changed(LockMode.READ, LockMode.WRITE);
    interlock.unlock();
    return false;
  }

  private void watch(KThread me) {
    ReleaseWatcher r = domain.releaseWatcher();
    if (r != null && writer == me && recursionDepth == 0) { // own words of a writer: nobody changes them now
      r.releasing(me, this);
    }
  }

  /** Turns the caller's write hold into a read hold; never sleeps. */
  public void downgrade() {
    KThread me = KThread.current();
    watch(me);
    interlock.lock();
    changed(LockMode.WRITE, LockMode.READ);
    readCount++;
    if (recursiveOwner == me && recursionDepth > 0) {
      recursionDepth--;
    } else if (wantUpgrade) {
      wantUpgrade = false;
      writer = null;
      claimant = null;
    } else {
      wantWrite = false;
      writer = null;
      claimant = null;
    }
    wakeWaiters();
    interlock.unlock();
  }

  /** Lets the caller, who holds the lock for writing, take it again in any way. */
  public void setRecursive() {
    interlock.lock();
    if (!wantWrite) {
      interlock.unlock();
      throw KernelPanic.of("lock_set_recursive: not held for writing", this);
    }
    recursiveOwner = KThread.current();
    interlock.unlock();
  }

  /** Ends what {@link #setRecursive} began. */
  public void clearRecursive() {
    interlock.lock();
    if (recursiveOwner != KThread.current() || recursionDepth != 0) {
      interlock.unlock();
      throw KernelPanic.of("lock_clear_recursive: wrong thread or depth", this);
    }
    recursiveOwner = null;
    interlock.unlock();
  }

  /** Gives back one hold: a read hold if there is any, else a recursive one, else an upgrade, else the write hold. */
  public void unlock() {
    KThread me = KThread.current();
    watch(me);
    interlock.lock();
    LockMode mode = readCount > 0 ? LockMode.READ : LockMode.WRITE;
    if (readCount > 0) {
      readCount--;
    } else if (recursionDepth > 0) {
      recursionDepth--;
    } else if (wantUpgrade) {
      wantUpgrade = false;
      writer = null;
      claimant = null;
    } else if (wantWrite) {
      wantWrite = false;
      writer = null;
      claimant = null;
    } else {
      interlock.unlock();
      throw KernelPanic.of("lock_done: not held", this);
    }
    letGo(me, mode);
    wakeWaiters();
    interlock.unlock();
  }

  /** Returns whether the caller holds the lock for writing. For assertions. */
  public boolean isWriteHeld() {
    return writer == KThread.current() || recursiveOwner == KThread.current();
  }

  /** Returns whether anybody holds or wants the lock; a snapshot. */
  public boolean isIdle() {
    interlock.lock();
    try {
      return readCount == 0 && !wantWrite && !wantUpgrade;
    } finally {
      interlock.unlock();
    }
  }

  @Override
  public String toString() {
    return "maplock(" + subject + " readers=" + readCount + " writer=" + writer + ")";
  }
}
