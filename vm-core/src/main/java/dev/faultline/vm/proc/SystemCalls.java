package dev.faultline.vm.proc;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.KThread;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The system calls of VM programs. Each is called by the process's own thread in user mode, and enters and leaves the
 * kernel; a call that is refused has changed nothing.
 *
 * @see "vm-semantics 3.8; vm_mmap.c, kern_fork.c, kern_exit.c, kern_exec.c"
 */
public final class SystemCalls {
  /*
   * Implementation overview
   *
   * Shape        call(): enterKernel, the call proper, leaveKernel, which also turns the result of a killed process
   *              into SIGKILL. A panic
   *              leaves the kernel entered: it takes the run down anyway.
   * Ranges       Addresses must be multiples of the machine's page size, which need not be the programs' 4096; lengths
   *              are rounded up.
   * mmap         Arguments are checked and the object obtained first, with no map lock; VmMap.mapFixed does the rest in
   *              one M write
   *              section (R33).
   * Kills        A killed process's call ends where it waits for memory; other waits inside the kernel ignore the mark
   *              (5.7).
   */
  private static final long FILE_BYTES_MAX = 1L << 62;
  private static final int INITIAL_PAGES_MAX = 96; // MAX_INIT_PT

  private final ProcessTable table; // (C)
  private final Kinship kinship; // (C)
  private final VmObjects objects; // (C)
  private final VnodePager vnodePager; // (C)
  private final SwapPager swapPager; // (C)
  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final int pageSize; // (C)
  private final boolean hMunmapHole; // (C)
  private final boolean hVforkCopy; // (C)

  SystemCalls(
      ProcessTable table,
      Kinship kinship,
      VmObjects objects,
      VnodePager vnodePager,
      Set<Defect> defects) {
    this.table = table;
    this.kinship = kinship;
    this.objects = objects;
    this.vnodePager = vnodePager;
    this.swapPager = (SwapPager) objects.pager(ObjectType.SWAP);
    this.pages = objects.pages();
    this.freeList = pages.freeList();
    this.pageSize = objects.pageSize();
    hMunmapHole = defects.contains(Defect.H_MUNMAP_HOLE);
    hVforkCopy = defects.contains(Defect.H_VFORK_COPY);
  }

  private static VmMap map(ProcThread t) {
    return t.process().vmspace().map();
  }

  /** Returns whether [address, address + length) is a range of user pages. */
  private boolean isRange(VmMap map, long address, long length) {
    return (address & (pageSize - 1)) == 0
        && address >= map.min()
        && length > 0
        && length <= map.max()
        && address <= map.max() - roundUp(length);
  }

  private long roundUp(long length) {
    return (length + pageSize - 1) & -(long) pageSize;
  }

  // ---------------------------------------------------------------------------------------------- memory

  /** Maps zero-filled memory at {@code address} instead of what is there. */
  public CallResult mmapAnon(ProcThread t, long address, long length, int prot, boolean shared) {
    t.enterKernel();
    CallResult r = doMmapAnon(map(t), address, length, prot, shared);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.mappedAnonymous(address, roundUp(length), VmProt.widened(prot), shared);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMmapAnon(VmMap map, long address, long length, int prot, boolean shared) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long size = roundUp(length);
    VmObject object = swapPager.allocate(size, null);
    return map(map, address, size, mapping(object, 0, prot, shared, false), () -> {});
  }

