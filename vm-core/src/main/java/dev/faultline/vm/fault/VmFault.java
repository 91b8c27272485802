package dev.faultline.vm.fault;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.Tracer;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Handles a page fault: makes the page at a virtual address resident and enters it in the address space's page tables.
 *
 * <p>Thread-safe; each fault runs on the faulting thread.
 *
 * @see "vm-semantics 4 and 5.4; vm_fault.c, vm_fault"
 */
public final class VmFault {
  /*
   * Implementation overview
   *
   * Shape         fault() repeats attempt() until it has an answer (RetryFault, :180). attempt(): lookup and pins (F2
   *               to F4), search() down
   *               the chain (F5 to F11), copyUp() (F12, F13), verifyMap() (F14), enter() (F15 to F18). Every branch of
   *               the seed is a
   *               call of d(), which names its row in the decision table and tells a probe.
   * Invariants    INV1 to INV4 (:213-238): O(object) is held from lookup to claim; a claimed page leaves its pageout
   *               queue at once; while
   *               the search is below the top, firstM is busy there; each level with a busy page of ours has our pip.
   * Locks         search() holds O(object) at the top of its loop and when it answers FOUND. Handed over downward: next
   *               is locked and
   *               pinned before the current level is let go.
   * Let go        At the pager (O, M) our busy page, pip and reference survive, and with V the file's size. At a sleep
   *               for a busy page
   *               only the reference to the top object and one pip, on the page's object. At a wait for memory nothing.
   * Deadlock      With a busy page we block on the disk and on mutexes only: V was taken before, M is only tried,
   *               memory is waited for
   *               with nothing held (5.4).
   */
  private enum Step {
    FOUND,
    RETRY,
    ANSWER
  }

  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final FreeList freeList; // (C)
  private final PmapModule pmaps; // (C)
  private final FaultReadAhead readAhead; // (C)
  private final @Nullable FaultProbe probe; // (C)
  private final Tracer tracer; // (C)
  private final boolean hNoUnqueue; // (C)
  private final boolean hCacheWait; // (C)
  private final boolean hPipOrder; // (C)
  private final boolean hType2; // (C)
  private final boolean hPartial; // (C)
  private final boolean hCowClean; // (C)
  private final boolean hStealWired; // (C)
  private final boolean hUnwire0; // (C)
  private final boolean hSteal; // (C)
  private @Nullable VmMap kernelMap; // (C) once booted

  public VmFault(VmObjects objects, PmapModule pmaps, Set<Defect> defects, @Nullable FaultProbe probe) {
    this.objects = objects;
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.freeList = pages.freeList();
    this.pmaps = pmaps;
    this.probe = probe;
    this.tracer = objects.domain().tracer();
    for (Decision row : Decision.values()) {
      tracer.name(row, row + " " + row.text());
    }
    this.readAhead = new FaultReadAhead(objects, probe);
    hNoUnqueue = defects.contains(Defect.H_NOUNQUEUE);
    hCacheWait = defects.contains(Defect.H_CACHE_WAIT);
    hPipOrder = defects.contains(Defect.H_PIPORDER);
    hType2 = defects.contains(Defect.H_TYPE2);
    hPartial = defects.contains(Defect.H_PARTIAL);
    hCowClean = defects.contains(Defect.H_COWCLEAN);
    hStealWired = defects.contains(Defect.H_STEALWIRED);
    hUnwire0 = defects.contains(Defect.H_UNWIRE0);
    hSteal = defects.contains(Defect.H_STEAL);
  }

  /** Names the kernel's map, where an I/O error counts as absence (:391), though not in its submaps; at boot. */
  public void setKernelMap(VmMap map) {
    kernelMap = map;
  }

  private boolean d(Decision decision, boolean outcome) {
    tracer.event(TraceEvent.DECISION, decision, decision.line(), outcome ? 1 : 0);
    if (probe != null) {
      probe.decided(decision, outcome);
    }
    return outcome;
  }

  private void at(FaultPoint p) {
    if (probe != null) {
      probe.at(p);
    }
  }

