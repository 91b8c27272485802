package dev.faultline.vm.pager;

import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;

/**
 * The pager of device memory: nothing is read or written, the device's own frames are mapped.
 *
 * @see "vm-semantics 3.6, R14; device_pager.c"
 */
public final class DevicePager implements Pager {
  /*
   * Implementation overview
   *
   * Pages         A fictitious page stands for each frame that was ever touched: wired once for good, so that it is on
   *               no queue and nothing pages it out; with a list of mappings like any other, as a copy from it (F12)
   *               and the end of its object must find them. It lives as long as the object and is then left to the
   *               garbage collector (1995: a list of such pages, and a pool).
   * getPages      puts it in the place of the faulter's own page, and frees that, in one hold of O: the slot is never
   *               seen empty (R14). Who slept on the page looks up again and finds the other.
   * Object        one a device, as large as it; found and made under its interlock, like a file's (R19, R28).
   */
  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final PhysicalMemory memory; // (C)
  private final int pageShift; // (C)
  private final List<Device> devices = new ArrayList<>(0); // changes before the first process only

  public DevicePager(VmObjects objects) {
    this.objects = objects;
    this.pages = objects.pages();
    this.memory = pages.memory();
    this.pageShift = memory.pageShift();
  }

  /**
   * Makes a device; before the first process.
   *
   * @param first place of its first frame in the machine's device memory
   * @param frames how many it has
   */
  public Device create(String name, int first, int frames) {
    if (first < 0 || frames < 1 || first > memory.deviceFrames() - frames) {
      throw new IllegalArgumentException(
          "device " + name + " with frames " + first + " to " + (first + frames) + ": the machine has "
              + memory.deviceFrames() + " of device memory");
    }
    int firstFrame = memory.frames() + first;
    for (Device d : devices) {
      if (d.overlaps(firstFrame, frames)) {
        throw new IllegalArgumentException("device " + name + ": must not overlap " + d);
      }
    }
    Device d = new Device(objects.domain(), name, devices.size(), firstFrame, frames);
    devices.add(d);
    return d;
  }

  /**
   * dev_pager_alloc: returns the device's object with a reference for the caller, the same one as long as it lives.
   * Sleeps while the object there is dies, so the caller holds no map lock.
   */
  @SuppressWarnings("GuardedBy") // the interlock is let go in the sleep
  public VmObject objectOf(Device d) {
    d.interlock.lock();
    while (true) {
      VmObject o = d.object(); // read again after each sleep: what was there before is gone (R28)
      if (o == null) {
        o = objects.allocate(ObjectType.DEVICE, (long) d.pages() << pageShift, d, d, null);
        d.setObject(o);
        d.interlock.unlock();
        return o;
      }
      if (referenceIfLive(o)) {
        d.interlock.unlock();
        return o;
      }
      objects.domain().sleepQueues().sleepOn(d, d.interlock, "devadead");
      d.interlock.lock();
    }
  }

  private static boolean referenceIfLive(VmObject o) {
    o.lock.lock();
    try {
      if (o.isDead()) {
        return false;
      }
      o.referenceLocked();
      return true;
    } finally {
      o.lock.unlock();
    }
  }

  private static Device device(VmObject o) {
    if (o.handle() instanceof Device d) {
      return d;
    }
    throw KernelPanic.of("dev_pager: object of no device", o);
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] ms, int count, int req) {
    Device d = device(o);
    o.lock.lock();
    try {
      long offset = ms[req].offset();
      int frame = d.frame((offset + o.pagingOffset()) >>> pageShift);
      if (frame < 0) {
        throw KernelPanic.of("dev_pager_getpage: map function returns error", d, ms[req]);
      }
      for (int i = 0; i < count; i++) {
        pages.freeBusy(ms[i]);
      }
      pages.insert(VmPage.fictitious(frame, KThread.current()), o, offset);
      return PagerReturn.OK;
    } finally {
      o.lock.unlock();
    }
  }

  @Override
  public void putPages(VmObject o, VmPage[] ms, int count, boolean sync, PagerReturn[] results) {
    throw KernelPanic.of("dev_pager_putpage called", o);
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    around.before = 0;
    around.after = 0;
    return true;
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return true;
  }

  /** The object's pages have gone with all others of it. */
  @Override
  public void dealloc(VmObject o) {}

  /** Ends the tie between a device and its dead object, and wakes who waits for that. O not held. */
  @Override
  public void detached(VmObject o) {
    Device d = device(o);
    d.interlock.lock();
    try {
      if (d.object() != o) {
        throw KernelPanic.of("dead object is not its device's", o, d);
      }
      d.setObject(null);
    } finally {
      d.interlock.unlock();
    }
    objects.domain().sleepQueues().wakeup(d);
  }

  @Override
  public String toString() {
    return "device pager " + devices;
  }
}
