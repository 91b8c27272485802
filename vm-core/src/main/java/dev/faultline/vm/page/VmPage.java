package dev.faultline.vm.page;

import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceKind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One resident page: a frame of physical memory and what it holds. One exists for each frame, for the life of the
 * machine; device pages are made as they are needed and are {@link #isFictitious fictitious}.
 */
public final class VmPage implements Channel {
  /*
   * Implementation overview
   *
   * What it is   One vm_page (vm-semantics 2.1). Fields are grouped by guard; the flags that share one word in 1995 are
   *              split so that no
   *              two guards share a word (R5).
   * (O)          O(page.object)                    (Q) page queue lock        (F) free list lock       (PV) PV(page)
   * (O|busy)     O(page.object), or being the thread or I/O that owns PG_BUSY
   * (OQ)         written under O(old), O(new) and, while the page is on a queue, Q; readable under O or, on a queue,
   *              under Q
   * dirty        is a word of its own because pmap code sets it under PV, without O, when it harvests M. Bits are only
   *              ever or-ed in
   *              that way; they are cleared under O|busy while no PTE of the page is writable.
   * Type-stable  A page structure is never freed. An old reference is recognised by gen or by a new lookup (5.3 rule
   *              5).
   */
  public static final int BUSY = 0x10;
  public static final int WANTED = 0x20;
  public static final int TABLED = 0x40;
  public static final int COPYONWRITE = 0x80;
  public static final int FICTITIOUS = 0x100;
  public static final int ZERO = 0x800;

  public static final int PV_WRITEABLE = 0x200;
  public static final int PV_MAPPED = 0x400;

  /** All eight chunks of a page. */
  public static final int ALL_CHUNKS = 0xff;

  public static final int QUEUE_NONE = 0;
  public static final int QUEUE_FREE = 1;
  public static final int QUEUE_ZERO = 2;
  public static final int QUEUE_CACHE = 3;
  public static final int QUEUE_INACTIVE = 4;
  public static final int QUEUE_ACTIVE = 5;

  private static final VarHandle REFERENCED;
  private static final VarHandle DIRTY;

  static {
    try {
      MethodHandles.Lookup l = MethodHandles.lookup();
      REFERENCED = l.findVarHandle(VmPage.class, "referenced", boolean.class);
      DIRTY = l.findVarHandle(VmPage.class, "dirty", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int frame; // (C) frame number
  private final @Nullable Holders holders; // (C) null where the ownership registry is off, and of device pages

  int queue; // (Q), free and zero: (F)
  @Nullable VmPage pageqNext; // as queue
  @Nullable VmPage pageqPrev; // as queue
  @Nullable VmPage hashNext; // H(bucket)
  @Nullable VmPage listqNext; // (O)
  @Nullable VmPage listqPrev; // (O)
  @Nullable PageOwner object; // (OQ)
  long offset; // (OQ) byte offset in object
  int flags; // (O)
  private boolean zero; // (O|busy) PG_ZERO; its owner clears it without O, so it must not share the word of WANTED (R5)
  int wireCount; // (Q)
  int holdCount; // (Q)
  int actCount; // (Q)
  int busyCount; // (O) soft busy: I/Os in flight
  int bmapped; // (O) buffers that contain the page
  int valid; // (O|busy) bit a chunk
  private volatile int dirty; // (O|busy), or-ed under (PV)
  @SuppressWarnings("UnusedVariable") // through REFERENCED
  private boolean referenced; // (A)
  long gen; // (F)
  @Nullable Object busyOwner; // (O) the thread or I/O that set BUSY, I-12

  /** PV_WRITEABLE and PV_MAPPED. (PV) */
  public volatile int pvFlags; // written under PV(page); read without it only as a hint

  /** The pmap module's list of the page's mappings. (PV) */
  public @Nullable Object pvList;

  VmPage(int frame) {
    this(frame, null);
  }

  private VmPage(int frame, @Nullable SyncDomain domain) {
    this.frame = frame;
    this.holders = domain == null ? null : domain.holdersOf(this);
  }

  /** Returns a page for a managed frame. */
  static VmPage managed(int frame, SyncDomain domain) {
    return new VmPage(frame, domain);
  }

  /**
   * Returns a page that stands for device memory: busy, wired once, wholly valid, on no queue, without a managed frame.
   */
  public static VmPage fictitious(int frame, Object owner) {
    VmPage m = new VmPage(frame);
    m.flags = FICTITIOUS | BUSY;
    m.busyOwner = owner;
    m.wireCount = 1;
    m.valid = ALL_CHUNKS;
    return m;
  }

  @Override
  public int channelNumber() {
    return frame;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.PAGE;
  }

  @Override
  public long traceId() {
    return frame;
  }

  /** Returns who holds the page; null where the ownership registry is off. */
  public @Nullable Holders holders() {
    return holders;
  }

  @Override
  public boolean isSatisfied() {
    return !isBusyAnyway();
  }

  @Override
  public void forEachHolder(Consumer<Object> visitor) {
    Holders h = holders;
    if (h == null) {
      Channel.super.forEachHolder(visitor);
      return;
    }
    h.forEachHolder(HoldKind.BUSY, visitor);
    h.forEachHolder(HoldKind.IO, visitor);
  }

  @Override
  public WaitClass waitClass() {
    return WaitClass.BUSY;
  }

  @Override
  public @Nullable Object waitScope() {
    return object;
  }

  public int frame() {
    return frame;
  }

  /** Returns the object that the page belongs to, or null. Guard (OQ). */
  public @Nullable PageOwner object() {
    return object;
  }

  /** Returns the byte offset of the page in its object. Guard (OQ). */
  public long offset() {
    return offset;
  }

  public int queue() {
    return queue;
  }

  public boolean isBusy() {
    return (flags & BUSY) != 0;
  }

  /** Returns whether the page is busy either way: owned by one thread or I/O, or in buffer I/O. Guard (O). */
  public boolean isBusyAnyway() {
    return (flags & BUSY) != 0 || busyCount != 0;
  }

  /** Claims the page for {@code owner}, for no reason that is named. Guard (O). */
  public void setBusy(Object owner) {
    setBusy(owner, HoldReason.UNNAMED);
  }

  /** Claims the page for {@code owner}, a thread that is the calling one, or a transfer. Guard (O). */
  public void setBusy(Object owner, HoldReason why) {
    Holders h = holders;
    if (h != null) {
      h.acquire(HoldKind.BUSY, owner, why, 1, gen);
    }
    assert (flags & BUSY) == 0;
    flags |= BUSY;
    busyOwner = owner;
  }

  /** Hands a busy page to another owner (a pageout that will complete elsewhere). Guard (O). */
  public void handBusy(Object owner) {
    assert (flags & BUSY) != 0;
    Holders h = holders;
    if (h != null) {
      h.hand(HoldKind.BUSY, KThread.current(), HoldKind.BUSY, owner, 1);
    }
    busyOwner = owner;
  }

  /**
   * Turns the caller's PG_BUSY into one I/O in flight; whoever wants the page goes on waiting. Guard (O).
   *
   * @param owner who is to end it: the caller, or the transfer whose completion does
   */
  public void busyToIo(Object owner) {
    assert (flags & BUSY) != 0;
    Holders h = holders;
    if (h != null) {
      h.hand(HoldKind.BUSY, KThread.current(), HoldKind.IO, owner, 1);
    }
    flags &= ~BUSY;
    busyOwner = null;
    busyCount++;
  }

  /**
   * Turns the only I/O in flight, {@code io}'s, into PG_BUSY by {@code owner}, which waits for that, or is about to,
   * and then says so with {@link #adoptBusy}. Guard (O).
   */
  public void ioToBusy(Object io, KThread owner) {
    assert busyCount == 1;
    assert (flags & BUSY) == 0;
    busyCount--;
    Holders h = holders;
    if (h != null) {
      h.handOver(HoldKind.IO, io, HoldKind.BUSY, owner);
    }
    flags |= BUSY;
    busyOwner = owner;
  }

  /** Lists the caller's claim, which a completion has made in its name. The page is its own: no lock is needed. */
  public void adoptBusy() {
    Holders h = holders;
    if (h != null) {
      h.adopt(HoldKind.BUSY);
    }
  }

  public @Nullable Object busyOwner() {
    return busyOwner;
  }

  @Override
  public @Nullable Object holder() {
    return busyOwner;
  }

  /** Returns whether {@code owner} holds the page busy. Guard (O). */
  public boolean isBusyBy(Object owner) {
    return (flags & BUSY) != 0 && busyOwner == owner;
  }

  public boolean isWanted() {
    return (flags & WANTED) != 0;
  }

  public void setWanted() {
    flags |= WANTED;
  }

  public void clearWanted() {
    flags &= ~WANTED;
  }

  public boolean isTabled() {
    return (flags & TABLED) != 0;
  }

  public boolean isFictitious() {
    return (flags & FICTITIOUS) != 0;
  }

  public boolean isZero() {
    return zero;
  }

  /** Declares that the frame may no longer be all zeros. Guard (O|busy). */
  public void clearZero() {
    zero = false;
  }

  void setZero(boolean allZeros) {
    zero = allZeros;
  }

  public boolean isCopyOnWrite() {
    return (flags & COPYONWRITE) != 0;
  }

  public void setCopyOnWrite(boolean on) {
    flags = on ? flags | COPYONWRITE : flags & ~COPYONWRITE;
  }

  public boolean isActive() {
    return queue == QUEUE_ACTIVE;
  }

  public boolean isInactive() {
    return queue == QUEUE_INACTIVE;
  }

  public boolean isCached() {
    return queue == QUEUE_CACHE;
  }

  /** Returns the software reference bit. */
  public boolean isReferenced() {
    return (boolean) REFERENCED.getOpaque(this);
  }

  /** Sets or clears the software reference bit. Opaque: it is a hint that no other word depends on. */
  public void setReferenced(boolean on) {
    REFERENCED.setOpaque(this, on);
  }

  public int valid() {
    return valid;
  }

  public void setValid(int chunks) {
    valid = chunks;
  }

  /** Returns whether every chunk is valid. */
  public boolean isWhollyValid() {
    return valid == ALL_CHUNKS;
  }

  public int dirty() {
    return dirty;
  }

  /** Adds dirty chunks; atomic, as harvests of M come from under PV. */
  public void orDirty(int chunks) {
    DIRTY.getAndBitwiseOr(this, chunks);
  }

  /** Clears dirty chunks. Guard (O|busy), while no PTE of the page is writable. */
  public void clearDirty(int chunks) {
    DIRTY.getAndBitwiseAnd(this, ~chunks);
  }

  public int wireCount() {
    return wireCount;
  }

  public int holdCount() {
    return holdCount;
  }

  public int actCount() {
    return actCount;
  }

  public void setActCount(int n) {
    actCount = n;
  }

  public int busyCount() {
    return busyCount;
  }

  /**
   * Adds {@code n}, possibly negative, to the count of I/Os in flight. Guard (O).
   *
   * @param owner whose they are: the calling thread, or a transfer
   */
  public void addBusyCount(int n, Object owner) {
    Holders h = holders;
    if (h != null && n > 0) {
      h.acquire(HoldKind.IO, owner, HoldReason.UNNAMED, n, gen);
    } else if (h != null) {
      h.release(HoldKind.IO, owner, -n, gen);
    }
    busyCount += n;
    assert busyCount >= 0;
  }

  public int bmapped() {
    return bmapped;
  }

  public void addBmapped(int n) {
    bmapped += n;
    assert bmapped >= 0;
  }

  public long gen() {
    return gen;
  }

  /** Returns the next resident page of the same object. Guard (O). */
  public @Nullable VmPage nextInObject() {
    return listqNext;
  }

  /** Returns the resident page before this one of the same object; for inspection. Guard (O). */
  public @Nullable VmPage previousInObject() {
    return listqPrev;
  }

  /** Returns the page behind this one on its queue; for inspection. Guard: the queue's. */
  public @Nullable VmPage nextOnQueue() {
    return pageqNext;
  }

  /** Returns the page before this one on its queue; for inspection. Guard: the queue's. */
  public @Nullable VmPage previousOnQueue() {
    return pageqPrev;
  }

  @Override
  public String toString() { // racy, for reports
    PageOwner o = object;
    return "page(frame=" + frame + (o == null ? " free" : " object=" + o.id() + " offset=0x"
        + Long.toHexString(offset)) + " "
        + PageFlag.of(zero ? flags | ZERO : flags) + " queue=" + queue + " valid=" + Integer.toHexString(valid)
        + " dirty=" + Integer.toHexString(dirty)
        + " wire=" + wireCount + " busy=" + busyCount + " pv=" + Integer.toHexString(pvFlags) + " owner=" + busyOwner
            + ")";
  }
}
