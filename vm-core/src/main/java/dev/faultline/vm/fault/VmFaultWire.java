package dev.faultline.vm.fault;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.map.Wiring;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Wiring and unwiring of ranges, and the copy of wired memory at fork.
 *
 * @see "vm-semantics 4.7, 5.7 Wiring; vm_fault.c :680-852"
 */
public final class VmFaultWire implements Wiring {
  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final VmFault fault; // (C)
  private final @Nullable FaultProbe probe; // (C)
  private final boolean hStealWired; // (C)
  private final boolean hCopyEntClean; // (C)
  private final boolean hCopyEntMaxProt; // (C)

  public VmFaultWire(VmObjects objects, VmFault fault, Set<Defect> defects, @Nullable FaultProbe probe) {
    this.objects = objects;
    this.pages = objects.pages();
    this.freeList = pages.freeList();
    this.fault = fault;
    this.probe = probe;
    hStealWired = defects.contains(Defect.H_STEALWIRED);
    hCopyEntClean = defects.contains(Defect.H_COPYENT_CLEAN);
    hCopyEntMaxProt = defects.contains(Defect.H_COPYENT_MAXPROT);
  }

  private boolean d(Decision decision, boolean outcome) {
    objects.domain().tracer().event(TraceEvent.DECISION, decision, decision.line(), outcome ? 1 : 0);
    if (probe != null) {
      probe.decided(decision, outcome);
    }
    return outcome;
  }

  /** Waits as :706-708 does while memory is at or below pageout_free_min; false if the process was killed meanwhile. */
  private boolean awaitMemory(KThread t) {
    while (d(Decision.D52A, !t.isPageDaemon())
        && d(Decision.D52B, freeList.freeCount() <= freeList.thresholds().pageoutFreeMin())) {
      long gen = freeList.generation();
      if (freeList.freeCount() > freeList.thresholds().pageoutFreeMin()) {
        continue;
      }
      freeList.waitForMemory(gen, true);
      if (freeList.endsWait(t)) {
        return false;
      }
    }
    return true;
  }

  /**
   * vm_fault_wire. The caller has raised wired_count and holds the map for reading (recursively), or not at all for the
   * kernel's.
   *
   * @return the fault's answer; what was wired before a failure is left to {@link #unwireStrays}
   */
  @Override
  public KernReturn wire(VmMap map, long start, long end) {
    KThread t = KThread.current();
    int size = objects.pageSize();
    for (long va = start; d(Decision.D51, va < end); va += size) {
      KernReturn r = awaitMemory(t) ? fault.fault(map, va, VmProt.READ | VmProt.WRITE, true)
          : KernReturn.RESOURCE_SHORTAGE;
      if (d(Decision.D53, r != KernReturn.SUCCESS)) {
        // The original unwires [start, va) here. We hold M for reading only, and so may a fault of another thread that
        // has entered a Wired mapping and not counted it yet: the caller unwires once it has M for writing (W1).
        d(Decision.D54, va != start);
        return r;
      }
    }
    return KernReturn.SUCCESS;
  }

  /**
   * vm_fault_unwire: an address without a wired mapping is skipped (W3). The caller holds the map for writing.
   *
   * <p>H-STEALWIRED: a mapping that is gone left its unit of wiring with the page, which nobody can find any more
   * (R23).
   */
  @Override
  public void unwire(VmMap map, long start, long end) {
    unwire(map, start, end, hStealWired);
  }

  @Override
  public void unwireStrays(VmMap map, long start, long end) {
    unwire(map, start, end, false);
  }

