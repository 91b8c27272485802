package dev.faultline.vm.fault;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Handles a page fault: makes the page at a virtual address resident and enters it in the address space's page tables.
 *
 * <p>Thread-safe; each fault runs on the faulting thread.
 *
 * @see "vm-semantics 4 and 5.4; vm_fault.c, vm_fault"
 */
public final class VmFault extends FaultMacros {
  /*
   * Implementation overview
   *
   * Shape         fault() repeats attempt() until it has an answer (RetryFault, :180). attempt(): lookup and pins (F2
   *               to F4), FaultSearch down the chain with FaultPagein at the levels that have a pager (F5 to F11),
   *               copyUp() (F12, F13), verifyMap() (F14), enter() (F15 to F18). The recovery macros are in FaultMacros;
   *               every branch of the seed is a call of its d(), which names its row in the decision table and tells a
   *               probe.
   * Invariants    INV1 to INV4 (:213-238): O(object) is held from lookup to claim; a claimed page leaves its pageout
   *               queue at once; while the search is below the top, firstM is busy there; each level with a busy page
   *               of ours has our pip.
   * Locks         O(object) is held from the search's answer on, but for the copy, the relookup and pmap's part.
   * Deadlock      With a busy page we block on the disk and on mutexes only: V was taken before, M is only tried,
   *               memory is waited for with nothing held (5.4).
   */
  private final PmapModule pmaps; // (C)
  private final FaultPagein pagein; // (C)
  private final FaultSearch search; // (C)
  private final boolean hCowClean; // (C)
  private final boolean hStealWired; // (C)
  private final boolean hUnwire0; // (C)

  public VmFault(VmObjects objects, PmapModule pmaps, Set<Defect> defects, @Nullable FaultProbe probe) {
    super(objects, probe);
    this.pmaps = pmaps;
    for (Decision row : Decision.values()) {
      tracer.name(row, row + " " + row.text());
    }
    this.pagein = new FaultPagein(objects, defects, probe);
    this.search = new FaultSearch(objects, pagein, defects, probe);
    hCowClean = defects.contains(Defect.H_COWCLEAN);
    hStealWired = defects.contains(Defect.H_STEALWIRED);
    hUnwire0 = defects.contains(Defect.H_UNWIRE0);
  }

  /** Names the kernel's map, where an I/O error counts as absence (:391), though not in its submaps; at boot. */
  public void setKernelMap(VmMap map) {
    pagein.setKernelMap(map);
  }

  /**
   * vm_fault. Holds no lock on entry or exit; may sleep.
   *
   * @param map the address space, kept by the caller
   * @param va page-aligned address
   * @param type access wanted, {@link VmProt}
   * @param changeWiring true only from wiring
   * @return SUCCESS: retry the instruction. PROTECTION_FAILURE, INVALID_ADDRESS, FAILURE as vm-semantics 1.2;
   *     RESOURCE_SHORTAGE if the process was killed while it waited for memory
   */
  public KernReturn fault(VmMap map, long va, int type, boolean changeWiring) {
    KThread t = KThread.current();
    t.count(Event.VM_FAULTS); // F1
    tracer.event(TraceEvent.FAULT, va, type, map);
    FaultState f = FaultState.of(t);
    f.begin(map, va, type, changeWiring);
    try {
      KernReturn r = attempt(f);
      while (r == null) { // RetryFault
        t.count(Event.FAULT_RETRIES);
        tracer.event(TraceEvent.FAULT_RETRY);
        r = attempt(f);
      }
      if (r != KernReturn.SUCCESS) {
        t.count(Event.FAULT_ERRORS);
      }
      tracer.event(TraceEvent.FAULT_END, r.ordinal());
      return r;
    } finally {
      f.end();
    }
  }