  /**
   * Maps a file at {@code address} instead of what is there.
   *
   * @param offset byte offset in the file, page aligned; the range may reach beyond the file's end
   */
  public CallResult mmapFile(
      ProcThread t, long address, long length, int prot, boolean shared, Vnode file, long offset) {
    t.enterKernel();
    CallResult r = doMmapFile(map(t), address, length, prot, shared, file, offset);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.mappedFile(address, roundUp(length), VmProt.widened(prot), shared, file, offset);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMmapFile(
      VmMap map, long address, long length, int prot, boolean shared, Vnode file, long offset) {
    if (!isRange(map, address, length)
        || (offset & (pageSize - 1)) != 0
        || offset < 0
        || offset > Long.MAX_VALUE - roundUp(length)) {
      return CallResult.EINVAL;
    }
    long size = roundUp(length);
    VmObject fileObject = vnodePager.objectOf(file); // its reference goes into the mapping, or into the object in front
    VmObject object = shared ? fileObject : copyOf(fileObject, offset, size);
    Mapping what = mapping(object, offset, prot, shared, !shared);
    return map(map, address, size, what, () -> enterResident(map, address, fileObject, offset, size,
        what.protection()));
  }

  /** Returns an object as large as the file's and backed by it, which takes over the caller's reference. */
  private VmObject copyOf(VmObject file, long offset, long size) {
    file.lock.lock();
    long fileSize = file.size();
    file.lock.unlock();
    objects.ranges().pmapCopy(file, offset, offset + size);
    return objects.shadow(file, 0, fileSize);
  }

  private static Mapping mapping(VmObject object, long offset, int prot, boolean shared, boolean copyOnWrite) {
    Inheritance inheritance = shared ? Inheritance.SHARE : Inheritance.COPY;
    return new Mapping(object, offset, copyOnWrite, false, VmProt.widened(prot), VmProt.ALL, inheritance);
  }

  private static CallResult map(VmMap map, long address, long size, Mapping what, Runnable then) {
    KernReturn r = map.mapFixed(what, address, address + size, then);
    if (r == KernReturn.SUCCESS) {
      return CallResult.OK;
    }
    VmObject object = what.object();
    if (object != null) {
      object.deallocate();
    }
    return switch (r) {
      case NO_SPACE, INVALID_ADDRESS -> CallResult.ENOMEM;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  /**
   * pmap_object_init_pt: enters the resident pages of a file read-only, so that they need no fault. M write is held,
   * the range was mapped just now; the file's object is under the mapping or in it.
   */
  private void enterResident(VmMap map, long address, VmObject file, long offset, long size, int prot) {
    Pmap pmap = map.pmap();
    if (pmap == null || (prot & VmProt.READ) == 0) {
      return;
    }
    KThread t = KThread.current();
    long end = Math.min(offset + size, file.size()); // a hint
    if ((end - offset) / pageSize > INITIAL_PAGES_MAX && file.residentPageCount() > INITIAL_PAGES_MAX) {
      return;
    }
    int left = file.residentPageCount(); // a hint, too: no need to look further than there are pages
    for (long at = offset; at < end && left > 0; at += pageSize) {
      VmPage m;
      file.lock.lock();
      try {
        m = pages.lookup(file, at);
        if (m == null || m.isBusyAnyway() || !m.isWhollyValid() || m.isFictitious()) {
          continue;
        }
        left--;
        if (m.isCached()) { // what is mapped is not on the cache queue
          pages.queues().deactivate(m);
        }
        m.setBusy(t);
      } finally {
        file.lock.unlock();
      }
      pmap.enter(address + (at - offset), m, prot & ~VmProt.WRITE, false);
      file.lock.lock();
      try {
        pages.wakeup(m);
      } finally {
        file.lock.unlock();
      }
    }
  }

  /** Removes what is mapped in the range; holes are fine. */
  public CallResult munmap(ProcThread t, long address, long length) {
    t.enterKernel();
    CallResult r = doMunmap(map(t), address, length);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.unmapped(address, roundUp(length));
    }
    return t.leaveKernel(r);
  }

  private CallResult doMunmap(VmMap map, long address, long length) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long end = address + roundUp(length);
    if (hMunmapHole && !map.checkProtection(address, end, VmProt.NONE)) {
      return CallResult.EINVAL;
    }
    return map.remove(address, end) == KernReturn.SUCCESS ? CallResult.OK : CallResult.EINVAL;
  }

  /** Changes the protection of what is mapped in the range; holes are skipped. */
  public CallResult mprotect(ProcThread t, long address, long length, int prot) {
    t.enterKernel();
    CallResult r = doMprotect(map(t), address, length, prot);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.protectionSet(address, roundUp(length), VmProt.widened(prot));
    }
    return t.leaveKernel(r);
  }