  /**
   * vm_fault. Holds no lock on entry or exit; may sleep.
   *
   * @param map the address space, kept by the caller
   * @param va page-aligned address
   * @param type access wanted, {@link VmProt}
   * @param changeWiring true only from wiring
   * @return SUCCESS: retry the instruction. PROTECTION_FAILURE, INVALID_ADDRESS, FAILURE as vm-semantics 1.2;
   *     RESOURCE_SHORTAGE if the
   *     process was killed while it waited for memory
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

    Step step = search(f);
    if (step != Step.FOUND) {
      return step == Step.RETRY ? null : f.answer;
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
      if (step != Step.FOUND) {
        return step == Step.RETRY ? null : f.answer;
      }
    }
    enter(f);
    return KernReturn.SUCCESS;
  }

  // ---------------------------------------------------------------------------------------------- search, :251-444

  /** Walks down the chain. Enters with O(object) held; so it leaves if the answer is FOUND, else with nothing held. */
  private Step search(FaultState f) {
    while (true) {
      d(Decision.D10, true);
      ObjectType type = f.object.type(); // F6: read once (R11)
      boolean mayPage = !f.changeWiring || f.wired;
      VmPage m = pages.lookup(f.object, f.offset); // F5
      f.m = m;
      if (d(Decision.D11, m != null) && m != null) {
        Step step = claim(f, m);
        if (step != null) {
          return step;
        }
      } else if (d(Decision.D16A, type != ObjectType.DEFAULT && mayPage) || d(Decision.D16B,
          f.object == f.firstObject)) {
        Step step = allocate(f); // F7
        if (step != null) {
          return step;
        }
      }
      if (hType2) {
        f.object.lock.unlock();
        at(FaultPoint.BETWEEN_TYPE_TESTS);
        f.object.lock.lock();
        type = f.object.type();
      }
      if (d(Decision.D20A, type != ObjectType.DEFAULT) && d(Decision.D20B, mayPage)) { // readrest
        Step step = callPager(f);
        if (step != null) {
          return step;
        }
      } else if (m != null && absentAfterAll(f)) {
        return Step.FOUND;
      }
      if (d(Decision.D28, f.object == f.firstObject)) {
        f.firstM = f.m;
      }
      VmObject next = f.object.backing();
      if (d(Decision.D29, next == null) || next == null) {
        zeroFill(f);
        return Step.FOUND;
      }
      f.offset += f.object.backingOffset();
      VmObject current = f.object;
      if (hPipOrder) {
        leave(current, f);
        at(FaultPoint.BETWEEN_LEVELS);
      }
      next.lock.lock(); // F11: downward
      next.pipUp(1, HoldReason.FAULT); // before the current level loses its pip (R13)
      if (!hPipOrder) {
        leave(current, f);
      }
      f.object = next;
    }
  }

  /** Ends a level of the search that had nothing. Caller holds O(current), which is given back. */
  private void leave(VmObject current, FaultState f) {
    if (d(Decision.D32, current != f.firstObject)) {
      pipDown(current);
    }
    current.lock.unlock();
  }

  /** A page is resident (:253-290). Null: claimed, but partially valid: goes to readrest. */
  private @Nullable Step claim(FaultState f, VmPage m) {
    if (d(Decision.D12A, m.isBusy()) || d(Decision.D12B, m.busyCount() != 0)) {
      return awaitBusy(f, m);
    }
    boolean wasCached = m.isCached(); // gets on the cache queue only under O, which we hold
    if (d(Decision.D14A, wasCached)) {
      long gen = freeList.generation(); // before the test: what is freed after it ends the wait (R9)
      if (d(Decision.D14B, freeList.freeCount() + freeList.cacheCount() < freeList.thresholds().freeReserved())) {
        return awaitMemoryForCached(f, m, gen);
      }
    }
    m.setBusy(f.thread, HoldReason.FAULT);
    tracer.event(TraceEvent.CLAIM, m, f.object, 284);
    if (!hNoUnqueue) { // INV2
      queues.unqueue(m);
    }
    pages.checkClaim(m);
    if (wasCached) {
      f.thread.count(Event.REACTIVATED);
    }
    boolean partial = hPartial ? m.valid() != 0 && !m.isWhollyValid() : !m.isWhollyValid();
    if (d(Decision.D15A, partial) && d(Decision.D15B, !f.object.isKernel())) {
      return null;
    }
    return Step.FOUND;
  }

  /** F5b, :258-270: releases everything but the reference and one pip, and sleeps until the page is idle. */
  private Step awaitBusy(FaultState f, VmPage m) {
    VmObject o = f.object;
    o.lock.unlock(); // our pip on o stays: o is neither collapsed nor ended
    dropPlaceholder(f);
    unlockMapAndVnode(f);
    at(FaultPoint.AFTER_UNLOCK_THINGS);
    o.lock.lock();
    if (d(Decision.D13, pages.lookup(o, f.offset) == m && m.isBusyAnyway())) {
      m.setWanted();
      m.setReferenced(true);
      f.thread.count(Event.INTRANS);
      objects.domain().sleepQueues().sleepOn(m, o.lock, "vmpfw");
      o.lock.lock();
    }
    pipDown(o);
    o.lock.unlock();
    f.firstObject.unpin();
    return Step.RETRY;
  }

