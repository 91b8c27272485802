package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.MapLock;
import dev.faultline.vm.sync.SubOrdered;
import dev.faultline.vm.trace.TraceKind;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The addresses of one address space, or those that several share (a share map, which has no pmap).
 *
 * <p>Ranges are [start, end) in bytes, page aligned. Unless a method says that the caller holds the lock it takes it,
 * and may sleep.
 *
 * @see "vm-semantics 2.3, 3.4; vm_map.c"
 */
public final class VmMap implements Channel, SubOrdered {
  /*
   * Implementation overview
   *
   * Where         Here are the lock and the references; lookup is in MapLookup, the list and its index in EntryList,
   *               making mappings in MapInsert, clipping in MapClip, protection in MapProtect, unmapping in MapDelete,
   *               wiring in MapWiring, what fork copies in MapCopy, msync's writing in MapClean, the walk over objects
   *               in MapPieces, address spaces in Vmspace.
   * M             Guards the entries: read to walk, write to change; needs_copy and a missing object are resolved under
   *               an upgraded read hold. Main map before its share map; a parent is released before its submap is
   *               taken; a map that nobody else can see yet needs no lock.
   * Unlocking     Every path goes through unlock(): after the thread's last map lock it drops the references that were
   *               given up meanwhile (R29). No deallocation of an object or a map happens under M.
   * Order         delete takes the translations away first, then unlinks, then gives references up: a frame that is
   *               freed has no PTE, and what was modified is credited to the right page.
   * ref_count     Under a leaf lock of its own. Main map: 1 and temporary ones. Share map: the entries that refer to
   *               it.
   * Invariants    I-53, I-54, I-55.
   * Departures    A refused call has not even clipped; the original clips before it checks. first_free is kept exact
   *               (the original's header counts as ending at the top of the map, and a fit below is missed).
   */
  final VmMaps maps; // (C)
  private final int id; // (C)
  private final @Nullable Pmap pmap; // (C) null for share maps
  private final long min; // (C)
  private final long max; // (C)
  private final boolean isMain; // (C)
  final MapLock lock; // M
  final EntryList entries; // (M)
  private long timestamp; // (M) bumped by every write lock
  boolean building; // (T) a fork makes it; nobody else can see it, so it is not locked
  private final KMutex refLock; // LockRank.LEAF
  private int refCount = 1; // guarded by refLock
  private boolean refWanted; // guarded by refLock

  /**
   * Creates an empty map with one reference.
   *
   * @param pmap the translations; null for a share map
   * @param isMain whether it is an address space's own (or a submap); false for a share map
   */
  public VmMap(VmMaps maps, @Nullable Pmap pmap, long min, long max, boolean isMain) {
    this.maps = maps;
    this.id = maps.newId();
    this.pmap = pmap;
    this.min = min;
    this.max = max;
    this.isMain = isMain;
    this.lock = new MapLock(maps.domain(), this, id);
    this.entries = new EntryList(min, max);
    this.refLock = new KMutex(maps.domain(), LockRank.LEAF, new RefCount(id));
  }

  /** The subject of the lock of a reference count, which walks of the process table take inside its lock (5.1). */
  private record RefCount(int map) implements SubOrdered {
    @Override
    public boolean mayFollow(Object held) {
      return !(held instanceof RefCount);
    }
  }

  public int id() {
    return id;
  }

  @Override
  public int channelNumber() {
    return id;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.MAP;
  }

  public @Nullable Pmap pmap() {
    return pmap;
  }

  Pmap itsPmap() {
    if (pmap == null) {
      throw KernelPanic.of("vm_map: share map has no pmap", this);
    }
    return pmap;
  }

  public long min() {
    return min;
  }

  public long max() {
    return max;
  }

  public boolean isMain() {
    return isMain;
  }

