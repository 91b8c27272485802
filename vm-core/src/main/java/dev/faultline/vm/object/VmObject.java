package dev.faultline.vm.object;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.page.PageOwner;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import org.jspecify.annotations.Nullable;

/**
 * A run of data addressed by byte offset: resident pages in front of a pager, possibly in front of another object.
 * Reference counted.
 *
 * <p>Accessors want O(this) held unless they say otherwise. Operations that make and unmake objects are in {@link
 * VmObjects}, {@link Collapse} and {@link ObjectPages}; the methods here with the original's names call them.
 */
public final class VmObject extends PageOwner {
  /*
   * Implementation overview
   *
   * What it is    One vm_object (vm-semantics 2.2, 3.3). Pages are in memq; what memq lacks is asked of the pager, what
   *               the pager lacks of
   *               the backing object at backingOffset.
   * Locks         O(this), rank 30, guards every field marked (O). Two objects: the shadow first, then its backing
   *               object; upward or
   *               unrelated only by tryLock. The links of a shadow list belong to O(backing).
   * Waiting       pip == 0: sleep on this object with PIPWNT set under O, re-test in a loop; woken in pipDown.
   * Lifecycle     allocate -> live -> (cached on the persistence list) -> dead -> terminated. Dead never goes back.
   * Invariants    I-9, I-10 pages and memq; I-20, I-22 ref_count and pip equal their holders; I-24, I-25 links; I-27,
   *               I-31 the dead.
   */
  private static final int CANPERSIST = 0x01;
  private static final int DEAD = 0x08;
  private static final int PIPWNT = 0x40;
  private static final int WRITEABLE = 0x80;

  /** The handle of the kernel's own objects: having one, they are no anonymous memory that a collapse might take. */
  static final Object KERNEL_MEMORY = "kernel memory";

  final VmObjects module; // (C)
  private final @Nullable Object handle; // (C)
  private final @Nullable ChainVnode chainVnode; // (C) collapse and bypass only cut anonymous levels out (F3)

  private volatile ObjectType type; // (O) written last, after pagerData (R11); read without O as a hint
  private @Nullable PagerData pagerData; // (O)
  private long size; // (O)
  int refCount; // (O) I-20
  private int flags; // (O)
  int pip; // (O) paging_in_progress, I-22
  private long pagingOffset; // (O)
  @Nullable VmObject backing; // (O)
  long backingOffset; // (O)
  private long lastRead = Long.MIN_VALUE; // (O)

  @Nullable VmObject shadowHead; // (O) my shadows
  @Nullable VmObject shadowNext; // O(backing) siblings
  @Nullable VmObject shadowPrev; // O(backing)
  @Nullable VmObject listNext; // OL
  @Nullable VmObject listPrev; // OL
  boolean listed; // OL
  @Nullable VmObject cachedNext; // OL
  @Nullable VmObject cachedPrev; // OL
  boolean cached; // OL

  VmObject(
      VmObjects module,
      int id,
      ObjectType type,
      long size,
      @Nullable Object handle,
      @Nullable PagerData pagerData,
      @Nullable ChainVnode chainVnode) {
    super(module.domain(), id);
    this.module = module;
    this.type = type;
    this.size = size;
    this.handle = handle;
    this.pagerData = pagerData;
    this.chainVnode = chainVnode;
    this.refCount = 1;
    if (type == ObjectType.VNODE) {
      flags = CANPERSIST;
    }
  }

  /** Returns the object that a page belongs to; the page has one. */
  public static VmObject of(VmPage m) {
    VmObject o = (VmObject) m.object();
    if (o == null) {
      throw KernelPanic.of("page without object", m);
    }
    return o;
  }

  /** Returns the pager type; without O a snapshot. */
  public ObjectType type() {
    return type;
  }

  public @Nullable PagerData pagerData() {
    return pagerData;
  }

  /** Publishes a pager: its data first, then the type (R11). */
  public void setPager(ObjectType newType, @Nullable PagerData data) {
    assert lock.isHeld();
    pagerData = data;
    type = newType;
  }

  /** Returns what the object stands for (a vnode, a key), or null for anonymous memory. Constant. */
  public @Nullable Object handle() {
    return handle;
  }

  /** Returns the vnode at the end of the backing chain, or null. Constant. */
  public @Nullable ChainVnode chainVnode() {
    return chainVnode;
  }

  public long size() {
    return size;
  }

  public void setSize(long bytes) {
    size = bytes;
  }

  public int refCount() {
    return refCount;
  }

  /** Returns paging_in_progress. */
  public int pip() {
    return pip;
  }

  @Override
  public boolean isSatisfied() {
    return pip == 0;
  }

