package dev.faultline.vm.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.Tracer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The resident page module: all page structures of a machine, and the operations that join index, queues and free
 * lists.
 *
 * <p>Nothing here sleeps. Unless a method says otherwise the caller holds O(m.object).
 *
 * @see "vm-semantics 3.2, 5.7; vm_page.c"
 */
public final class ResidentPages {
  /*
   * Implementation overview
   *
   * Identity     (object, offset) changes in insert and remove only: under O(object), and under Q too while the page is
   *              on a queue (the
   *              scans find pages there and read their object under Q alone). A page that is on no queue gets no Q:
   *              whoever could queue it
   *              holds O.
   * Allocation   F first; if the class may not have a free frame, the head of the cache queue under Q with a try of its
   *              object's lock
   *              (R6, 5.7). freeGen of the decision is left in KThread.memoryGen for vm_wait.
   * Invariants   I-1 to I-10.
   */
  private final SyncDomain domain; // (C)
  private final Tracer tracer; // (C)
  private final PhysicalMemory memory; // (C)
  private final VmPage[] pages; // (C) by frame number
  private final PageHash hash; // (C)
  private final FreeList freeList; // (C)
  private final VmPageQueues queues; // (C)
  private final boolean stamps; // (C) keep identity stamps for I-42
  private final long poison; // (C) what freed frames are filled with; 0 for none
  private @Nullable PageMappings mappings; // (C) once booted
  private @Nullable AllocationFaults allocationFaults; // (C) once booted

  /** Lets a test refuse allocations (vm-semantics 6.5, alloc-fail). */
  public interface AllocationFaults {
    /** Returns whether this allocation is to fail. */
    boolean fail(KThread t, int allocClass);
  }

  /**
   * Creates the module with every frame free.
   *
   * @param poison pattern for freed frames, 0 to leave them as they are
   */
  public ResidentPages(SyncDomain domain, PhysicalMemory memory, Thresholds thresholds, boolean stamps, long poison) {
    this.domain = domain;
    this.tracer = domain.tracer();
    this.memory = memory;
    this.stamps = stamps;
    this.poison = poison;
    freeList = new FreeList(domain, thresholds);
    queues = new VmPageQueues(domain, freeList, thresholds);
    hash = new PageHash(domain, memory.frames(), memory.pageShift());
    pages = new VmPage[memory.frames()];
    bootFreeList();
  }

  @SuppressWarnings("GuardedBy") // nobody else knows the machine yet
  private void bootFreeList() {
    for (int i = 0; i < pages.length; i++) {
      pages[i] = VmPage.managed(i, domain);
      freeList.boot(pages[i]);
    }
  }

  /** Tells who does page-based mapping operations; at boot. */
  public void setMappings(PageMappings mappings) {
    this.mappings = mappings;
  }

  /** Installs an injector of allocation failures; before the first thread runs. */
  public void setAllocationFaults(AllocationFaults faults) {
    allocationFaults = faults;
  }

  /** Returns the module that does page-based mapping operations. */
  public PageMappings mappings() {
    PageMappings p = mappings;
    assert p != null;
    return p;
  }

  public PhysicalMemory memory() {
    return memory;
  }

  /** Returns what freed frames, and freed pages of swap, are filled with; 0 for nothing. */
  public long poison() {
    return poison;
  }

  public FreeList freeList() {
    return freeList;
  }

  public VmPageQueues queues() {
    return queues;
  }

  public int pageCount() {
    return pages.length;
  }

  /** Returns the page of a managed frame. */
  public VmPage page(int frame) {
    return pages[frame];
  }

  public boolean isManaged(int frame) {
    return frame >= 0 && frame < pages.length;
  }

  /** vm_page_lookup. Caller holds O(o). */
  public @Nullable VmPage lookup(PageOwner o, long offset) {
    assert o.lock.isHeld();
    return o.residentPageCount == 0 ? null : hash.lookup(o, offset);
  }

  /** Shows every page of every hash chain while {@code visitor} says so, each chain under its lock; for I-9. */
  public void forEachHashed(Predicate<VmPage> visitor) {
    hash.forEach(visitor);
  }

