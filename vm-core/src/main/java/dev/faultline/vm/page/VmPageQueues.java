package dev.faultline.vm.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.Tracer;
import org.jspecify.annotations.Nullable;

/**
 * The active, inactive and cache queues, wirings and holds: the fields under Q. Methods with {@code Locked} in their
 * name want Q held.
 *
 * @see "vm-semantics 2.7, 3.2; vm_page.c: vm_page_unqueue, activate, deactivate, wire, unwire"
 */
// the gauge is written under Q only; volatile is for those who read without it
@SuppressWarnings("NonAtomicVolatileUpdate")
public final class VmPageQueues {
  private static final int ACT_INIT = 5;
  private static final int ACT_MAX = 100;

  public final KMutex lock; // LockRank.PAGE_QUEUES
  private final FreeList freeList; // (C)
  private final Tracer tracer; // (C)
  private final int maxWired; // (C)
  private final boolean hUnwire0; // (C)

  @GuardedBy("lock")
  private final PageQueue active = new PageQueue(VmPage.QUEUE_ACTIVE);

  @GuardedBy("lock")
  private final PageQueue inactive = new PageQueue(VmPage.QUEUE_INACTIVE);

  @GuardedBy("lock")
  private final PageQueue cache = new PageQueue(VmPage.QUEUE_CACHE);

  private volatile int wireCount; // gauge v_wire_count, written under lock

  VmPageQueues(SyncDomain domain, FreeList freeList, Thresholds thresholds) {
    this.lock = new KMutex(domain, LockRank.PAGE_QUEUES, "page queues");
    this.freeList = freeList;
    this.tracer = domain.tracer();
    this.maxWired = thresholds.maxWired();
    this.hUnwire0 = domain.has(Defect.H_UNWIRE0);
  }

  /** Returns the number of managed pages with wire_count &gt; 0. Exact under Q, else a snapshot. */
  public int wireCount() {
    return wireCount;
  }

  public int maxWired() {
    return maxWired;
  }

  /** Returns active_count, inactive_count and the length of the cache queue. */
  public int[] lengths() {
    lock.lock();
    try {
      return new int[] {active.length, inactive.length, cache.length};
    } finally {
      lock.unlock();
    }
  }

  /** Returns what {@link #lengths} does, without a lock: a racy snapshot, for reports. */
  @SuppressWarnings("GuardedBy")
  public int[] lengthHints() {
    return new int[] {active.length, inactive.length, cache.length};
  }

  @GuardedBy("lock")
  public int inactiveCountLocked() {
    return inactive.length;
  }

  @GuardedBy("lock")
  public int activeCountLocked() {
    return active.length;
  }

  @GuardedBy("lock")
  public int cacheLengthLocked() {
    return cache.length;
  }

  /** Returns the page at the head of the active queue, or null. */
  @GuardedBy("lock")
  public @Nullable VmPage activeHeadLocked() {
    return active.head;
  }

  @GuardedBy("lock")
  public @Nullable VmPage inactiveHeadLocked() {
    return inactive.head;
  }

  @GuardedBy("lock")
  public @Nullable VmPage cacheHeadLocked() {
    return cache.head;
  }

  /** Moves a page to the tail of the queue that it is on (active or inactive). */
  @GuardedBy("lock")
  public void requeueLocked(VmPage m) {
    PageQueue q = m.queue == VmPage.QUEUE_ACTIVE ? active : inactive;
    q.remove(m);
    q.addTail(m);
  }

  /** vm_page_unqueue: takes a page off whatever pageout queue it is on. */
  @GuardedBy("lock")
  public void unqueueLocked(VmPage m) {
    int from = m.queue;
    takeOffLocked(m);
    moved(m, from);
  }

  private void moved(VmPage m, int from) {
    if (m.queue != from) {
      tracer.event(TraceEvent.QUEUE, m, from, m.queue);
    }
  }

  @GuardedBy("lock")
  private void takeOffLocked(VmPage m) {
    switch (m.queue) {
      case VmPage.QUEUE_ACTIVE -> active.remove(m);
      case VmPage.QUEUE_INACTIVE -> inactive.remove(m);
      case VmPage.QUEUE_CACHE -> {
        cache.remove(m);
        freeList.uncached(KThread.current());
      }
      default -> {}
    }
  }

  /** Takes a page off the cache queue for a new owner: no daemon kick in between, and a new generation of the frame. */
  @GuardedBy("lock")
  void recycleLocked(VmPage m) {
    cache.remove(m);
    moved(m, VmPage.QUEUE_CACHE);
    freeList.recycled(KThread.current(), m);
  }

  /** Gets a cached page that cannot be taken out of the way of those behind: deactivates it, or, if held, rotates. */
  @GuardedBy("lock")
  void skipCachedLocked(VmPage m) {
    if (m.holdCount == 0) {
      deactivateLocked(m);
    } else {
      cache.remove(m);
      cache.addTail(m);
    }
  }