  /**
   * A share map after the main map, several of either kind by ascending id, the kernel's after all of them; a map that
   * nobody else can see at any time.
   */
  @Override
  public boolean mayFollow(Object held) {
    VmMap h = (VmMap) held;
    if (building || h.building) {
      return true;
    }
    boolean kernel = isKernel();
    if (kernel != h.isKernel()) {
      return kernel;
    }
    return isMain == h.isMain ? id > h.id : h.isMain;
  }

  private boolean isKernel() {
    return pmap != null && pmap == maps.pmaps().kernelPmap();
  }

  // ------------------------------------------------------------------------------------------------------- locking

  /** Takes M for reading; sleeps. */
  public void lockRead() {
    lock.lockRead();
  }

  /** Takes M for reading if that needs no sleep. */
  public boolean tryLockRead() {
    return lock.tryLockRead();
  }

  boolean lockRead(boolean tryOnly) {
    if (tryOnly) {
      return lock.tryLockRead();
    }
    lock.lockRead();
    return true;
  }

  /** Takes M for writing; sleeps. */
  public void lockWrite() {
    lock.lockWrite();
    timestamp++;
  }

  /** Takes M for writing if that needs no sleep. */
  public boolean tryLockWrite() {
    boolean ok = lock.tryLockWrite();
    if (ok) {
      timestamp++;
    }
    return ok;
  }

  /**
   * Gives back one hold of M. After the thread's last map lock, drops what it gave up under it (R29); may sleep then.
   */
  public void unlock() {
    lock.unlock();
    DeferredReleases.runIfUnlocked(KThread.current());
  }

  /** Turns the caller's read hold into a write hold. False: it failed, and the caller does not hold M any more. */
  boolean upgrade() {
    MapObserver o = maps.observer();
    if (o != null) {
      o.upgrading(this);
    }
    if (lock.upgrade()) {
      DeferredReleases.runIfUnlocked(KThread.current());
      return false;
    }
    return true;
  }

  /** Turns the caller's write hold into a read hold. */
  void downgrade() {
    lock.downgrade();
  }

  /** Returns whether nobody holds or wants M; a snapshot. */
  public boolean isIdle() {
    return lock.isIdle();
  }

  /** Returns the number of write locks so far. Caller holds M. */
  public long timestamp() {
    return timestamp;
  }

  boolean isWritable() {
    return building || lock.isWriteHeld();
  }

  // ---------------------------------------------------------------------------------------------------- references

  /** vm_map_reference. */
  public void reference() {
    refLock.lock();
    try {
      refCount++;
    } finally {
      refLock.unlock();
    }
  }

  /**
   * vm_map_deallocate: drops a reference; the last one of a share map ends it. No mutex and no map lock held; may
   * sleep.
   */
  public void deallocate() {
    boolean last;
    refLock.lock();
    try {
      if (--refCount < 0) {
        throw KernelPanic.of("vm_map_deallocate: no reference", this);
      }
      last = refCount == 0;
      if (refWanted) {
        refWanted = false;
        maps.domain().sleepQueues().wakeup(this);
      }
    } finally {
      refLock.unlock();
    }
    if (last) {
      remove(min, max);
    }
  }

  /** Sleeps until the caller's reference is the only one (vmspace_free's wait, interlocked: R41). */
  void awaitSoleReference() {
    refLock.lock();
    while (refCount != 1) {
      refWanted = true;
      maps.domain().sleepQueues().sleepOn(this, refLock, "vmsfre");
      refLock.lock();
    }
    refLock.unlock();
  }

  /** Returns ref_count; exact only when nobody else changes it. */
  public int refCountHint() {
    refLock.lock();
    try {
      return refCount;
    } finally {
      refLock.unlock();
    }
  }

  // -------------------------------------------------------------------------------------------------------- lookup

  /**
   * vm_map_lookup: finds what is behind an address, making the shadow or object that the access needs.
   *
   * @param r where the answer goes
   * @param type the access, {@link VmProt} bits
   * @return SUCCESS with M read of {@code r.map()} and of its share map held until {@link #lookupDone}; INVALID_ADDRESS
   *     or PROTECTION_FAILURE with nothing held
   */
  public KernReturn lookup(MapLookup r, long va, int type) {
    return r.lookup(this, va, type);
  }