  /**
   * F5c, :277-282: memory is short and the page is on the cache queue, where the daemon may take it: rescue it and
   * wait.
   */
  private Step awaitMemoryForCached(FaultState f, VmPage m, long gen) {
    if (hCacheWait) {
      m.setBusy(f.thread, HoldReason.FAULT);
      unlockAndDeallocate(f);
      Step step = awaitMemory(f, gen);
      pages.wakeup(m); // whoever owns it by now
      return step;
    }
    queues.activate(m); // never busy across the wait (R6)
    unlockAndDeallocate(f);
    return awaitMemory(f, gen);
  }

  /** VM_WAIT with nothing held. */
  private Step awaitMemory(FaultState f, long gen) {
    at(FaultPoint.BEFORE_VM_WAIT);
    freeList.waitForMemory(gen, true);
    if (freeList.endsWait(f.thread)) {
      f.answer = KernReturn.RESOURCE_SHORTAGE;
      return Step.ANSWER;
    }
    return Step.RETRY;
  }

  /** No page, and one is needed at this level (:294-309). Null: allocated. */
  private @Nullable Step allocate(FaultState f) {
    if (d(Decision.D17, f.offset >= f.object.size())) {
      unlockAndDeallocate(f);
      f.answer = KernReturn.PROTECTION_FAILURE;
      return Step.ANSWER;
    }
    VmPage m =
        pages.alloc(f.object, f.offset, d(Decision.D18, f.vp != null) ? AllocClass.NORMAL
            : AllocClass.NORMAL | AllocClass.ZERO, HoldReason.FAULT);
    f.m = m;
    if (d(Decision.D19, m == null)) {
      // Our own placeholder's free is no news: taken for some, it would have us try again for ever where one page is
      // free and two are needed, and in UP mode without ever letting the daemon in.
      long gen = f.thread.memoryGen + (f.object != f.firstObject ? 1 : 0);
      unlockAndDeallocate(f);
      return awaitMemory(f, gen);
    }
    return null;
  }

  /** :312-403. Null: the pager has no such page; O(object) is held. */
  private @Nullable Step callPager(FaultState f) {
    VmObject o = f.object;
    VmPage m = f.page();
    long pagerOffset = o.pagingOffset() + f.offset; // our pip keeps it
    o.lock.unlock(); // F8
    at(FaultPoint.BEFORE_HAS_PAGE);
    int count = readAhead.additionalPages(f, m, pagerOffset);
    for (int i = 0; i < count; i++) { // F9
      VmPage p = f.marray[i];
      if (p != null) {
        p.clearZero();
      }
    }
    if (count != 0 || !f.keepMap) {
      unlockMap(f);
    }
    PagerReturn rv = PagerReturn.FAIL;
    if (d(Decision.D21, count != 0)) {
      at(FaultPoint.PAGER_BEFORE_IO);
      tracer.event(TraceEvent.PAGEIN, o, f.offset, count);
      rv = objects.pager(o.type()).getPages(o, marray(f), count, f.reqPage);
      tracer.event(TraceEvent.PAGEIN_END, rv.ordinal());
      at(FaultPoint.PAGER_AFTER_IO);
    }
    o.lock.lock(); // F10: our busy page, or what the pager put in its place, is still there
    if (d(Decision.D22, rv == PagerReturn.OK)) {
      VmPage found = pages.lookup(o, f.offset);
      boolean notOurs = found != null && !found.isBusyBy(f.thread); // the pager let go of it (R15)
      if (d(Decision.D23, found == null || (notOurs && !hSteal)) || found == null) {
        f.m = null;
        unlockAndDeallocate(f);
        return Step.RETRY;
      }
      if (notOurs) {
        steal(f, found);
      }
      foldModified(found);
      found.setValid(VmPage.ALL_CHUNKS);
      f.m = found;
      f.hardFault++;
      return Step.FOUND;
    }
    d(Decision.D24, rv == PagerReturn.ERROR);
    boolean fatal = rv == PagerReturn.ERROR && f.look.map() != kernelMap;
    if (d(Decision.D25A, fatal) || d(Decision.D25B, rv == PagerReturn.BAD)) {
      giveUp(m);
      unlockAndDeallocate(f);
      f.answer = d(Decision.D26, rv == PagerReturn.ERROR) ? KernReturn.FAILURE : KernReturn.PROTECTION_FAILURE;
      return Step.ANSWER;
    }
    if (absentAfterAll(f)) {
      return Step.FOUND;
    }
    return null;
  }

  /** H-STEAL, :362: sets BUSY, whoever has set it before. Caller holds O. */
  private static void steal(FaultState f, VmPage m) {
    if (m.isBusy()) {
      m.handBusy(f.thread);
    } else {
      m.setBusy(f.thread);
    }
  }

  @SuppressWarnings("NullAway") // the first count elements are pages; no pager looks at the rest
  private static VmPage[] marray(FaultState f) {
    return f.marray;
  }

