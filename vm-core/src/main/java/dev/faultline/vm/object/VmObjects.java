package dev.faultline.vm.object;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.Tracer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The object module: makes objects, drops references to them, ends them, keeps the lists of all and of cached objects.
 *
 * @see "vm-semantics 3.3, 5.7; vm_object.c: allocate, shadow, deallocate, terminate, cache_trim"
 */
public final class VmObjects {
  /*
   * Implementation overview
   *
   * deallocate   A loop: ending an object drops its reference to the backing object, and a collapse tried from below
   *              drops the pin on the
   *              shadow. Each round is release(o), which returns the next object that loses a reference.
   * Let go       Every wait for pip drops all object locks. What survives: the pin (a reference) on the shadow r.
   *              Everything else, r's
   *              backing link first of all, is read again (R18).
   * Loss         What of a file cannot be written when its object ends is gone, after a few tries: its pager is told,
   *              under V, so that who asks for the file's data next is told (msync).
   * OL           rank 45, inside O. Who picks from a list reads the head under OL, drops it, takes O and looks again.
   */
  private static final int LAST_TRIES = 3; // to write what a file's object still has when it ends

  private final SyncDomain domain; // (C)
  final Tracer tracer; // (C)
  private final ResidentPages pages; // (C)
  private final int pageSize; // (C)
  private final int cacheMax; // (C) vm_object_cache_max
  final boolean hBypassLe; // (C)
  final boolean hQcoll; // (C)
  private final Map<ObjectType, Pager> pagers = new EnumMap<>(ObjectType.class); // (C) once booted
  private @Nullable SwapTransfer swapTransfer; // (C) once booted
  private @Nullable Cleaner cleaner; // (C) once booted
  private final ObjectPages objectPages; // (C)

  private final KMutex listLock; // OL, LockRank.OBJECT_LIST

  @GuardedBy("listLock")
  private @Nullable VmObject listHead;

  @GuardedBy("listLock")
  private int nextId;

  @GuardedBy("listLock")
  private int objectCount;

  @GuardedBy("listLock")
  private @Nullable VmObject cachedHead;

  @GuardedBy("listLock")
  private @Nullable VmObject cachedTail;

  @GuardedBy("listLock")
  private int cachedCount;

  public VmObjects(SyncDomain domain, ResidentPages pages, int cacheMax, Set<Defect> defects) {
    this.domain = domain;
    this.tracer = domain.tracer();
    this.pages = pages;
    this.pageSize = pages.memory().pageSize();
    this.cacheMax = cacheMax;
    this.hBypassLe = defects.contains(Defect.H_BYPASS_LE);
    this.hQcoll = defects.contains(Defect.H_QCOLL);
    this.listLock = new KMutex(domain, LockRank.OBJECT_LIST, "object list");
    this.objectPages = new ObjectPages(this);
  }

  /** Installs a pager; at boot. */
  public void setPager(ObjectType type, Pager pager) {
    pagers.put(type, pager);
  }

  public void setSwapTransfer(SwapTransfer transfer) {
    swapTransfer = transfer;
  }

  public void setCleaner(Cleaner c) {
    cleaner = c;
  }

  /** Returns the pager of a type. */
  public Pager pager(ObjectType type) {
    Pager p = pagers.get(type);
    if (p == null) {
      throw KernelPanic.of("no pager for objects of type " + type);
    }
    return p;
  }

  SwapTransfer swapTransfer() {
    SwapTransfer s = swapTransfer;
    if (s == null) {
      throw KernelPanic.of("no swap pager");
    }
    return s;
  }

  Cleaner cleaner() {
    Cleaner c = cleaner;
    if (c == null) {
      throw KernelPanic.of("no pageout");
    }
    return c;
  }

  public SyncDomain domain() {
    return domain;
  }

  public ResidentPages pages() {
    return pages;
  }

  public int pageSize() {
    return pageSize;
  }

  /** Returns the operations on ranges of an object's pages. */
  public ObjectPages ranges() {
    return objectPages;
  }

  /** Returns the number of live objects. */
  public int objectCount() {
    listLock.lock();
    try {
      return objectCount;
    } finally {
      listLock.unlock();
    }
  }

