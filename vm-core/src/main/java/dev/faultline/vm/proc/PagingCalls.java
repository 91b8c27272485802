package dev.faultline.vm.proc;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;

/**
 * The calls about where the pages of mapped memory are: in frames for good, on the disk, or no matter.
 *
 * @see SystemCalls
 * @see "vm-semantics 3.8; vm_mmap.c"
 */
public final class PagingCalls {
  /** Of msync: do not wait. */
  public static final int MS_ASYNC = 1;

  /** Of msync: drop the pages. */
  public static final int MS_INVALIDATE = 2;

  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final UserRange range; // (C)
  private final int pageSize; // (C)

  PagingCalls(ResidentPages pages, UserRange range) {
    this.pages = pages;
    this.freeList = pages.freeList();
    this.range = range;
    this.pageSize = pages.memory().pageSize();
  }

  /**
   * Advises on the range; changes no content.
   *
   * @param unneeded whether the resident pages of the range's own objects are to be deactivated (dontneed, free); no
   *     other advice does
   *     anything
   */
  public CallResult madvise(ProcThread t, long address, long length, boolean unneeded) {
    t.enterKernel("madvise");
    return t.leaveKernel(doMadvise(UserRange.map(t), address, length, unneeded));
  }

  private CallResult doMadvise(VmMap map, long address, long length, boolean unneeded) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    if (unneeded) {
      map.forEachPiece(
          address, address + range.roundUp(length), (entry, object, offset, size) -> deactivate(object, offset, offset
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
   * Wires the range. EAGAIN beyond the limit of wired pages (tested without a lock), ENOMEM where it cannot be done, or
   * the process would have more locked than it may (tested so, too).
   */
  public CallResult mlock(ProcThread t, long address, long length) {
    t.enterKernel("mlock");
    return t.leaveKernel(doMlock(t.process(), address, length));
  }

  private CallResult doMlock(Process p, long address, long length) {
    VmMap map = p.vmspace().map();
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long size = range.roundUp(length);
    if (size / pageSize + pages.queues().wireCount() > freeList.thresholds().maxWired()) {
      return CallResult.EAGAIN;
    }
    long locked = (long) p.vmspace().pmap().wiredCount() * pageSize;
    if (size + locked > p.limits().soft(ResourceLimits.Limit.MEMLOCK)) {
      return CallResult.ENOMEM;
    }
    SpaceWatcher w = p.watcher;
    if (w != null) {
      w.wireBegins(address, size);
    }
    boolean ok = map.pageable(address, address + size, false) == KernReturn.SUCCESS;
    if (w != null) {
      w.wireEnds(address, size, ok);
    }
    return ok ? CallResult.OK : CallResult.ENOMEM;
  }

  /** Unwires the range; ENOMEM where it is not wired. */
  public CallResult munlock(ProcThread t, long address, long length) {
    t.enterKernel("munlock");
    return t.leaveKernel(doMunlock(UserRange.map(t), address, length));
  }

  private CallResult doMunlock(VmMap map, long address, long length) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return map.pageable(address, address + range.roundUp(length), true) == KernReturn.SUCCESS
        ? CallResult.OK
        : CallResult.ENOMEM;
  }

  /**
   * Writes dirty pages of shared file mappings in the range to the disk.
   *
   * @param length 0 for all of the entry that contains {@code address}: where it begins and ends is asked first, and
   *     the range is what counts then, whatever is mapped there by that time
   * @param flags 0: returns when they are there, EIO if one could not be written. {@link #MS_ASYNC}: the writes are
   *     started, and a failure is told by the next call that waits. {@link #MS_INVALIDATE}: as 0, and drops the pages
   *     from memory, but those that are wired or were stored to since. Both together are EINVAL
   */
  public CallResult msync(ProcThread t, long address, long length, int flags) {
    t.enterKernel("msync");
    return t.leaveKernel(doMsync(UserRange.map(t), address, length, flags));
  }

  private CallResult doMsync(VmMap map, long address, long length, int flags) {
    boolean wait = (flags & MS_ASYNC) == 0;
    boolean invalidate = (flags & MS_INVALIDATE) != 0;
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE)) != 0 || (invalidate && !wait)) {
      return CallResult.EINVAL;
    }
    long start = address;
    long end;
    if (length == 0) {
      long[] bounds = new long[2];
      if (!range.isRange(map, address, 1) || !map.entryBounds(address, bounds)) {
        return CallResult.EINVAL;
      }
      // M was let go: nothing survives but two numbers. What is mapped between them now is written, and if there is a
      // hole by now the answer is that of a range with a hole
      start = bounds[0];
      end = bounds[1];
    } else {
      if (!range.isRange(map, address, length)) {
        return CallResult.EINVAL;
      }
      end = address + range.roundUp(length);
    }
    return switch (map.clean(start, end, wait, invalidate)) {
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
    t.enterKernel("mincore");
    return t.leaveKernel(doMincore(t, address, granules, granule, resident));
  }

  private CallResult doMincore(ProcThread t, long address, int granules, int granule, byte[] resident) {
    Vmspace space = t.process().vmspace();
    if (!range.isRange(space.map(), address, (long) granules * granule)) {
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

  @Override
  public String toString() {
    return "paging calls";
  }
}
