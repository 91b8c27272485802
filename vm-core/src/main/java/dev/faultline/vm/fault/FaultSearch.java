package dev.faultline.vm.fault;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The search for a page down the shadow chain.
 *
 * @see "vm-semantics 5.4 F5 to F7, F11; vm_fault.c :251-444"
 */
final class FaultSearch extends FaultMacros {
  /*
   * Implementation overview
   *
   * A level       search() asks, in the seed's order: a resident page (claim), room for one (allocate), the pager
   *               (FaultPagein). What has nothing is left for its backing object; below the last, zeroFill.
   * Locks         O(object) is held at the top of the loop, and where the answer is FOUND. Handed over downward: next
   *               is locked and pinned before the current level is let go (R13).
   * Let go        At a sleep for a busy page all but the reference to the top object and one pip, on the page's object.
   *               At a wait for memory everything.
   */
  private final FreeList freeList; // (C)
  private final FaultPagein pagein; // (C)
  private final boolean hNoUnqueue; // (C)
  private final boolean hCacheWait; // (C)
  private final boolean hPipOrder; // (C)
  private final boolean hType2; // (C)
  private final boolean hPartial; // (C)

  FaultSearch(VmObjects objects, FaultPagein pagein, Set<Defect> defects, @Nullable FaultProbe probe) {
    super(objects, probe);
    this.freeList = pages.freeList();
    this.pagein = pagein;
    hNoUnqueue = defects.contains(Defect.H_NOUNQUEUE);
    hCacheWait = defects.contains(Defect.H_CACHE_WAIT);
    hPipOrder = defects.contains(Defect.H_PIPORDER);
    hType2 = defects.contains(Defect.H_TYPE2);
    hPartial = defects.contains(Defect.H_PARTIAL);
  }

  /** Walks down the chain. Enters with O(object) held; so it leaves if the answer is FOUND, else with nothing held. */
  FaultStep search(FaultState f) {
    while (true) {
      d(Decision.D10, true);
      ObjectType type = f.object.type(); // F6: read once (R11)
      boolean mayPage = !f.changeWiring || f.wired;
      VmPage m = pages.lookup(f.object, f.offset); // F5
      f.m = m;
      if (d(Decision.D11, m != null) && m != null) {
        FaultStep step = claim(f, m);
        if (step != null) {
          return step;
        }
      } else if (d(Decision.D16A, type != ObjectType.DEFAULT && mayPage) || d(Decision.D16B,
          f.object == f.firstObject)) {
        FaultStep step = allocate(f); // F7
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
        FaultStep step = pagein.callPager(f);
        if (step != null) {
          return step;
        }
      } else if (m != null && pagein.absentAfterAll(f)) {
        return FaultStep.FOUND;
      }
      if (d(Decision.D28, f.object == f.firstObject)) {
        f.firstM = f.m;
      }
      VmObject next = f.object.backing();
      if (d(Decision.D29, next == null) || next == null) {
        zeroFill(f);
        return FaultStep.FOUND;
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
  private @Nullable FaultStep claim(FaultState f, VmPage m) {
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
    return FaultStep.FOUND;
  }

  /** F5b, :258-270: releases everything but the reference and one pip, and sleeps until the page is idle. */
  private FaultStep awaitBusy(FaultState f, VmPage m) {
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
    return FaultStep.RETRY;
  }

  /**
   * F5c, :277-282: memory is short and the page is on the cache queue, where the daemon may take it: rescue it and
   * wait.
   */
  private FaultStep awaitMemoryForCached(FaultState f, VmPage m, long gen) {
    if (hCacheWait) {
      m.setBusy(f.thread, HoldReason.FAULT);
      unlockAndDeallocate(f);
      FaultStep step = awaitMemory(f, gen);
      pages.wakeup(m); // whoever owns it by now
      return step;
    }
    queues.activate(m); // never busy across the wait (R6)
    unlockAndDeallocate(f);
    return awaitMemory(f, gen);
  }

  /** VM_WAIT with nothing held. */
  private FaultStep awaitMemory(FaultState f, long gen) {
    at(FaultPoint.BEFORE_VM_WAIT);
    freeList.waitForMemory(gen, true);
    if (freeList.endsWait(f.thread)) {
      f.answer = KernReturn.RESOURCE_SHORTAGE;
      return FaultStep.ANSWER;
    }
    return FaultStep.RETRY;
  }

  /** No page, and one is needed at this level (:294-309). Null: allocated. */
  private @Nullable FaultStep allocate(FaultState f) {
    if (d(Decision.D17, f.offset >= f.object.size())) {
      unlockAndDeallocate(f);
      f.answer = KernReturn.PROTECTION_FAILURE;
      return FaultStep.ANSWER;
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
}