  private void unwire(VmMap map, long start, long end, boolean allThere) {
    Pmap pmap = map.pmap();
    if (pmap == null) {
      return;
    }
    int size = objects.pageSize();
    for (long va = start; d(Decision.D55, va < end); va += size) {
      if (d(Decision.D56, pmap.extract(va) < 0) && allThere) {
        throw KernelPanic.of("vm_fault_unwire: page not in pmap, va=0x" + Long.toHexString(va), map);
      }
      pmap.unwire(va);
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>A page counts only while it is wired: then nobody takes it before M(src) is let go, as who takes a wiring off
   * needs that, or a copy-on-write source, which the object of a wired entry is not.
   */
  @Override
  public boolean hasAllPages(VmMapEntry e) {
    VmObject o = e.object();
    if (o == null || o.type() == ObjectType.VNODE) {
      return true;
    }
    o.lock.lock();
    pages.queues().lock.lock();
    try {
      long end = e.offset() + (e.end() - e.start());
      for (long offset = e.offset(); offset < end; offset += objects.pageSize()) {
        VmPage m = pages.lookup(o, offset);
        if (m == null || m.wireCount() == 0) {
          return false;
        }
      }
      return true;
    } finally {
      pages.queues().lock.unlock();
      o.lock.unlock();
    }
  }

  /**
   * vm_fault_copy_entry: copies the pages of a wired source entry into a new object for the child's entry. A page of a
   * file that is not there, as truncation took it, is left to the child's faults: its object is backed by the file's,
   * so beyond the end of the file it gets what its parent gets, and elsewhere what the file holds by then.
   *
   * @return false if the process was killed while it waited for memory; the child's object then holds what was copied
   *     so far
   */
  @Override
  public boolean copyEntry(VmMap dstMap, VmMap srcMap, VmMapEntry dst, VmMapEntry src) {
    VmObject source = src.object();
    if (source == null) {
      throw KernelPanic.of("vm_fault_copy_entry: wired entry without object", src);
    }
    boolean file = source.type() == ObjectType.VNODE;
    VmObject copy;
    if (file) {
      source.reference();
      copy = objects.shadow(source, src.offset(), dst.end() - dst.start());
    } else {
      copy = objects.allocate(ObjectType.DEFAULT, dst.end() - dst.start());
    }
    dst.setObject(copy, 0);
    Pmap pmap = dstMap.pmap();
    int prot = hCopyEntMaxProt ? dst.maxProtection() : dst.protection();
    int size = objects.pageSize();
    long offset = 0;
    for (long va = dst.start(); d(Decision.D57, va < dst.end()); va += size, offset += size) {
      VmPage m = allocate(copy, offset);
      if (m == null) {
        return false;
      }
      if (!copyPage(source, src.offset() + offset, m)) {
        if (!file) { // hasAllPages was true, and M(src) is still held
          throw KernelPanic.of("vm_fault_copy_wired: page missing", source);
        }
        drop(copy, m);
        continue;
      }
      if (!hCopyEntClean) {
        m.orDirty(VmPage.ALL_CHUNKS); // R21b
      }
      m.setReferenced(true);
      if (pmap != null && prot != VmProt.NONE) {
        pmap.enter(va, m, prot, false);
      }
      copy.lock.lock();
      if ((prot & VmProt.WRITE) != 0) {
        copy.setWriteable(true);
      }
      pages.queues().activate(m);
      d(Decision.D5, m.isWanted());
      pages.wakeup(m);
      copy.lock.unlock();
    }
    return true;
  }

  private void drop(VmObject o, VmPage m) {
    o.lock.lock();
    try {
      pages.freeBusy(m);
    } finally {
      o.lock.unlock();
    }
  }

  private @Nullable VmPage allocate(VmObject o, long offset) {
    KThread t = KThread.current();
    while (true) {
      o.lock.lock();
      VmPage m = pages.alloc(o, offset, AllocClass.NORMAL, HoldReason.FORK_COPY);
      o.lock.unlock();
      if (!d(Decision.D58, m == null)) {
        return m;
      }
      freeList.waitForMemory(t.memoryGen, true); // both maps write-locked: kept, but killable (R36)
      if (freeList.endsWait(t)) {
        return null;
      }
    }
  }

  /**
   * Copies the page of the source object at {@code offset}, under O(source) from lookup to the end of the copy. A page
   * that came back after a truncation and is still being read counts as missing.
   */
  private boolean copyPage(VmObject source, long offset, VmPage to) {
    source.lock.lock();
    try {
      VmPage from = pages.lookup(source, offset);
      if (d(Decision.D59, from == null || !from.isWhollyValid()) || from == null) {
        return false;
      }
      pages.copy(from, to);
      return true;
    } finally {
      source.lock.unlock();
    }
  }
}