  /** Unqueues; see {@link #unqueueLocked}. */
  public void unqueue(VmPage m) {
    lock.lock();
    try {
      unqueueLocked(m);
    } finally {
      lock.unlock();
    }
  }

  /**
   * vm_page_activate, made one test-and-act (R35): an unwired page that is not active goes to the active tail; a wired
   * one ends on no queue; an active one stays.
   */
  @GuardedBy("lock")
  public void activateLocked(VmPage m) {
    if (m.queue == VmPage.QUEUE_ACTIVE) {
      return;
    }
    int from = m.queue;
    takeOffLocked(m);
    if (m.wireCount == 0) {
      active.addTail(m);
      m.actCount = m.actCount < ACT_INIT ? ACT_INIT : Math.min(m.actCount + 1, ACT_MAX);
    }
    moved(m, from);
  }

  /** Activates; see {@link #activateLocked}. */
  public void activate(VmPage m) {
    lock.lock();
    try {
      activateLocked(m);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives a page whose pageout has ended, and which is wanted or could not be written, another round on the active
   * queue, if it waited on the inactive one. Caller holds O(m.object).
   */
  public void reactivate(VmPage m) {
    m.setReferenced(false);
    lock.lock();
    try {
      if (m.isInactive()) {
        activateLocked(m);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * vm_page_deactivate: unless inactive, wired or held, to the inactive tail, from any queue or none. The caller clears
   * R.
   */
  @GuardedBy("lock")
  public void deactivateLocked(VmPage m) {
    if (m.queue == VmPage.QUEUE_INACTIVE || m.wireCount != 0 || m.holdCount != 0) {
      return;
    }
    int from = m.queue;
    takeOffLocked(m);
    inactive.addTail(m);
    m.actCount = 0;
    moved(m, from);
  }

  /** Deactivates; see {@link #deactivateLocked}. */
  public void deactivate(VmPage m) {
    lock.lock();
    try {
      deactivateLocked(m);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Puts a page on the tail of the cache queue. The caller, with O and Q, knows that it is clean, unmapped, unwired,
   * unheld, idle.
   */
  @GuardedBy("lock")
  void cacheLocked(VmPage m) {
    int from = m.queue;
    takeOffLocked(m);
    cache.addTail(m);
    moved(m, from);
    freeList.cached();
  }

  /** vm_page_wire. */
  @GuardedBy("lock")
  public void wireLocked(VmPage m) {
    if (m.wireCount == 0) {
      unqueueLocked(m);
      if (!m.isFictitious()) {
        wireCount = wireCount + 1;
      }
    }
    m.wireCount++;
    tracer.event(TraceEvent.WIRE, m, m.wireCount);
  }

  /**
   * vm_page_unwire: takes one unit off; the last one leaves the page on the active queue.
   *
   * <p>H-UNWIRE0: a page without a unit leaves one behind in the gauge, and is queued though it may be on a queue.
   */
  @GuardedBy("lock")
  public void unwireLocked(VmPage m) {
    if (hUnwire0 && m.wireCount == 0) {
      wireCount = wireCount - 1;
      active.addTail(m);
      return;
    }
    if (m.wireCount <= 0) {
      throw KernelPanic.of("vm_page_unwire: wire count", m);
    }
    Holders h = m.holders();
    if (h != null) {
      h.unwired(); // it may be busy by a fault, and is put on a queue all the same (I-15)
    }
    if (--m.wireCount == 0 && !m.isFictitious()) {
      wireCount = wireCount - 1;
      active.addTail(m);
      m.actCount = Math.max(m.actCount, ACT_INIT);
    }
    tracer.event(TraceEvent.UNWIRE, m, m.wireCount);
  }

  /** Takes one unit of wiring off a page that is about to be freed or moved; it ends on no queue. */
  @GuardedBy("lock")
  public void dropWiringLocked(VmPage m) {
    if (m.wireCount <= 0) {
      throw KernelPanic.of("wiring dropped that was not there", m);
    }
    if (--m.wireCount == 0 && !m.isFictitious()) {
      wireCount = wireCount - 1;
    }
    tracer.event(TraceEvent.UNWIRE, m, m.wireCount);
  }

  /** Adds {@code n}, possibly negative, to the page's short-term pins against pageout. */
  public void addHold(VmPage m, int n) {
    Holders h = m.holders();
    if (h != null && n > 0) {
      h.acquire(HoldKind.HOLD, KThread.current(), HoldReason.UNNAMED, n, 0);
    } else if (h != null) {
      h.release(HoldKind.HOLD, KThread.current(), -n, 0);
    }
    lock.lock();
    try {
      m.holdCount += n;
      assert m.holdCount >= 0;
    } finally {
      lock.unlock();
    }
  }
}