  public boolean isDead() {
    return (flags & DEAD) != 0;
  }

  void setDead() {
    flags |= DEAD;
    module.tracer.event(TraceEvent.TERMINATE, this);
  }

  public boolean canPersist() {
    return (flags & CANPERSIST) != 0;
  }

  public void setCanPersist(boolean on) {
    flags = on ? flags | CANPERSIST : flags & ~CANPERSIST;
  }

  /** Returns OBJ_WRITEABLE: some page was entered with write permission since this was last cleared. */
  public boolean isWriteable() {
    return (flags & WRITEABLE) != 0;
  }

  public void setWriteable(boolean on) {
    assert lock.isHeld();
    flags = on ? flags | WRITEABLE : flags & ~WRITEABLE;
  }

  public long pagingOffset() {
    return pagingOffset;
  }

  public void setPagingOffset(long bytes) {
    pagingOffset = bytes;
  }

  /** Returns the next object of the chain, or null. */
  public @Nullable VmObject backing() {
    return backing;
  }

  /** Returns where offset 0 of this object lies in its backing object. */
  public long backingOffset() {
    return backingOffset;
  }

  /** Returns the first of the objects that this one backs, or null. */
  public @Nullable VmObject firstShadow() {
    return shadowHead;
  }

  /** Returns the next object with the same backing object. Guard O(backing). */
  public @Nullable VmObject nextShadow() {
    return shadowNext;
  }

  public long lastRead() {
    return lastRead;
  }

  public void setLastRead(long offset) {
    lastRead = offset;
  }

  /** Returns whether this is anonymous memory: DEFAULT or SWAP without a handle. */
  public boolean isAnonymous() {
    ObjectType t = type;
    return (t == ObjectType.DEFAULT || t == ObjectType.SWAP) && handle == null;
  }

  /** Returns whether this is kernel_object or kmem_object, which are never paged. Constant. */
  public boolean isKernel() {
    return handle == KERNEL_MEMORY;
  }

  /** Returns whether the pager holds data for the page at {@code offset}. Never sleeps. */
  public boolean pagerHasLocked(long offset) {
    ObjectType t = type;
    return t != ObjectType.DEFAULT && module.pager(t).hasPageLocked(this, offset + pagingOffset);
  }

  /** Returns whether the object is on the list of cached objects; for inspection. Guard OL. */
  public boolean isCached() {
    return cached;
  }

  /** vm_object_reference. Takes O. */
  public void reference() {
    lock.lock();
    try {
      referenceLocked();
    } finally {
      lock.unlock();
    }
  }

  /** Adds a reference; one to a cached object revives it. Caller holds O. */
  public void referenceLocked() {
    assert lock.isHeld();
    Holders h = holders();
    if (h != null) {
      h.touched();
    }
    if (isDead()) {
      throw KernelPanic.of("vm_object_reference: dead object", this);
    }
    if (refCount++ == 0) {
      module.uncache(this);
    }
    module.tracer.event(TraceEvent.REFERENCE, this, refCount);
  }

  /**
   * vm_object_deallocate: drops a reference. No mutex and no map lock held; may sleep long, may terminate the object or
   * start a collapse.
   */
  public void deallocate() {
    module.deallocate(this);
  }

  /**
   * Adds a reference that the calling thread will drop itself, with {@link #unpin}. Caller holds O.
   *
   * @param why for the ownership registry
   */
  public void pinLocked(HoldReason why) {
    referenceLocked();
    Holders h = holders();
    if (h != null) {
      h.acquire(HoldKind.REFERENCE, KThread.current(), why, 1, 0);
    }
  }

  /** Drops a reference that {@link #pinLocked} added; as {@link #deallocate}. */
  public void unpin() {
    forgetPin();
    deallocate();
  }

  /** Drops a reference that {@link #pinLocked} added, as {@link #tryDropReferenceLocked}. Caller holds O. */
  public boolean tryUnpinLocked() {
    if (!tryDropReferenceLocked()) {
      return false;
    }
    forgetPin();
    return true;
  }

  /** The calling thread's reference is from here on like any other. */
  void forgetPin() {
    Holders h = holders();
    if (h != null) {
      h.release(HoldKind.REFERENCE, KThread.current(), 1, 0);
    }
  }

  /** Raises paging_in_progress, the calling thread's, for no reason that is named. Caller holds O. */
  public void pipUp(int n) {
    pipUp(n, HoldReason.UNNAMED);
  }

  /** Raises paging_in_progress, the calling thread's. Caller holds O. */
  public void pipUp(int n, HoldReason why) {
    pipUp(n, why, null);
  }

