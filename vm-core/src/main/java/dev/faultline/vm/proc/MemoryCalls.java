package dev.faultline.vm.proc;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.DevicePager;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Arrays;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * The calls that say what is mapped where, and how.
 *
 * @see SystemCalls
 * @see "vm-semantics 3.8; vm_mmap.c"
 */
public final class MemoryCalls {
  /*
   * Implementation overview
   *
   * mmap         Arguments are checked and the object obtained first, with no map lock; VmMap.mapFixed does the rest in
   *              one M write section (R33).
   */
  private static final int INITIAL_PAGES_MAX = 96; // MAX_INIT_PT

  private final VmObjects objects; // (C)
  private final VnodePager vnodePager; // (C)
  private final SwapPager swapPager; // (C)
  private final DevicePager devicePager; // (C)
  private final ResidentPages pages; // (C)
  private final UserRange range; // (C)
  private final int pageSize; // (C)
  private final boolean hMunmapHole; // (C)

  MemoryCalls(VmObjects objects, VnodePager vnodePager, UserRange range, Set<Defect> defects) {
    this.objects = objects;
    this.vnodePager = vnodePager;
    this.swapPager = (SwapPager) objects.pager(ObjectType.SWAP);
    this.devicePager = (DevicePager) objects.pager(ObjectType.DEVICE);
    this.pages = objects.pages();
    this.range = range;
    this.pageSize = objects.pageSize();
    hMunmapHole = defects.contains(Defect.H_MUNMAP_HOLE);
  }

  /** Maps zero-filled memory at {@code address} instead of what is there. */
  public CallResult mmapAnon(ProcThread t, long address, long length, int prot, boolean shared) {
    t.enterKernel("mmapAnon");
    CallResult r = doMmapAnon(UserRange.map(t), address, length, prot, shared);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.mappedAnonymous(address, range.roundUp(length), VmProt.widened(prot), shared);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMmapAnon(VmMap map, long address, long length, int prot, boolean shared) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long size = range.roundUp(length);
    VmObject object = swapPager.allocate(size, null);
    return map(map, address, size, mapping(object, 0, prot, shared, false), () -> {});
  }

  /**
   * Maps zero-filled memory where there is room: the first fit at or above {@code hint}, rounded up to a page; 0 for
   * above the largest data segment that there could be. {@link ProcThread#foundAddress} is where. ENOMEM if there is no
   * room.
   */
  public CallResult mmapAnonAnywhere(ProcThread t, long hint, long length, int prot, boolean shared) {
    t.enterKernel("mmapAnonAnywhere");
    CallResult r = checkAnywhere(t, hint, length);
    if (r == CallResult.OK) {
      long size = range.roundUp(length);
      VmObject object = swapPager.allocate(size, null);
      r = mapAnywhere(t, hint, size, mapping(object, 0, prot, shared, false), at -> {});
      SpaceWatcher w = t.process().watcher;
      if (w != null && r == CallResult.OK) {
        w.mappedAnonymous(t.foundAddress(), size, VmProt.widened(prot), shared);
      }
    }
    return t.leaveKernel(r);
  }

  /** Maps a file where there is room, as {@link #mmapAnonAnywhere} finds it. */
  public CallResult mmapFileAnywhere(
      ProcThread t, long hint, long length, int prot, boolean shared, Vnode file, long offset) {
    t.enterKernel("mmapFileAnywhere");
    CallResult r = checkAnywhere(t, hint, length);
    if (r == CallResult.OK && !isFileRange(offset, length)) {
      r = CallResult.EINVAL;
    }
    if (r == CallResult.OK) {
      VmMap map = UserRange.map(t);
      long size = range.roundUp(length);
      VmObject fileObject = vnodePager.objectOf(file);
      Mapping what = fileMapping(fileObject, offset, size, prot, shared);
      r = mapAnywhere(t, hint, size, what,
          at -> enterResident(map, at, fileObject, offset, size, what.protection()));
      SpaceWatcher w = t.process().watcher;
      if (w != null && r == CallResult.OK) {
        w.mappedFile(t.foundAddress(), size, VmProt.widened(prot), shared, file, offset);
      }
    }
    return t.leaveKernel(r);
  }

  private static CallResult checkAnywhere(ProcThread t, long hint, long length) {
    long max = UserRange.map(t).max();
    if (hint < 0 || length <= 0) {
      return CallResult.EINVAL;
    }
    return hint > max || length > max ? CallResult.ENOMEM : CallResult.OK;
  }

  private CallResult mapAnywhere(ProcThread t, long hint, long size, Mapping what, LongConsumer then) {
    Vmspace space = t.process().vmspace();
    long from = range.roundUp(hint == 0 ? space.segments().dataStart() + ResourceLimits.DATA_MAX : hint);
    long at = space.map().mapAnywhere(what, from, size, then);
    if (at < 0) {
      giveBack(what);
      return CallResult.ENOMEM;
    }
    t.setFoundAddress(at);
    return CallResult.OK;
  }

  private boolean isFileRange(long offset, long length) {
    return (offset & (pageSize - 1)) == 0 && offset >= 0 && offset <= Long.MAX_VALUE - range.roundUp(length);
  }