  /** vm_object_allocate: a new object with one reference, the caller's. */
  public VmObject allocate(ObjectType type, long size) {
    return type == ObjectType.SWAP ? pager(type).allocate(size) : allocate(type, size, null, null, null);
  }

  /** vm_object_allocate with a pager: for pagers and mmap. */
  public VmObject allocate(
      ObjectType type, long size, @Nullable Object handle, @Nullable PagerData data, @Nullable ChainVnode chainVnode) {
    listLock.lock();
    try {
      return list(new VmObject(this, nextId++, type, size, handle, data, chainVnode));
    } finally {
      listLock.unlock();
    }
  }

  /**
   * Makes an object of the kernel's own memory, with a reference that nobody ever drops: its pages are never paged out,
   * it is never collapsed. At boot, as it takes no lock.
   *
   * @see "vm-semantics 3.10; vm_object.c: vm_object_init"
   */
  @SuppressWarnings("GuardedBy") // nobody else knows the kernel yet
  public VmObject bootKernelObject(long size) {
    return list(new VmObject(this, nextId++, ObjectType.DEFAULT, size, VmObject.KERNEL_MEMORY, null, null));
  }

  @GuardedBy("listLock")
  private VmObject list(VmObject o) {
    o.listNext = listHead;
    if (listHead != null) {
      listHead.listPrev = o;
    }
    listHead = o;
    o.listed = true;
    objectCount++;
    tracer.event(TraceEvent.OBJECT, o, o.size());
    return o;
  }

  /**
   * vm_object_shadow: a new DEFAULT object of {@code length} bytes over {@code o} at {@code offset}. The caller's
   * reference to {@code o} moves into the backing link. The map entry that will hold the result is write-locked.
   */
  public VmObject shadow(VmObject o, long offset, long length) {
    VmObject s = allocate(ObjectType.DEFAULT, length, null, null, o.chainVnode());
    o.lock.lock();
    try {
      s.backing = o;
      s.backingOffset = offset;
      s.linkShadow(o);
      tracer.event(TraceEvent.SHADOW, s, o, offset);
    } finally {
      o.lock.unlock();
    }
    return s;
  }

  void deallocate(VmObject object) {
    VmObject o = object;
    while (o != null) {
      o = release(o);
    }
  }

  /** Drops one reference to {@code o}; returns the object that loses one in consequence. */
  private @Nullable VmObject release(VmObject o) {
    while (true) {
      o.lock.lock();
      Holders h = o.holders();
      if (h != null) {
        h.touched();
      }
      if (o.refCount <= 0) {
        throw KernelPanic.of("vm_object_deallocate: no reference", o);
      }
      if (o.refCount == 1 && o.canPersist() && o.residentPageCount() > 0) {
        if (persist(o)) {
          trimCache();
          return null;
        }
        continue;
      }
      o.refCount--;
      tracer.event(TraceEvent.DEREFERENCE, o, o.refCount);
      if (o.refCount == 0) {
        o.setCanPersist(false);
        return terminate(o);
      }
      VmObject r = o.refCount == 1 && o.isAnonymous() && !o.isDead() ? o.shadowHead : null;
      if (r == null || !r.isAnonymous()) {
        o.lock.unlock();
        return null;
      }
      if (!r.lock.tryLock()) { // upward: try only (R18)
        o.refCount++;
        o.lock.unlock();
        pause();
        continue;
      }
      r.pinLocked(HoldReason.COLLAPSE_PIN); // from here on r stays, whatever is let go
      return collapseFromBelow(o, r);
    }
  }

  /** Offers the processor to whoever holds the lock that a try missed. No mutex held. */
  private void pause() {
    KThread t = KThread.current();
    t.strand().point(StepKind.YIELD, null);
    domain.token().leave();
    t.strand().pause(120);
    domain.token().enter();
  }

  /**
   * The reference left on {@code o} is presumably its shadow r's: waits until both are quiet, then collapses r over o.
   * Enters with both locked and r pinned; leaves with neither locked.
   *
   * @return r, whose pin is to be dropped
   */
  private VmObject collapseFromBelow(VmObject o, VmObject r) {
    while (true) {
      if (r.pip != 0) {
        o.lock.unlock();
        r.sleepOnPip("objde1");
      } else if (o.pip != 0) {
        r.lock.unlock();
        o.sleepOnPip("objde2");
      } else {
        break;
      }
      r.lock.lock(); // o may be gone: it is only compared until r is seen to be still backed by it
      if (r.backing != o) {
        r.forgetPin(); // dropped next
        r.lock.unlock();
        return r;
      }
      o.lock.lock();
    }
    o.lock.unlock();
    r.collapse();
    r.forgetPin(); // dropped next
    r.lock.unlock();
    return r;
  }