  /**
   * The lookup of a thread that owns busy pages (F14): never sleeps, changes nothing.
   *
   * @return false if a lock was not to be had or the answer would need an upgrade: nothing is held, nothing is known.
   *     True if {@code r.result()} is the answer, with locks held as after {@link #lookup}
   */
  public boolean tryRelookup(MapLookup r, long va, int type) {
    return r.tryLookup(this, va, type);
  }

  /** vm_map_lookup_done: releases what a successful lookup holds. */
  public void lookupDone(MapLookup r) {
    r.done();
  }

  /** Puts a shadow in front of the entry's object, so that it can be written (3.4 step 6). Caller holds M write. */
  void shadow(VmMapEntry x) {
    VmObject o = x.object;
    if (o != null) {
      x.object = maps.objects().shadow(o, x.offset, x.end - x.start);
      x.offset = 0;
    }
    x.needsCopy = false;
  }

  /** Gives the entry the zero-fill object that it lacks (3.4 step 7). Caller holds M write. */
  void makeObject(VmMapEntry x) {
    x.object = maps.objects().allocate(ObjectType.DEFAULT, x.end - x.start);
    x.offset = 0;
  }

  /**
   * Tells which entry contains {@code va}; M read is dropped before the answer is used, which may be late (msync of
   * size 0).
   *
   * @param bounds receives start and end
   * @return whether there is one
   */
  public boolean entryBounds(long va, long[] bounds) {
    lockRead();
    try {
      VmMapEntry e = entries.find(va);
      if (e == null) {
        return false;
      }
      bounds[0] = e.start;
      bounds[1] = e.end;
      return true;
    } finally {
      unlock();
    }
  }

  /** Calls {@code visitor} for every entry in address order. The caller holds M for writing. */
  public void forEachEntryHeld(Consumer<VmMapEntry> visitor) {
    assert lock.isWriteHeld();
    for (VmMapEntry e = entries.first(); e != entries.header; e = e.next) {
      visitor.accept(e);
    }
  }

  /** Returns the number of entries. The caller holds M for writing. */
  public int entryCountHeld() {
    assert lock.isWriteHeld();
    return entries.count();
  }

  /** Calls {@code visitor} for every entry in address order, under M read. The visitor takes no map lock. */
  public void forEachEntry(Consumer<VmMapEntry> visitor) {
    lockRead();
    try {
      for (VmMapEntry e = entries.first(); e != entries.header; e = e.next) {
        visitor.accept(e);
      }
    } finally {
      unlock();
    }
  }

  /** Receives the pieces of a range that lie in one object each. */
  public interface PieceVisitor {
    /** One piece: {@code length} bytes at {@code offset} of {@code object}, mapped by {@code entry} of the main map. */
    void piece(VmMapEntry entry, VmObject object, long offset, long length);
  }

  /**
   * Calls {@code visitor} for what is mapped in the range, through share maps; holes and untouched memory are skipped.
   * M read, of the share map too, is held during the calls. Submaps are skipped.
   */
  public void forEachPiece(long start, long end, PieceVisitor visitor) {
    MapPieces.forEachPiece(this, start, end, visitor);
  }

  // -------------------------------------------------------------------------------------------------------- insert

  boolean isInside(long start, long end) {
    return start >= min && end <= max && start < end;
  }

  /**
   * vm_map_insert: maps a range that is free, with every right. Anonymous memory right behind a like entry extends it
   * if the object can grow. Caller holds M write.
   *
   * @param object consumed on success; null for zero-filled memory
   * @return INVALID_ADDRESS out of bounds, NO_SPACE if something is mapped there
   */
  public KernReturn insert(@Nullable VmObject object, long offset, long start, long end) {
    Mapping what = new Mapping(object, offset, false, false, VmProt.ALL, VmProt.ALL, Inheritance.COPY);
    return MapInsert.insert(this, what, start, end);
  }