  /**
   * vm_page_insert. Panics if the page has an identity; does not look for a duplicate. Page on no queue. Caller holds
   * O(o).
   */
  public void insert(VmPage m, PageOwner o, long offset) {
    assert o.lock.isHeld();
    Holders h = o.holders();
    if (h != null) {
      h.touched(); // I-31
    }
    if (m.isTabled()) {
      throw KernelPanic.of("vm_page_insert: already inserted", m);
    }
    m.object = o;
    m.offset = offset;
    hash.add(m, o);
    m.listqNext = null;
    m.listqPrev = o.memqTail;
    if (o.memqTail == null) {
      o.memqHead = m;
    } else {
      o.memqTail.listqNext = m;
    }
    o.memqTail = m;
    o.residentPageCount++;
    m.flags |= VmPage.TABLED;
    if (stamps && !m.isFictitious()) {
      memory.setStamp(m.frame(), m.gen);
    }
  }

  /**
   * vm_page_remove: takes the identity off. No-op without one. Caller holds O(m.object), and Q if the page is on a
   * queue.
   */
  public void remove(VmPage m) {
    PageOwner o = m.object;
    if (!m.isTabled() || o == null) {
      return;
    }
    assert o.lock.isHeld();
    hash.remove(m, o);
    if (m.listqPrev == null) {
      o.memqHead = m.listqNext;
    } else {
      m.listqPrev.listqNext = m.listqNext;
    }
    if (m.listqNext == null) {
      o.memqTail = m.listqPrev;
    } else {
      m.listqNext.listqPrev = m.listqPrev;
    }
    m.listqNext = null;
    m.listqPrev = null;
    o.residentPageCount--;
    m.flags &= ~VmPage.TABLED;
    m.object = null;
  }

  /**
   * vm_page_rename: gives a page a new identity; its mappings stay. Caller holds O of both objects; Q is taken here.
   */
  public void rename(VmPage m, PageOwner o, long offset) {
    if (m.object == o) {
      return;
    }
    queues.lock.lock(); // the page may be on a queue
    try {
      remove(m);
      insert(m, o, offset);
      tracer.event(TraceEvent.RENAME, m, o, offset);
    } finally {
      queues.lock.unlock();
    }
  }

  /**
   * vm_page_alloc: takes a frame for (o, offset), where no page is. The page is busy by the caller, invalid, on no
   * queue.
   *
   * @param allocClass {@link AllocClass}
   * @return null if none is to be had; the caller then waits with {@code vm_wait(KThread.memoryGen)}. The daemon has
   *     been woken
   */
  public @Nullable VmPage alloc(PageOwner o, long offset, int allocClass) {
    return alloc(o, offset, allocClass, HoldReason.UNNAMED);
  }

  /** Takes a frame as {@link #alloc(PageOwner, long, int)} does, and says what for. */
  public @Nullable VmPage alloc(PageOwner o, long offset, int allocClass, HoldReason why) {
    assert o.lock.isHeld();
    KThread t = KThread.current();
    AllocationFaults f = allocationFaults;
    if (f != null && f.fail(t, allocClass)) {
      t.memoryGen = freeList.generation();
      freeList.refused(t);
      tracer.event(TraceEvent.ALLOC_REFUSED, o, offset);
      return null;
    }
    int c = t.isPageDaemon() && (allocClass & ~AllocClass.ZERO) != AllocClass.INTERRUPT ? AllocClass.SYSTEM
        : allocClass;
    VmPage m;
    do {
      boolean zeroed = false;
      m = freeList.take(t, c);
      if (m != null) {
        zeroed = m.isZero();
      } else if ((c & ~AllocClass.ZERO) != AllocClass.INTERRUPT) {
        m = takeCached(o);
        if (m == null && (c & ~AllocClass.ZERO) == AllocClass.SYSTEM) {
          // no cached page was fit, and the queue may be empty now
          m = freeList.take(t, c);
          zeroed = m != null && m.isZero();
        }
      }
      if (m != null) {
        Holders h = m.holders();
        if (h != null) {
          h.checkFree("frame given away");
          h.acquire(HoldKind.BUSY, t, why, 1, m.gen);
        }
        m.flags = VmPage.BUSY;
        m.setZero(zeroed);
        m.busyOwner = t;
        m.wireCount = 0;
        m.holdCount = 0;
        m.actCount = 0;
        m.busyCount = 0;
        m.bmapped = 0;
        m.valid = 0;
        m.clearDirty(VmPage.ALL_CHUNKS);
        m.setReferenced(false);
        assert m.pvFlags == 0 || domain.mode() == dev.faultline.vm.base.Mode.NAIVE;
        insert(m, o, offset);
        tracer.event(TraceEvent.ALLOC, m, o, offset);
        return m;
      }
    } while (!freeList.refused(t));
    tracer.event(TraceEvent.ALLOC_REFUSED, o, offset);
    return null;
  }