  /**
   * Gives up the last reference to a vnode object with pages, which stays cached. Enters with O(o) held, leaves
   * without.
   *
   * @return false if others got in between: the caller starts over
   */
  private boolean persist(VmObject o) {
    boolean clean = true;
    if (o.isWriteable()) {
      o.lock.unlock(); // our reference keeps o; that it is the last is asked again
      ChainVnode v = o.chainVnode();
      if (v != null) {
        v.lock();
      }
      clean = objectPages.clean(o, 0, 0, true);
      if (v != null) {
        v.unlock();
      }
      o.lock.lock();
    }
    if (o.refCount != 1 || (clean && o.isWriteable()) || o.residentPageCount() == 0) {
      o.lock.unlock();
      return false;
    }
    o.refCount = 0;
    listLock.lock();
    try {
      o.cached = true;
      o.cachedPrev = cachedTail;
      o.cachedNext = null;
      if (cachedTail == null) {
        cachedHead = o;
      } else {
        cachedTail.cachedNext = o;
      }
      cachedTail = o;
      cachedCount++;
    } finally {
      listLock.unlock();
    }
    o.lock.unlock();
    return true;
  }

  /** Takes a revived object off the cached list. Caller holds O(o). */
  void uncache(VmObject o) {
    listLock.lock();
    try {
      if (!o.cached) {
        throw KernelPanic.of("vm_object_reference: object without references is not cached", o);
      }
      unlinkCached(o);
    } finally {
      listLock.unlock();
    }
  }

  @GuardedBy("listLock")
  private void unlinkCached(VmObject o) {
    if (o.cachedPrev == null) {
      cachedHead = o.cachedNext;
    } else {
      o.cachedPrev.cachedNext = o.cachedNext;
    }
    if (o.cachedNext == null) {
      cachedTail = o.cachedPrev;
    } else {
      o.cachedNext.cachedPrev = o.cachedPrev;
    }
    o.cachedNext = null;
    o.cachedPrev = null;
    o.cached = false;
    cachedCount--;
  }

  /**
   * vm_object_cache_trim: ends the oldest cached objects while there are more than the limit. No mutex held; may sleep.
   */
  public void trimCache() {
    trimCache(cacheMax);
  }

  /** Ends the oldest cached objects while there are more than {@code limit}. */
  public void trimCache(int limit) {
    while (true) {
      VmObject o;
      listLock.lock();
      try {
        o = cachedCount > limit ? cachedHead : null;
      } finally {
        listLock.unlock();
      }
      if (o == null) {
        return;
      }
      endCached(o, false);
    }
  }

  /** Ends the cached objects that have no page left: vm_daemon's last step. No mutex held; may sleep. */
  public void dropEmptyCached() {
    while (true) {
      VmObject empty = null;
      listLock.lock();
      try {
        for (VmObject o = cachedHead; o != null && empty == null; o = o.cachedNext) {
          empty = o.residentPageCount() == 0 ? o : null; // a glance: O ranks below OL
        }
      } finally {
        listLock.unlock();
      }
      if (empty == null || !endCached(empty, true)) {
        return; // one that has changed meanwhile is for the next time
      }
    }
  }

  /** Ends an object that was seen on the cached list. Returns whether it did: it may have been revived, or ended. */
  private boolean endCached(VmObject o, boolean onlyIfEmpty) {
    o.lock.lock();
    boolean ours = false;
    listLock.lock();
    try {
      if (o.cached && !(onlyIfEmpty && o.residentPageCount() > 0)) {
        assert o.refCount == 0; // under O cached says that nobody has a reference
        assert !o.isDead(); // and that it lives
        unlinkCached(o);
        ours = true;
      }
    } finally {
      listLock.unlock();
    }
    if (ours) {
      o.refCount = 1;
      o.setCanPersist(false);
    }
    o.lock.unlock();
    if (ours) {
      deallocate(o);
    }
    return ours;
  }