  private CallResult doMprotect(VmMap map, long address, long length, int prot) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return switch (map.protect(address, address + roundUp(length), VmProt.widened(prot), false)) {
      case SUCCESS -> CallResult.OK;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  /** Says what a later fork does with what is mapped in the range; holes are skipped. */
  public CallResult minherit(ProcThread t, long address, long length, Inheritance inheritance) {
    t.enterKernel();
    CallResult r = doMinherit(map(t), address, length, inheritance);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.inheritanceSet(address, roundUp(length), inheritance);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMinherit(VmMap map, long address, long length, Inheritance inheritance) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return switch (map.inherit(address, address + roundUp(length), inheritance)) {
      case SUCCESS -> CallResult.OK;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  /**
   * Advises on the range; changes no content.
   *
   * @param unneeded whether the resident pages of the range's own objects are to be deactivated (dontneed, free); no
   *     other advice does
   *     anything
   */
  public CallResult madvise(ProcThread t, long address, long length, boolean unneeded) {
    t.enterKernel();
    return t.leaveKernel(doMadvise(map(t), address, length, unneeded));
  }

  private CallResult doMadvise(VmMap map, long address, long length, boolean unneeded) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    if (unneeded) {
      map.forEachPiece(
          address, address + roundUp(length), (entry, object, offset, size) -> deactivate(object, offset, offset
              + size));
    }
    return CallResult.OK;
  }

  /** Deactivates the idle resident pages of an object's range. M read is held. */
  private void deactivate(VmObject object, long start, long end) {
    object.lock.lock();
    try {
      if ((end - start) / pageSize <= object.residentPageCount()) {
        for (long offset = start; offset < end; offset += pageSize) {
          VmPage m = pages.lookup(object, offset);
          if (m != null) {
            deactivate(m);
          }
        }
        return;
      }
      for (VmPage m = object.firstPage(); m != null; m = m.nextInObject()) {
        if (m.offset() >= start && m.offset() < end) {
          deactivate(m);
        }
      }
    } finally {
      object.lock.unlock();
    }
  }

  private void deactivate(VmPage m) {
    if (m.isBusyAnyway() || m.isCached() || m.valid() == 0) {
      return;
    }
    pages.mappings().clearReference(m);
    m.setReferenced(false);
    pages.queues().deactivate(m);
  }

  /**
   * Wires the range. EAGAIN beyond the limit of wired pages (tested without a lock), ENOMEM where it cannot be done.
   */
  public CallResult mlock(ProcThread t, long address, long length) {
    t.enterKernel();
    SpaceWatcher w = t.process().watcher;
    boolean told = w != null && isRange(map(t), address, length);
    if (w != null && told) {
      w.wireBegins(address, roundUp(length));
    }
    CallResult r = doMlock(map(t), address, length);
    if (w != null && told) {
      w.wireEnds(address, roundUp(length), r == CallResult.OK);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMlock(VmMap map, long address, long length) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long size = roundUp(length);
    if (size / pageSize + pages.queues().wireCount() > freeList.thresholds().maxWired()) {
      return CallResult.EAGAIN;
    }
    return map.pageable(address, address + size, false) == KernReturn.SUCCESS ? CallResult.OK : CallResult.ENOMEM;
  }

  /** Unwires the range; ENOMEM where it is not wired. */
  public CallResult munlock(ProcThread t, long address, long length) {
    t.enterKernel();
    return t.leaveKernel(doMunlock(map(t), address, length));
  }

  private CallResult doMunlock(VmMap map, long address, long length) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return map.pageable(address, address + roundUp(length), true) == KernReturn.SUCCESS
        ? CallResult.OK
        : CallResult.ENOMEM;
  }

  /**
   * Writes dirty pages of shared file mappings in the range to the disk, and returns when they are there. EIO if one
   * could not be.
   */
  public CallResult msync(ProcThread t, long address, long length) {
    t.enterKernel();
    return t.leaveKernel(doMsync(map(t), address, length));
  }

  private CallResult doMsync(VmMap map, long address, long length) {
    if (!isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return switch (map.clean(address, address + roundUp(length), false)) {
      case SUCCESS -> CallResult.OK;
      case FAILURE -> CallResult.EIO;
      default -> CallResult.EINVAL;
    };
  }

  /**
   * Tells which pages the hardware finds at this instant, one after the other.
   *
   * @param granule what counts as a page, bytes; one of several machine pages is there if they all are, one of less
   *     than a page if that is
   * @param resident is filled with 1 for a page that is there, else 0
   */
  public CallResult mincore(ProcThread t, long address, int granules, int granule, byte[] resident) {
    t.enterKernel();
    return t.leaveKernel(doMincore(t, address, granules, granule, resident));
  }

  private CallResult doMincore(ProcThread t, long address, int granules, int granule, byte[] resident) {
    Vmspace space = t.process().vmspace();
    if (!isRange(space.map(), address, (long) granules * granule)) {
      return CallResult.EINVAL;
    }
    Pmap pmap = space.pmap();
    long va = address;
    for (int i = 0; i < granules; i++) {
      long end = va + granule;
      boolean there = true;
      for (long a = va & -(long) pageSize; a < end && there; a += pageSize) {
        there = pmap.extract(a) >= 0;
      }
      resident[i] = (byte) (there ? 1 : 0);
      va = end;
    }
    return CallResult.OK;
  }

  /** Changes the length of a file. EINVAL below 0, EFBIG beyond what any file can have. */
  public CallResult truncate(ProcThread t, Vnode file, long length) {
    t.enterKernel();
    return t.leaveKernel(doTruncate(file, length));
  }

  private CallResult doTruncate(Vnode file, long length) {
    if (length < 0) {
      return CallResult.EINVAL;
    }
    if (length > FILE_BYTES_MAX) {
      return CallResult.EFBIG;
    }
    MemoryWatcher w = table.watcher();
    file.lock();
    try {
      if (w != null) {
        w.truncateBegins(file, length);
      }
      vnodePager.setSize(file, length);
      if (w != null) {
        w.truncateEnds(file, true);
      }
    } finally {
      file.unlock();
    }
    return CallResult.OK;
  }

  // ---------------------------------------------------------------------------------------------- processes

  /**
   * Starts a child with a copy of the address space, as its inheritance says. Waits while memory is short.
   *
   * @param main what the child does
   * @return OK: {@link ProcThread#lastChild} is the child; ENOMEM if there is no memory for it
   */
  public CallResult fork(ProcThread t, long pid, ProcessMain main) {
    t.enterKernel();
    CallResult r = startChild(t, pid, main, false);
    if (r == CallResult.OK) {
      t.count(Event.FORKS);
    }
    return t.leaveKernel(r);
  }

  /** Starts a child in this address space and sleeps until its exec or exit. As {@link #fork} otherwise. */
  public CallResult vfork(ProcThread t, long pid, ProcessMain main) {
    t.enterKernel();
    CallResult r = startChild(t, pid, main, true);
    Process child = t.lastChild();
    if (r == CallResult.OK && child != null) {
      t.count(Event.VFORKS);
      r = kinship.awaitVforkDone(t, child);
    }
    return t.leaveKernel(r);
  }

  private CallResult startChild(ProcThread t, long pid, ProcessMain main, boolean vfork) {
    if (!awaitMemory(t)) {
      return CallResult.SIGKILL;
    }
    UArea uArea;
    try {
      uArea = table.swap().newUArea(pid);
    } catch (ProcessSwap.Killed e) {
      return CallResult.ENOMEM;
    }
    Process me = t.process();
    SpaceWatcher w = me.watcher;
    if (vfork && !hVforkCopy) {
      t.setLastChild(table.spawn(me, pid, me.vmspace().share(), w, true, uArea, main));
      return CallResult.OK;
    }
    if (w != null) {
      w.forkBegins();
    }
    Vmspace copy = me.vmspace().fork("pid " + Long.toUnsignedString(pid));
    if (copy == null) { // killed while it waited for memory (R36)
      if (w != null) {
        w.forkFailed();
      }
      if (uArea != null) {
        uArea.free();
      }
      return CallResult.ENOMEM;
    }
    SpaceWatcher childWatcher = w == null ? null : w.forked((int) pid);
    t.setLastChild(table.spawn(me, pid, copy, childWatcher, vfork, uArea, main));
    return CallResult.OK;
  }

  /** Waits until free + cache &gt;= free_min. Returns false if killed meanwhile. */
  private boolean awaitMemory(ProcThread t) {
    while (true) {
      long gen = freeList.generation();
      if (freeList.freeCount() + freeList.cacheCount() >= freeList.thresholds().freeMin()) {
        return true;
      }
      freeList.waitForMemory(gen, true);
      if (t.isKilled()) {
        return false;
      }
    }
  }

  /** Drops the whole address space, for an empty one of the process's own. */
  public CallResult exec(ProcThread t) {
    t.enterKernel();
    Process me = t.process();
    Vmspace old = me.vmspace();
    dropped(me, old);
    Vmspace fresh = old.exec(me.toString());
    if (fresh != old) {
      kinship.changeVmspace(me, fresh);
      me.watcher = table.newSpaceWatcher(me.pid());
      t.loadAddressSpace();
      old.free();
    }
    t.count(Event.EXECS);
    kinship.releaseParent(me);
    return t.leaveKernel(CallResult.OK);
  }

  /** Tells the watcher of an address space that it is about to be emptied, unless others use it still (vfork). */
  private static void dropped(Process p, Vmspace space) {
    SpaceWatcher w = p.watcher;
    if (w != null && space.refCount() == 1) {
      w.dropped();
    }
  }

  /**
   * Sleeps until {@code child} has exited. ECHILD if it is no child of the caller's (null), or was waited for already.
   */
  public CallResult waitFor(ProcThread t, @Nullable Process child) {
    t.enterKernel();
    return t.leaveKernel(child == null ? CallResult.ECHILD : kinship.waitFor(t, child));
  }

  /** Sleeps until as many processes have come to {@code b} as it has parties. */
  public CallResult barrier(ProcThread t, Barrier b) {
    t.enterKernel();
    return t.leaveKernel(kinship.arrive(t, b));
  }

  /**
   * Sleeps.
   *
   * @param ticks unsigned
   */
  public CallResult sleep(ProcThread t, long ticks) {
    t.enterKernel();
    return t.leaveKernel(kinship.sleep(t, ticks));
  }

  /** Ends the process: its memory goes, then its parent hears of it. The thread may only end afterwards. */
  public void exit(ProcThread t) {
    t.enterKernel();
    Process me = t.process();
    Vmspace space = me.vmspace();
    dropped(me, space);
    t.leaveAddressSpace();
    kinship.exiting(me);
    space.free();
    UArea u = me.uArea;
    if (u != null) {
      u.free(); // nobody swaps an exiting process
    }
    kinship.exited(me);
    t.exitKernel();
  }

  @Override
  public String toString() {
    return "system calls";
  }
}