  /** vm_map_findspace: the lowest free {@code length} bytes at or above {@code from}, or -1. Caller holds M. */
  public long findspace(long from, long length) {
    return entries.findSpace(from, length);
  }

  /**
   * vm_map_find at a given place (brk).
   *
   * @return NO_SPACE if something is mapped there, INVALID_ADDRESS out of bounds; nothing was changed then
   */
  public KernReturn find(Mapping what, long start, long end) {
    lockWrite();
    try {
      return MapInsert.insert(this, what, start, end);
    } finally {
      unlock();
    }
  }

  /**
   * vm_map_find, first fit at or above {@code from}.
   *
   * @return the address, or -1 if there is no room; nothing was changed then
   */
  public long findAnywhere(Mapping what, long from, long length) {
    lockWrite();
    try {
      long start = findspace(from, length);
      return start >= 0 && MapInsert.insert(this, what, start, start + length) == KernReturn.SUCCESS ? start : -1;
    } finally {
      unlock();
    }
  }

  /** {@link #mapFixed(Mapping, long, long, Runnable)} with nothing more to do. */
  public KernReturn mapFixed(Mapping what, long start, long end) {
    return mapFixed(what, start, end, () -> {});
  }

  /**
   * mmap at a fixed address: replaces what is mapped there. One write section, so that no other thread sees the range
   * unmapped or with other rights than these (R33).
   *
   * @param then what else belongs in the write section, after the mapping (translations entered in advance); must not
   *     sleep nor take a map's lock
   * @return INVALID_ADDRESS out of bounds, PROTECTION_FAILURE if the protection exceeds the maximum; nothing was
   *     changed then
   */
  public KernReturn mapFixed(Mapping what, long start, long end, Runnable then) {
    return MapInsert.mapFixed(this, what, start, end, then);
  }

  /**
   * mmap at a place of the map's choice: the first fit at or above {@code from}. One write section (R33).
   *
   * @param then as in {@link #mapFixed(Mapping, long, long, Runnable)}; is given the address
   * @return the address, or -1 if there is no room or the protection exceeds the maximum; nothing was changed then
   */
  public long mapAnywhere(Mapping what, long from, long length, LongConsumer then) {
    return MapInsert.mapAnywhere(this, what, from, length, then);
  }

  // ---------------------------------------------------------------------------------------------------------- clip

  /** vm_map_simplify: merges the entry at {@code start} into the one before if the two are alike. For kernel maps. */
  public void simplify(long start) {
    MapClip.simplify(this, start);
  }

  /**
   * vm_map_submap: lets {@code sub} stand for a range that was mapped anonymously and never touched.
   *
   * @return INVALID_ARGUMENT if the range is not that
   */
  public KernReturn submap(long start, long end, VmMap sub) {
    return MapClip.submap(this, start, end, sub);
  }

  // ------------------------------------------------------------------------------------- protection and inheritance

  /**
   * vm_map_protect: sets the protection of what is mapped in a range, or the maximum and with it what exceeds it. Holes
   * are skipped. What is taken away is gone from every processor before the return; what is given comes with a fault.
   *
   * @return INVALID_ARGUMENT for a submap, PROTECTION_FAILURE beyond the maximum; nothing was changed then
   */
  public KernReturn protect(long start, long end, int prot, boolean setMax) {
    return MapProtect.protect(this, start, end, prot, setMax);
  }

  /**
   * vm_map_inherit: says what fork does with what is mapped in a range. Holes are skipped.
   *
   * @return INVALID_ARGUMENT for a submap, which no fork can do anything with; nothing was changed then
   */
  public KernReturn inherit(long start, long end, Inheritance inheritance) {
    return MapProtect.inherit(this, start, end, inheritance);
  }

  /** vm_map_check_protection: whether the whole range is mapped with at least {@code prot}. */
  public boolean checkProtection(long start, long end, int prot) {
    lockRead();
    try {
      return checkProtectionLocked(start, end, prot);
    } finally {
      unlock();
    }
  }