  /** Before :360 clears M: a partially valid page that was mapped must not lose what was stored to it (R37). */
  private void foldModified(VmPage m) {
    if (m.pvFlags == 0) {
      return;
    }
    if (!hPartial) {
      pages.mappings().protect(m, VmProt.NONE);
      return;
    }
    pages.mappings().clearModify(m);
  }

  /** Ends our claim on a page that could not be read: freed, unless it holds something (R37). Caller holds O. */
  private void giveUp(VmPage m) {
    if ((m.valid() != 0 && !hPartial) || m.bmapped() != 0) {
      releasePage(m);
      return;
    }
    wake(m);
    unmapAndFree(m);
  }

  private void unmapAndFree(VmPage m) {
    if (m.pvFlags != 0) {
      pages.mappings().protect(m, VmProt.NONE);
    }
    pages.free(m);
  }

  /**
   * The pager does not have the page at hand, or there is none to ask (R37): a partially valid page gets zeros where it
   * is invalid and counts as found at its own level; a wholly invalid one is as good as absent. Caller holds O.
   *
   * @return whether the page counts as found
   */
  private boolean absentAfterAll(FaultState f) {
    VmPage m = f.page();
    if (m.valid() != 0 && !hPartial) {
      int chunk = objects.pageSize() / 8;
      for (int i = 0; i < 8; i++) {
        if ((m.valid() & 1 << i) == 0) {
          pages.memory().zeroBytes(m.frame(), i * chunk, (i + 1) * chunk);
        }
      }
      m.setValid(VmPage.ALL_CHUNKS);
      m.clearZero();
      return true;
    }
    if (d(Decision.D27, f.object != f.firstObject)) {
      f.m = null;
      if (m.bmapped() != 0) {
        releasePage(m);
      } else {
        wake(m);
        unmapAndFree(m);
      }
    }
    return false;
  }

  /** End of the chain, :418-436: the placeholder in the top object becomes a page of zeros. */
  private void zeroFill(FaultState f) {
    if (d(Decision.D30, f.object != f.firstObject)) {
      pipDown(f.object);
      f.object.lock.unlock();
      f.firstObject.lock.lock();
      f.object = f.firstObject;
      f.offset = f.firstOffset;
      f.m = f.firstM;
    }
    f.firstM = null;
    VmPage m = f.page();
    tracer.event(TraceEvent.ZERO_FILL, m, f.object, 432);
    if (d(Decision.D31, !m.isZero())) {
      pages.zeroFill(m);
    }
    m.setValid(VmPage.ALL_CHUNKS);
    f.thread.count(Event.ZFOD);
    f.zeroFilled = true;
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
  private Step verifyMap(FaultState f) {
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
      return Step.ANSWER;
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
    return Step.FOUND;
  }

  /** RELEASE_PAGE and UNLOCK_AND_DEALLOCATE. Enters without O. */
  private Step abandon(FaultState f) {
    f.object.lock.lock();
    releasePage(f.page());
    unlockAndDeallocate(f);
    return Step.RETRY;
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

  // ------------------------------------------------------------------------------------- the macros, :147-177

  /** RELEASE_PAGE. Caller holds O(m.object). */
  private void releasePage(VmPage m) {
    pages.checkClaim(m);
    wake(m);
    queues.lock.lock();
    try {
      if (d(Decision.D2, !m.isActive())) {
        queues.activateLocked(m);
      }
    } finally {
      queues.lock.unlock();
    }
  }

  private void wake(VmPage m) {
    d(Decision.D5, m.isWanted());
    pages.wakeup(m);
  }

  private void pipDown(VmObject o) {
    d(Decision.D6, o.pip() == 1 && o.isPipWanted());
    o.pipDown(1);
  }

  private void unlockMap(FaultState f) {
    if (d(Decision.D1, f.lookupStillValid)) {
      f.lookupStillValid = false;
      f.map().lookupDone(f.look);
    }
  }

  private void unlockMapAndVnode(FaultState f) {
    unlockMap(f);
    if (d(Decision.D4, f.vp != null) && f.vp != null) {
      f.vp.unlock();
      f.vp = null;
    }
  }

  /** The part of UNLOCK_THINGS for the top object. Holds no O. */
  private void dropPlaceholder(FaultState f) {
    if (d(Decision.D3, f.object != f.firstObject)) {
      VmObject first = f.firstObject;
      first.lock.lock();
      VmPage p = f.firstM;
      if (p == null) {
        throw KernelPanic.of("vm_fault: no placeholder", f);
      }
      wake(p);
      pages.free(p);
      f.firstM = null;
      pipDown(first);
      first.lock.unlock();
    }
  }

  /** UNLOCK_AND_DEALLOCATE. Enters with O(object) held, leaves with nothing. */
  private void unlockAndDeallocate(FaultState f) {
    pipDown(f.object);
    f.object.lock.unlock();
    dropPlaceholder(f);
    unlockMapAndVnode(f);
    f.firstObject.unpin();
  }
}