  /** One pass from RetryFault to the end; null means go round again. */
  private @Nullable KernReturn attempt(FaultState f) {
    f.type = f.accessType;
    KernReturn r = f.map().lookup(f.look, f.va, f.type); // F2
    if (d(Decision.D7, r != KernReturn.SUCCESS)) {
      return r;
    }
    MapLookup look = f.look;
    f.firstObject = look.object();
    tracer.event(TraceEvent.LOOKUP, f.va, f.firstObject, 186);
    f.firstOffset = look.offset;
    f.prot = look.prot;
    f.wired = look.wired;
    f.vp = f.firstObject.chainVnode(); // F3
    if (d(Decision.D8, f.vp != null) && f.vp != null) {
      f.vp.lock();
    }
    f.lookupStillValid = true;
    if (d(Decision.D9, f.wired)) {
      f.type = f.prot;
    }
    f.firstM = null;
    f.m = null;

    f.firstObject.lock.lock(); // F4; handed from level to level
    f.firstObject.pinLocked(HoldReason.FAULT);
    f.firstObject.pipUp(1, HoldReason.FAULT);
    f.object = f.firstObject;
    f.offset = f.firstOffset;

    FaultStep step = search.search(f);
    if (step != FaultStep.FOUND) {
      return step == FaultStep.RETRY ? null : f.answer;
    }
    if (d(Decision.D33, !f.page().isBusyBy(f.thread))) {
      throw KernelPanic.of("vm_fault: not busy after main loop", f);
    }
    if (d(Decision.D34, f.object != f.firstObject)) {
      if (d(Decision.D35, (f.type & VmProt.WRITE) != 0)) {
        copyUp(f);
      } else {
        f.prot &= ~VmProt.WRITE;
        f.page().setCopyOnWrite(true);
      }
    }
    if (d(Decision.D37, !f.lookupStillValid)) {
      step = verifyMap(f);
      if (step != FaultStep.FOUND) {
        return step == FaultStep.RETRY ? null : f.answer;
      }
    }
    enter(f);
    return KernReturn.SUCCESS;
  }

  // ------------------------------------------------------------------------------------- copy-on-write, :467-532

  /** F12, F13. Enters and leaves with O(object) held; on leaving that is the top object. */
  private void copyUp(FaultState f) {
    VmPage m = f.page();
    VmPage copy = f.firstM;
    if (copy == null) {
      throw KernelPanic.of("vm_fault: no placeholder to copy to", f);
    }
    VmObject source = f.object;
    source.lock.unlock(); // both pages are busy by us, and pip keeps both objects
    at(FaultPoint.BEFORE_COPY);
    pages.copy(m, copy);
    tracer.event(TraceEvent.COPY, m, copy, 490);
    if (!hCowClean) {
      copy.orDirty(VmPage.ALL_CHUNKS); // R21
    }
    source.lock.lock();
    if (m.pvFlags != 0) { // everybody loses the old page before our writable mapping can be seen
      ObjectType type = source.type();
      if ((type == ObjectType.VNODE || type == ObjectType.DEVICE) && !hStealWired) {
        pmaps.removeAllButWired(m);
      } else {
        pages.mappings().protect(m, VmProt.NONE);
      }
    }
    d(Decision.D36, !m.isActive());
    pages.checkClaim(m);
    queues.activate(m); // only now: the last wired mapping may just have gone, and left the page on no queue
    wake(m);
    pipDown(source);
    source.lock.unlock();
    f.thread.count(Event.COW_FAULTS);
    f.copied = true;
    f.m = copy;
    f.object = f.firstObject;
    f.offset = f.firstOffset;
    f.object.lock.lock();
    f.object.pipDown(1); // D6 cannot matter: O is held until our pip is back (R16)
    f.object.collapse();
    f.object.pipUp(1, HoldReason.FAULT);
  }

  // ------------------------------------------------------------------------------------------ relookup, :544-595