  /** Like {@link #checkProtection}. Caller holds M. */
  public boolean checkProtectionLocked(long start, long end, int prot) {
    return MapProtect.checkProtectionLocked(this, start, end, prot);
  }

  // -------------------------------------------------------------------------------------------------------- wiring

  /**
   * vm_map_pageable: makes a range pageable, or wires it.
   *
   * @return INVALID_ADDRESS if start is not mapped, INVALID_ARGUMENT for a hole, a submap or, when unwiring, an entry
   *     that is not wired (nothing was changed then), or the code of the fault that failed (what was wired is unwired
   *     again)
   */
  public KernReturn pageable(long start, long end, boolean newPageable) {
    long from = Math.max(start, min);
    long to = Math.min(end, max);
    return newPageable ? MapWiring.unwire(this, from, to) : MapWiring.wire(this, from, to);
  }

  // --------------------------------------------------------------------------------------------------------- clean

  /**
   * vm_map_clean (msync): writes the dirty pages of files mapped in a range. Private copies are not the file's. M read
   * is held throughout.
   *
   * @param wait whether to return when they are on the disk; else their writes are started, and nobody hears how they
   *     end
   * @param invalidate also drop the resident pages that are clean then; what was stored since stays, and so does what
   *     is wired
   * @return INVALID_ADDRESS for a hole, INVALID_ARGUMENT for a submap, before anything was written; FAILURE if a write
   *     that was waited for failed (its page is still dirty)
   */
  public KernReturn clean(long start, long end, boolean wait, boolean invalidate) {
    return MapClean.clean(this, start, end, wait, invalidate);
  }

  /** {@link #clean(long, long, boolean, boolean)}, waiting. */
  public KernReturn clean(long start, long end, boolean invalidate) {
    return clean(start, end, true, invalidate);
  }

  // -------------------------------------------------------------------------------------------------------- delete

  /** vm_map_remove: unmaps what the map has of a range. Holes are fine. */
  public KernReturn remove(long start, long end) {
    return MapDelete.remove(this, start, end);
  }

  // ------------------------------------------------------------------------------------------------------- checking

  /** Returns the number of entries. Caller holds M, or takes it as a hint. */
  public int entryCount() {
    return entries.count();
  }

  /** Returns the number of bytes mapped. Caller holds M, or takes it as a hint. */
  public long size() {
    return entries.size();
  }

  /**
   * Checks I-53, I-54 and I-55 as far as one map knows. Caller holds M, or nobody uses the map.
   *
   * @see VmMaps#checkInvariants
   */
  public void checkInvariants() {
    entries.checkInvariants(this, maps.pageSize());
    for (VmMapEntry e = entries.first(); e != entries.header; e = e.next) {
      require((e.protection & ~e.maxProtection) == 0, "I-54 protection exceeds the maximum", e);
      require(!(e.isAMap && e.isSubMap), "I-54 entry is share map and submap", e);
      require((e.isAMap || e.isSubMap) == (e.map != null), "I-54 entry's map and flags disagree", e);
      require(e.map == null || e.object == null, "I-54 entry has a map and an object", e);
      require(isMain || e.map == null, "I-54 share map over a map", e);
      require(!e.needsCopy || e.copyOnWrite, "I-55 needs_copy without copy_on_write", e);
      require(!e.needsCopy || e.object != null, "I-55 needs_copy without an object", e);
      require(e.wiredCount >= 0, "I-54 wired count below zero", e);
    }
  }

  private void require(boolean ok, String message, VmMapEntry e) {
    EntryList.require(ok, message, this, e);
  }

  @Override
  public String toString() { // racy, for reports
    return "map(" + id + (isMain ? "" : " share") + " 0x" + Long.toHexString(min) + "-0x" + Long.toHexString(max)
        + " ref=" + refCount + " entries=" + entries.count() + " size=0x" + Long.toHexString(entries.size()) + ")";
  }
}