  /**
   * Maps a file at {@code address} instead of what is there.
   *
   * @param offset byte offset in the file, page aligned; the range may reach beyond the file's end
   */
  public CallResult mmapFile(
      ProcThread t, long address, long length, int prot, boolean shared, Vnode file, long offset) {
    t.enterKernel("mmapFile");
    CallResult r = doMmapFile(UserRange.map(t), address, length, prot, shared, file, offset);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.mappedFile(address, range.roundUp(length), VmProt.widened(prot), shared, file, offset);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMmapFile(
      VmMap map, long address, long length, int prot, boolean shared, Vnode file, long offset) {
    if (!range.isRange(map, address, length) || !isFileRange(offset, length)) {
      return CallResult.EINVAL;
    }
    long size = range.roundUp(length);
    VmObject fileObject = vnodePager.objectOf(file); // its reference goes into the mapping, or into the object in front
    Mapping what = fileMapping(fileObject, offset, size, prot, shared);
    return map(map, address, size, what, () -> enterResident(map, address, fileObject, offset, size,
        what.protection()));
  }

  /**
   * Maps a device's memory at {@code address} instead of what is there, always shared. EINVAL beyond the device's end.
   *
   * <p>To a watcher the device is a file of constant length, of which it has been told.
   *
   * @param offset byte offset in the device, page aligned
   */
  public CallResult mmapDevice(
      ProcThread t, long address, long length, int prot, Device device, long offset) {
    t.enterKernel("mmapDevice");
    CallResult r = doMmapDevice(UserRange.map(t), address, length, prot, device, offset);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.mappedFile(address, range.roundUp(length), VmProt.widened(prot), true, device, offset);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMmapDevice(VmMap map, long address, long length, int prot, Device device, long offset) {
    long deviceBytes = (long) device.pages() * pageSize;
    if (!range.isRange(map, address, length)
        || (offset & (pageSize - 1)) != 0
        || offset < 0
        || offset > deviceBytes - range.roundUp(length)) {
      return CallResult.EINVAL;
    }
    VmObject object = devicePager.objectOf(device);
    return map(map, address, range.roundUp(length), mapping(object, offset, prot, true, false), () -> {});
  }

  private Mapping fileMapping(VmObject file, long offset, long size, int prot, boolean shared) {
    return mapping(shared ? file : copyOf(file, offset, size), offset, prot, shared, !shared);
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
    giveBack(what);
    return switch (r) {
      case NO_SPACE, INVALID_ADDRESS -> CallResult.ENOMEM;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  /** Drops the reference that a mapping which was not made would have consumed. */
  private static void giveBack(Mapping what) {
    VmObject object = what.object();
    if (object != null) {
      object.deallocate();
    }
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
    boolean wide = (end - offset) / pageSize > INITIAL_PAGES_MAX;
    if (wide && file.residentPageCount() > INITIAL_PAGES_MAX) {
      return;
    }
    long[] offsets = wide ? residentOffsets(file, offset, end) : new long[0];
    int left = file.residentPageCount(); // a hint, too: no need to look further than there are pages
    for (int i = 0; left > 0 && (wide ? i < offsets.length : offset + (long) i * pageSize < end); i++) {
      long at = wide ? offsets[i] : offset + (long) i * pageSize;
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
        m.setBusy(t, HoldReason.PREFAULT);
        t.domain().tracer().event(TraceEvent.CLAIM, m, file, 0);
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

  /** Returns the offsets of the resident pages in a range that is too wide to ask for every page, in order. */
  private static long[] residentOffsets(VmObject file, long start, long end) {
    long[] offsets = new long[INITIAL_PAGES_MAX];
    int n = 0;
    file.lock.lock();
    try {
      for (VmPage m = file.firstPage(); m != null && n < offsets.length; m = m.nextInObject()) {
        if (m.offset() >= start && m.offset() < end) {
          offsets[n++] = m.offset();
        }
      }
    } finally {
      file.lock.unlock();
    }
    Arrays.sort(offsets, 0, n);
    return Arrays.copyOf(offsets, n);
  }

  /** Removes what is mapped in the range; holes are fine. */
  public CallResult munmap(ProcThread t, long address, long length) {
    t.enterKernel("munmap");
    CallResult r = doMunmap(UserRange.map(t), address, length);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.unmapped(address, range.roundUp(length));
    }
    return t.leaveKernel(r);
  }

  private CallResult doMunmap(VmMap map, long address, long length) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    long end = address + range.roundUp(length);
    if (hMunmapHole && !map.checkProtection(address, end, VmProt.NONE)) {
      return CallResult.EINVAL;
    }
    return map.remove(address, end) == KernReturn.SUCCESS ? CallResult.OK : CallResult.EINVAL;
  }

  /** Changes the protection of what is mapped in the range; holes are skipped. */
  public CallResult mprotect(ProcThread t, long address, long length, int prot) {
    t.enterKernel("mprotect");
    CallResult r = doMprotect(UserRange.map(t), address, length, prot);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.protectionSet(address, range.roundUp(length), VmProt.widened(prot));
    }
    return t.leaveKernel(r);
  }

  private CallResult doMprotect(VmMap map, long address, long length, int prot) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return switch (map.protect(address, address + range.roundUp(length), VmProt.widened(prot), false)) {
      case SUCCESS -> CallResult.OK;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  /** Says what a later fork does with what is mapped in the range; holes are skipped. */
  public CallResult minherit(ProcThread t, long address, long length, Inheritance inheritance) {
    t.enterKernel("minherit");
    CallResult r = doMinherit(UserRange.map(t), address, length, inheritance);
    SpaceWatcher w = t.process().watcher;
    if (w != null && r == CallResult.OK) {
      w.inheritanceSet(address, range.roundUp(length), inheritance);
    }
    return t.leaveKernel(r);
  }

  private CallResult doMinherit(VmMap map, long address, long length, Inheritance inheritance) {
    if (!range.isRange(map, address, length)) {
      return CallResult.EINVAL;
    }
    return switch (map.inherit(address, address + range.roundUp(length), inheritance)) {
      case SUCCESS -> CallResult.OK;
      case PROTECTION_FAILURE -> CallResult.EACCES;
      default -> CallResult.EINVAL;
    };
  }

  @Override
  public String toString() {
    return "memory calls";
  }
}