  /** Raises paging_in_progress in the name of {@code holder}, no thread; null for the caller. Caller holds O. */
  public void pipUp(int n, HoldReason why, @Nullable Object holder) {
    assert lock.isHeld();
    assert pip >= 0;
    pip += n;
    module.tracer.event(TraceEvent.PIP_UP, this, pip);
    Holders h = holders();
    if (h != null) {
      h.acquire(HoldKind.PIP, holder == null ? KThread.current() : holder, why, n, 0);
      h.agrees(HoldKind.PIP, pip);
    }
  }

  /** Hands {@code n} of the calling thread's pip to a transfer, whose end gives them up. Caller holds O. */
  public void handPip(int n, Object transfer) {
    assert lock.isHeld();
    Holders h = holders();
    if (h != null) {
      h.hand(HoldKind.PIP, KThread.current(), HoldKind.PIP, transfer, n);
    }
  }

  /** vm_object_pip_wakeup, {@code n} times: gives up pip of the calling thread's. Caller holds O. */
  public void pipDown(int n) {
    pipDown(n, null);
  }

  /** vm_object_pip_wakeup, {@code n} times, in the name of a transfer that holds it; null for the caller. */
  public void pipDown(int n, @Nullable Object holder) {
    assert lock.isHeld();
    Holders h = holders();
    if (h != null) {
      h.release(HoldKind.PIP, holder == null ? KThread.current() : holder, n, 0);
    }
    if (pip < n) {
      throw KernelPanic.of("vm_object_pip_wakeup: pip below zero", this);
    }
    pip -= n;
    module.tracer.event(TraceEvent.PIP_DOWN, this, pip);
    if (h != null) {
      h.agrees(HoldKind.PIP, pip);
    }
    if (pip == 0 && (flags & PIPWNT) != 0) { // D6
      flags &= ~PIPWNT;
      module.domain().sleepQueues().wakeup(this);
    }
  }

  /** Returns whether somebody sleeps until pip is 0. */
  public boolean isPipWanted() {
    return (flags & PIPWNT) != 0;
  }

  /**
   * Drops a reference where that has no consequence: others remain, and there is no shadow to merge into. Caller holds
   * O.
   *
   * @return false if nothing was done and {@link #deallocate} must do it
   */
  public boolean tryDropReferenceLocked() {
    assert lock.isHeld();
    if (refCount > 2 || (refCount == 2 && (shadowHead == null || !isAnonymous()))) {
      refCount--;
      module.tracer.event(TraceEvent.DEREFERENCE, this, refCount);
      return true;
    }
    return false;
  }

  /**
   * Sleeps once until pip may have reached 0. Caller holds O; it is <em>not</em> held on return, and the caller tests
   * again.
   */
  void sleepOnPip(String tag) {
    flags |= PIPWNT;
    module.domain().sleepQueues().sleepOn(this, lock, tag);
  }

  /** vm_object_collapse. Caller holds O(this), which stays held; never sleeps. */
  public void collapse() {
    Collapse.collapse(this);
  }

  /**
   * Puts this object on its backing object's shadow list. Caller holds O(backing), and O(this) or this is unpublished.
   */
  void linkShadow(VmObject b) {
    shadowNext = b.shadowHead;
    shadowPrev = null;
    if (b.shadowHead != null) {
      b.shadowHead.shadowPrev = this;
    }
    b.shadowHead = this;
  }

  /** Takes this object off its backing object's shadow list. Caller holds O(this) and O(backing). */
  void unlinkShadow(VmObject b) {
    if (shadowPrev == null) {
      if (b.shadowHead != this) {
        throw KernelPanic.of("shadow list of " + b + " lacks", this);
      }
      b.shadowHead = shadowNext;
    } else {
      shadowPrev.shadowNext = shadowNext;
    }
    if (shadowNext != null) {
      shadowNext.shadowPrev = shadowPrev;
    }
    shadowNext = null;
    shadowPrev = null;
  }

  /** Shadow before backing object; an object that nobody else knows may be locked at any time (5.1). */
  @Override
  public boolean mayFollow(Object held) {
    for (VmObject o = (VmObject) held; o != null; o = o.backing) {
      if (o == this) {
        return true;
      }
    }
    return refCount <= 1 && shadowHead == null && residentPageCount() == 0;
  }

  @Override
  public String toString() { // racy, for reports
    VmObject b = backing;
    return "object(" + id() + " " + type + " size=0x" + Long.toHexString(size) + " ref=" + refCount + " pip=" + pip
        + " pages="
        + residentPageCount() + (isDead() ? " DEAD" : "") + (b == null ? "" : " backing=" + b.id() + "+0x"
        + Long.toHexString(backingOffset)) + ")";
  }
}