  /** Takes the first usable page off the cache queue and strips it of its identity. Caller holds O(requester). */
  private @Nullable VmPage takeCached(PageOwner requester) {
    queues.lock.lock();
    try {
      for (int tries = queues.cacheLengthLocked(); tries > 0; tries--) {
        VmPage m = queues.cacheHeadLocked();
        if (m == null) {
          return null;
        }
        PageOwner o = m.object; // identity is stable under Q while the page is queued
        if (o == null) {
          throw KernelPanic.of("cached page without identity", m);
        }
        if (o != requester && !o.lock.tryLock()) {
          queues.skipCachedLocked(m);
          continue;
        }
        try {
          if (m.isBusyAnyway() || m.holdCount != 0 || m.wireCount != 0 || m.bmapped != 0 || m.dirty() != 0
              || m.pvFlags != 0) {
            queues.skipCachedLocked(m);
            continue;
          }
          wakeIfWanted(m);
          remove(m);
          queues.recycleLocked(m);
          return m;
        } finally {
          if (o != requester) {
            o.lock.unlock();
          }
        }
      }
      return null;
    } finally {
      queues.lock.unlock();
    }
  }

  /**
   * Scan step D: frees the head of the cache queue by the rules of allocation from it.
   *
   * @return whether a page was freed; false when none could be
   */
  public boolean freeCachedHead() {
    VmPage m = null;
    queues.lock.lock();
    try {
      for (int tries = queues.cacheLengthLocked(); tries > 0 && m == null; tries--) {
        VmPage head = queues.cacheHeadLocked();
        if (head == null || head.object == null) {
          return false;
        }
        PageOwner o = head.object;
        if (!o.lock.tryLock()) {
          queues.skipCachedLocked(head);
          continue;
        }
        try {
          if (head.isBusyAnyway() || head.holdCount != 0 || head.wireCount != 0 || head.bmapped != 0
              || head.dirty() != 0
              || head.pvFlags != 0) {
            queues.skipCachedLocked(head);
            continue;
          }
          wakeIfWanted(head);
          remove(head);
          queues.unqueueLocked(head);
          m = head;
        } finally {
          o.lock.unlock();
        }
      }
    } finally {
      queues.lock.unlock();
    }
    if (m == null) {
      return false;
    }
    release(m);
    return true;
  }

  /**
   * vm_page_free. The page is not busy in any way, not mapped; its contents are discarded without comment. Caller holds
   * O(m.object).
   *
   * @see #freeBusy
   */
  public void free(VmPage m) {
    if (m.isBusyAnyway() || m.bmapped != 0 || m.queue == VmPage.QUEUE_FREE || m.queue == VmPage.QUEUE_ZERO) {
      throw KernelPanic.of("vm_page_free: page is busy, mapped by a buffer or free", m);
    }
    if (m.pvFlags != 0 && domain.mutexesReal()) {
      throw KernelPanic.of("vm_page_free: I-41 page is mapped", m);
    }
    wakeIfWanted(m);
    if (m.isFictitious()) {
      remove(m);
      return;
    }
    queues.lock.lock();
    try {
      if (m.wireCount != 0) {
        throw KernelPanic.of("vm_page_free: wired page", m);
      }
      remove(m);
      queues.unqueueLocked(m);
    } finally {
      queues.lock.unlock();
    }
    release(m);
  }

  /** FREE_PAGE: wakes, un-busies and frees a page that the caller owns busy. Caller holds O(m.object). */
  public void freeBusy(VmPage m) {
    wakeup(m);
    free(m);
  }