  /** F14, F14b. Enters with O(object) held; leaves with it if the answer is FOUND, else with nothing. */
  private FaultStep verifyMap(FaultState f) {
    f.object.lock.unlock(); // page, pip and reference are ours
    at(FaultPoint.BEFORE_RELOOKUP);
    MapLookup again = f.retryLook;
    if (!f.map().tryRelookup(again, f.va, f.type & ~VmProt.WRITE)) {
      f.keepMap = true;
      return abandon(f);
    }
    if (d(Decision.D38, again.result() != KernReturn.SUCCESS)) {
      f.answer = again.result();
      abandon(f);
      return FaultStep.ANSWER;
    }
    f.retryLook = f.look; // the held lookup is the one that unlockMap releases
    f.look = again;
    f.lookupStillValid = true;
    if (d(Decision.D39A, again.object() != f.firstObject) || d(Decision.D39B, again.offset != f.firstOffset)) {
      return abandon(f);
    }
    if (again.wired != f.wired || (f.wired && (f.type & ~again.prot) != 0)) { // F14b (R34)
      return abandon(f);
    }
    f.prot &= again.prot;
    if (d(Decision.D40, f.page().isCopyOnWrite())) {
      f.prot &= ~VmProt.WRITE;
    }
    f.object.lock.lock();
    return FaultStep.FOUND;
  }

  /** RELEASE_PAGE and UNLOCK_AND_DEALLOCATE. Enters without O. */
  private FaultStep abandon(FaultState f) {
    f.object.lock.lock();
    releasePage(f.page());
    unlockAndDeallocate(f);
    return FaultStep.RETRY;
  }

  // --------------------------------------------------------------------------------------------- enter, :603-671

  /** F15 to F18. Enters with O(object) held, leaves with nothing. */
  private void enter(FaultState f) {
    VmPage m = f.page();
    VmObject o = f.object;
    boolean write = (f.prot & VmProt.WRITE) != 0;
    if (d(Decision.D41, write)) {
      m.setCopyOnWrite(false);
    }
    if (d(Decision.D42, write)) {
      o.setWriteable(true);
      if (d(Decision.D43, (f.type & VmProt.WRITE) != 0)) {
        m.orDirty(VmPage.ALL_CHUNKS);
      }
    }
    m.setReferenced(true);
    m.clearZero();
    o.lock.unlock(); // m is busy, M read is held: neither page nor entry can change
    at(FaultPoint.BEFORE_PMAP_ENTER);
    boolean newlyWired = f.look.pmap().enter(f.va, m, f.prot, f.wired);
    at(FaultPoint.AFTER_PMAP_ENTER); // M read keeps whoever unwires away until the unit is counted (W1)
    if (d(Decision.D44, f.changeWiring) && !d(Decision.D45, f.wired)) {
      f.look.pmap().unwire(f.va); // the mapping's own unit, if it has one (W3)
    }
    o.lock.lock(); // F16
    pages.checkClaim(m);
    queues.lock.lock();
    try {
      if (newlyWired && (f.changeWiring || !hUnwire0)) { // 1995 wires in wiring only (R23)
        queues.wireLocked(m); // W1
      }
      if (f.changeWiring) {
        if (m.wireCount() == 0) {
          queues.activateLocked(m);
        }
      } else if (d(Decision.D46, !m.isActive()) && m.wireCount() == 0) {
        queues.activateLocked(m);
      }
    } finally {
      queues.lock.unlock();
    }
    if (d(Decision.D47, f.thread.keepsStatistics())) {
      countKind(f);
    }
    if (d(Decision.D49, !m.isBusyBy(f.thread))) {
      throw KernelPanic.of("vm_fault: page not busy", f);
    }
    wake(m); // F17
    pipDown(o);
    boolean top = o == f.firstObject;
    boolean dropped = top && o.tryUnpinLocked(); // F18 where it has no consequence
    o.lock.unlock();
    if (d(Decision.D50, !top)) {
      dropPlaceholder(f);
    }
    unlockMapAndVnode(f);
    if (!dropped) {
      f.firstObject.unpin();
    }
  }

  private void countKind(FaultState f) {
    if (d(Decision.D48, f.hardFault != 0)) {
      f.thread.count(Event.HARD_FAULTS);
    } else if (!f.zeroFilled && !f.copied) {
      f.thread.count(Event.SOFT_FAULTS);
    }
  }
}
