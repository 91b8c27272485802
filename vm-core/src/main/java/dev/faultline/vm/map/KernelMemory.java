package dev.faultline.vm.map;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.PageTable;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's own memory: its map, over the upper half of all addresses, submaps of it, and the two objects whose
 * pages are never paged. Addresses are those that {@code KernelAccess} reads and writes.
 *
 * <p>Sizes are in bytes and rounded up to pages. No lock is held by a caller unless a method says so; all may sleep but
 * {@link #malloc} that is told not to.
 *
 * @see "vm-semantics 3.10; vm_kern.c"
 */
public final class KernelMemory {
  /*
   * Implementation overview
   *
   * Maps          kernel_map has what kmem_alloc gives, at the same offsets of kernel_object; kmem_map, a submap of it,
   *               what kmem_malloc gives, likewise over kmem_object. All share the kernel's pmap, which every processor
   *               counts as having loaded, so that each change is shot down everywhere.
   * Wired         All but pageable memory. Its pages are on no queue before they are wired, and leave the queue again
   *               on their way to the free list (VmMap.delete); meanwhile the page daemon knows them by their object.
   *               Departure: kmem_malloc's pages have a wire_count, too (W1), so that kmem_free finds what to take off.
   * Busy          A page stays busy until it is filled, and is given back by PAGE_WAKEUP as any other (R40).
   * Room          Who finds no room in a submap notes roomGen under M, lets M go, and sleeps while roomGen is the same;
   *               who makes room raises it under M. The original's assert_wait remembers nothing once M is let go, and
   *               what is freed before the sleep is slept through (3.1).
   * Kills         A thread whose process is killed does not wait for memory any more (5.7), here neither: the call
   *               fails, and what it had is given back.
   * Boot          takes no lock and needs no thread.
   */
  /** The first address of the kernel; what is below belongs to the processes. */
  public static final long BASE = 1L << (PageTable.VA_BITS - 1);

  /** Returned instead of an address: there is no room, or no memory for a caller that cannot wait. */
  public static final long NONE = -1;

  /** What a caller of {@link #malloc} does where memory is short. */
  public enum MallocWait {
    /** Waits for memory. */
    WAITOK,
    /** Takes frames as SYSTEM may, or fails. */
    KERNEL,
    /** Takes the last frame, or fails; never sleeps. */
    NOWAIT
  }

  private final VmMaps maps; // (C)
  private final ResidentPages pages; // (C)
  private final long pageSize; // (C)
  private final VmObject kernelObject; // (C)
  private final VmObject kmemObject; // (C)
  private final VmMap kernelMap; // (C)
  private final VmMap kmemMap; // (C)
  private final KMutex roomLock; // LockRank.LEAF

  @GuardedBy("roomLock")
  private long roomGen;

  /** Makes the kernel's maps and objects; at boot. */
  public KernelMemory(VmMaps maps) {
    this.maps = maps;
    VmObjects objects = maps.objects();
    pages = objects.pages();
    pageSize = objects.pageSize();
    roomLock = new KMutex(maps.domain(), LockRank.LEAF, "room in submaps");
    Pmap pmap = maps.pmaps().kernelPmap();
    kernelMap = new VmMap(maps, pmap, BASE, 2 * BASE, true);
    kernelObject = objects.bootKernelObject(BASE);
    long kmemBytes = pages.pageCount() * pageSize; // more than there is memory for is of no use
    kmemMap = new VmMap(maps, pmap, BASE, BASE + kmemBytes, true);
    kmemObject = objects.bootKernelObject(kmemBytes);
    kernelMap.building = true;
    MapClip.insertSubmap(kernelMap, kmemMap, kmemMap.min(), kmemMap.max());
    kernelMap.building = false;
  }

  /** Returns kernel_map. */
  public VmMap kernelMap() {
    return kernelMap;
  }

  /** Returns kmem_map, the submap that {@link #malloc} is meant for. */
  public VmMap kmemMap() {
    return kmemMap;
  }

  /** Returns kernel_object. */
  public VmObject kernelObject() {
    return kernelObject;
  }

  /** Returns kmem_object. */
  public VmObject kmemObject() {
    return kmemObject;
  }

  private long rounded(long bytes) {
    if (bytes <= 0 || bytes > BASE) {
      throw new IllegalArgumentException(bytes + " bytes of kernel memory: must be 1 to " + BASE);
    }
    return (bytes + pageSize - 1) & -pageSize;
  }

  // ------------------------------------------------------------------------------------------------ wired memory

  /**
   * kmem_alloc: wired memory, all zeros. Waits for frames.
   *
   * @param map kernel_map, or a submap of it
   * @return the address, or {@link #NONE} if the map has no room, or the calling process was killed while it waited
   */
  public long alloc(VmMap map, long bytes) {
    long size = rounded(bytes);
    long start = claim(map, kernelObject, BASE, size);
    if (start == NONE) {
      return NONE;
    }
    if (!fill(start - BASE, size) || map.pageable(start, start + size, false) != KernReturn.SUCCESS) {
      free(map, start, size); // killed: nothing else fails here
      return NONE;
    }
    map.simplify(start);
    return start;
  }

  /** Maps {@code object} where there is room, each address at the offset that it has from {@code base}. */
  private long claim(VmMap map, VmObject object, long base, long size) {
    map.lockWrite();
    try {
      return claimLocked(map, object, base, size);
    } finally {
      map.unlock();
    }
  }

  /** Like {@link #claim}. Caller holds M write. */
  private static long claimLocked(VmMap map, VmObject object, long base, long size) {
    long start = map.findspace(map.min(), size);
    if (start < 0) {
      return NONE;
    }
    object.reference();
    KernReturn r = map.insert(object, start - base, start, start + size);
    if (r != KernReturn.SUCCESS) {
      throw KernelPanic.of("kmem: no room where there was some: " + r, map);
    }
    return start;
  }

  /** Puts zeroed pages, valid and on no queue, into kernel_object; false if the process was killed meanwhile. */
  private boolean fill(long from, long size) {
    for (long offset = from; offset < from + size; offset += pageSize) {
      VmPage m = awaitPage(offset);
      if (m == null) {
        return false;
      }
      if (!m.isZero()) {
        pages.zeroFill(m);
      }
      giveBack(kernelObject, m);
    }
    return true;
  }

  private @Nullable VmPage awaitPage(long offset) {
    KThread t = KThread.current();
    while (true) {
      kernelObject.lock.lock();
      VmPage m = pages.alloc(kernelObject, offset, AllocClass.NORMAL, HoldReason.KERNEL);
      kernelObject.lock.unlock();
      if (m != null) {
        return m;
      }
      pages.freeList().waitForMemory(t.memoryGen, true);
      if (t.isKilled()) {
        return null;
      }
    }
  }

  /** Ends the claim on a page that is complete. */
  private void giveBack(VmObject o, VmPage m) {
    o.lock.lock();
    m.setValid(VmPage.ALL_CHUNKS);
    m.clearZero();
    pages.wakeup(m); // R40
    o.lock.unlock();
  }

  /**
   * kmem_malloc: wired memory whatever it holds.
   *
   * <p>Panics if a caller that can wait finds no room: nobody makes any.
   *
   * @param map kmem_map, or another submap whose addresses lie within it
   * @return the address, or {@link #NONE} if there is no room, there are no frames, or the map is locked, for a caller
   *     that cannot wait; or if the calling process was killed while it waited
   */
  public long malloc(VmMap map, long bytes, MallocWait wait) {
    long size = rounded(bytes);
    if (map.min() < kmemMap.min() || map.max() > kmemMap.max()) {
      throw KernelPanic.of("kmem_malloc: map is not kmem_map", map);
    }
    if (wait == MallocWait.WAITOK) {
      long start = claim(map, kmemObject, kmemMap.min(), size);
      if (start == NONE) {
        throw KernelPanic.of("kmem_malloc: kmem_map too small", map, size);
      }
      if (map.pageable(start, start + size, false) != KernReturn.SUCCESS) { // the faults bring the pages
        free(map, start, size);
        return NONE;
      }
      map.simplify(start);
      return start;
    }
    if (!map.tryLockWrite()) {
      return NONE;
    }
    try {
      long start = claimLocked(map, kmemObject, kmemMap.min(), size);
      if (start == NONE) {
        return NONE;
      }
      List<VmPage> got = take(start, size, wait == MallocWait.NOWAIT ? AllocClass.INTERRUPT : AllocClass.SYSTEM);
      if (got.size() * pageSize < size) {
        got.forEach(this::drop);
        MapDelete.delete(map, start, start + size);
        return NONE;
      }
      VmMapEntry e = map.entries.find(start);
      if (e == null || e.start != start || e.end != start + size || e.wiredCount != 0) {
        throw KernelPanic.of("kmem_malloc: entry not found or misaligned 0x" + Long.toHexString(start), map);
      }
      e.wiredCount = 1;
      long va = start;
      for (VmPage m : got) {
        enterWired(va, m);
        va += pageSize;
      }
      MapClip.simplifyLocked(map, start);
      return start;
    } finally {
      map.unlock();
    }
  }

  private List<VmPage> take(long start, long size, int allocClass) {
    List<VmPage> got = new ArrayList<>();
    long from = start - kmemMap.min();
    for (long offset = from; offset < from + size; offset += pageSize) {
      kmemObject.lock.lock();
      VmPage m = pages.alloc(kmemObject, offset, allocClass, HoldReason.KERNEL);
      kmemObject.lock.unlock();
      if (m == null) {
        return got;
      }
      got.add(m);
    }
    return got;
  }

  private void drop(VmPage m) {
    kmemObject.lock.lock();
    pages.freeBusy(m);
    kmemObject.lock.unlock();
  }

  private void enterWired(long va, VmPage m) {
    boolean newlyWired = maps.pmaps().kernelPmap().enter(va, m, VmProt.ALL, true);
    assert newlyWired;
    pages.queues().lock.lock();
    try {
      pages.queues().wireLocked(m); // W1: else kmem_free takes off what was never put on
    } finally {
      pages.queues().lock.unlock();
    }
    giveBack(kmemObject, m);
  }

  /** kmem_free: gives memory back, of whatever kind. */
  public void free(VmMap map, long address, long bytes) {
    map.remove(address & -pageSize, (address & -pageSize) + rounded(bytes + (address & (pageSize - 1))));
  }

  // --------------------------------------------------------------------------------------- pageable memory, submaps

  /**
   * kmem_alloc_pageable: memory that is paged as a process's is, zeros where it was never touched.
   *
   * @return the address, or {@link #NONE} if the map has no room
   */
  public long allocPageable(VmMap map, long bytes) {
    return map.findAnywhere(Mapping.anonymous(), map.min(), rounded(bytes));
  }

  /**
   * kmem_alloc_wait: pageable memory in a submap; waits for room.
   *
   * @return the address, or {@link #NONE} if the submap is too small ever to have so much room
   */
  public long allocWait(VmMap submap, long bytes) {
    long size = rounded(bytes);
    if (size > submap.max() - submap.min()) {
      return NONE;
    }
    while (true) {
      long gen;
      submap.lockWrite();
      try {
        long start = submap.findspace(submap.min(), size);
        if (start >= 0) {
          submap.insert(null, 0, start, start + size);
          return start;
        }
        gen = roomGeneration(); // under M: who makes room from now on raises it
      } finally {
        submap.unlock();
      }
      awaitRoom(submap, gen);
    }
  }

  /** Returns how often room has been made, in all submaps together. */
  long roomGeneration() {
    roomLock.lock();
    try {
      return roomGen;
    } finally {
      roomLock.unlock();
    }
  }

  /** Sleeps until room has been made since generation {@code gen}. */
  @SuppressWarnings("GuardedBy") // let go and retaken around sleeps; each round tests again
  void awaitRoom(VmMap submap, long gen) {
    roomLock.lock();
    while (roomGen == gen) {
      maps.domain().sleepQueues().sleepOn(submap, roomLock, "kmaw");
      roomLock.lock();
    }
    roomLock.unlock();
  }

  /** kmem_free_wakeup: gives back what {@link #allocWait} gave, and wakes who waits for room in the submap. */
  public void freeWakeup(VmMap submap, long address, long bytes) {
    long start = address & -pageSize;
    submap.lockWrite();
    try {
      MapDelete.delete(submap, start, start + rounded(bytes + (address - start)));
      roomLock.lock();
      try {
        roomGen++;
      } finally {
        roomLock.unlock();
      }
      maps.domain().sleepQueues().wakeup(submap);
    } finally {
      submap.unlock();
    }
  }

  /**
   * kmem_suballoc: a map of its own for a part of {@code parent}'s addresses, with the caller's reference and the
   * parent's. It ends when the parent unmaps the range and the caller deallocates it.
   *
   * @return null if the parent has no room
   */
  public @Nullable VmMap suballoc(VmMap parent, long bytes) {
    long size = rounded(bytes);
    parent.lockWrite();
    try {
      long start = parent.findspace(parent.min(), size);
      if (start < 0) {
        return null;
      }
      VmMap sub = new VmMap(maps, maps.pmaps().kernelPmap(), start, start + size, true);
      sub.reference();
      MapClip.insertSubmap(parent, sub, start, start + size);
      return sub;
    } finally {
      parent.unlock();
    }
  }

  @Override
  public String toString() { // racy, for reports
    return "kernel memory " + kernelMap + " kmem " + kmemMap;
  }
}