  /**
   * vm_object_terminate and the marking before it. Enters with O(o) held and ref 0, leaves without.
   *
   * @return the former backing object, whose reference was o's
   */
  private @Nullable VmObject terminate(VmObject o) {
    o.setDead();
    VmObject b = o.backing;
    if (b != null) { // the link and its reference stay: faulters with pip on o may still descend through it
      b.lock.lock();
      o.unlinkShadow(b);
      b.lock.unlock();
    }
    ChainVnode v = o.type() == ObjectType.VNODE ? o.chainVnode() : null;
    if (v != null) {
      KThread.current().provides(WaitClass.DEAD_OBJECT, true);
    }
    while (true) {
      while (o.pip != 0) {
        o.sleepOnPip("objtrm");
        o.lock.lock();
      }
      if (v == null) {
        break;
      }
      o.lock.unlock(); // dead, ref 0: only pip can change, and it is asked again under V
      v.lock();
      for (int tries = 0; tries < LAST_TRIES && !objectPages.clean(o, 0, 0, true); tries++) {
        // the disk may have failed for once
      }
      pager(ObjectType.VNODE).flushBuffers(o);
      o.lock.lock();
      if (o.pip == 0) {
        break;
      }
      o.lock.unlock();
      v.unlock();
      o.lock.lock();
    }
    List<Long> lost = freePages(o);
    if (o.type() != ObjectType.DEFAULT) {
      pager(o.type()).dealloc(o);
    }
    b = o.backing; // a collapse of o is impossible now, but read it again rather than argue
    o.backing = null;
    ended(o);
    o.lock.unlock();
    if (!lost.isEmpty()) {
      pager(o.type()).lost(o, lost); // before anybody can read the file again
    }
    if (v != null || o.type() == ObjectType.DEVICE) {
      pager(o.type()).detached(o);
    }
    if (v != null) {
      v.unlock();
      KThread.current().provides(WaitClass.DEAD_OBJECT, false);
    }
    unlist(o);
    return b;
  }

  /** From here on nobody touches the object (I-31). Caller holds O. */
  static void ended(VmObject o) {
    Holders h = o.holders();
    if (h != null) {
      h.end();
    }
  }

  /** Frees the pages of a dead object. Returns the offsets of those that were to be written to its file still. */
  private List<Long> freePages(VmObject o) {
    KThread t = KThread.current();
    List<Long> lost = List.of();
    VmPage m = o.firstPage();
    while (m != null) {
      VmPage next = m.nextInObject();
      if (m.isBusyAnyway()) {
        throw KernelPanic.of("vm_object_terminate: busy page", m, o);
      }
      if (m.pvFlags != 0) {
        pages.mappings().protect(m, VmProt.NONE);
      }
      if (o.type() == ObjectType.VNODE && (m.dirty() & m.valid()) != 0) {
        lost = lost.isEmpty() ? new ArrayList<>() : lost;
        lost.add(m.offset());
      }
      pages.free(m);
      t.count(Event.PFREE);
      m = next;
    }
    return lost;
  }

  /** Takes a dead object off the list of all objects. */
  void unlist(VmObject o) {
    listLock.lock();
    try {
      if (!o.listed) {
        throw KernelPanic.of("object ended twice", o);
      }
      o.listed = false;
      if (o.listPrev == null) {
        listHead = o.listNext;
      } else {
        o.listPrev.listNext = o.listNext;
      }
      if (o.listNext != null) {
        o.listNext.listPrev = o.listPrev;
      }
      o.listNext = null;
      o.listPrev = null;
      objectCount--;
    } finally {
      listLock.unlock();
    }
  }

  /** Calls {@code visitor} for every object under OL; the visitor may take no lock that ranks below OL. */
  public void forEach(Consumer<VmObject> visitor) {
    listLock.lock();
    try {
      for (VmObject o = listHead; o != null; o = o.listNext) {
        visitor.accept(o);
      }
    } finally {
      listLock.unlock();
    }
  }

  /** Returns the number of cached objects. */
  public int cachedCount() {
    listLock.lock();
    try {
      return cachedCount;
    } finally {
      listLock.unlock();
    }
  }
}