  private void release(VmPage m) {
    KThread.current().count(Event.TFREE);
    tracer.event(TraceEvent.FREE, m);
    Holders h = m.holders();
    if (h != null) {
      h.checkFree("page freed");
    }
    m.flags = 0;
    m.setZero(false);
    m.busyOwner = null;
    if (poison != 0) {
      memory.poison(m.frame(), poison);
    }
    freeList.give(m);
  }

  /** PAGE_WAKEUP: clears BUSY and wakes whoever wants the page. Caller holds O(m.object) and owns the page. */
  public void wakeup(VmPage m) {
    wakeup(m, null);
  }

  /** PAGE_WAKEUP in the name of a transfer that owns the page; null for the caller. Caller holds O(m.object). */
  public void wakeup(VmPage m, @Nullable Object owner) {
    Holders h = m.holders();
    if (h != null) {
      h.release(HoldKind.BUSY, owner == null ? KThread.current() : owner, 1, m.gen);
    }
    if (!m.isBusy()) {
      throw KernelPanic.of("PAGE_WAKEUP: page is not busy", m);
    }
    tracer.event(TraceEvent.UNBUSY, m);
    m.flags &= ~VmPage.BUSY;
    m.busyOwner = null;
    wakeIfWanted(m);
  }

  /** Wakes whoever wants the page, if anybody. Caller holds O(m.object). */
  public void wakeIfWanted(VmPage m) {
    if (m.isWanted()) {
      m.clearWanted();
      domain.sleepQueues().wakeup(m);
    }
  }

  /**
   * Checks that a page that the caller's fault has claimed is on no queue (INV2, I-15), where the ownership registry is
   * on. The caller owns the page, and has taken it off its queue or not yet put it on one.
   */
  public void checkClaim(VmPage m) {
    Holders h = m.holders();
    if (h != null) {
      h.checkUnqueued(m.queue != VmPage.QUEUE_NONE);
    }
  }

  /**
   * Takes one I/O off a soft-busy page and wakes sleepers when it was the last. Caller holds O(m.object).
   *
   * @param owner whose I/O it is
   */
  public void endIo(VmPage m, Object owner) {
    m.addBusyCount(-1, owner);
    if (m.busyCount == 0) {
      wakeIfWanted(m);
    }
  }

  /**
   * vm_page_cache: puts a clean, idle page on the cache queue, unmapping it first and testing afterwards (R24).
   *
   * @return false if the page is cached already, busy, wired, held, in a buffer, or turned out to be dirty: it stays
   *     where it is
   */
  @GuardedBy("queues.lock")
  public boolean cacheLocked(VmPage m) {
    if (m.isCached() || m.isBusyAnyway() || m.wireCount != 0 || m.holdCount != 0 || m.bmapped != 0) {
      return false;
    }
    mappings().protect(m, VmProt.NONE);
    if (m.dirty() != 0) {
      return false;
    }
    queues.cacheLocked(m);
    return true;
  }

  /** vm_page_zero_fill: zeros the frame. Caller owns the page busy. */
  public void zeroFill(VmPage m) {
    memory.zero(m.frame());
  }

  /**
   * vm_page_copy: copies a frame and makes the destination wholly valid. Caller owns both pages, or the source is
   * write-protected.
   */
  public void copy(VmPage src, VmPage dst) {
    memory.copy(src.frame(), dst.frame());
    dst.valid = VmPage.ALL_CHUNKS;
    dst.clearZero();
  }

  /** vm_page_test_dirty: if not all dirty and some mapping carries M, makes it all dirty. One-way. */
  public void testDirty(VmPage m) {
    if (m.dirty() != VmPage.ALL_CHUNKS && m.pvFlags != 0 && mappings().isModified(m)) {
      m.orDirty(VmPage.ALL_CHUNKS);
    }
  }

  /** Returns the chunks that the bytes [from, to) of a page touch. */
  public int chunks(int from, int to) {
    if (from >= to) {
      return 0;
    }
    int chunk = memory.pageSize() / 8;
    int first = from / chunk;
    int last = (to - 1) / chunk;
    return ((2 << last) - 1) & -(1 << first) & VmPage.ALL_CHUNKS;
  }
}
