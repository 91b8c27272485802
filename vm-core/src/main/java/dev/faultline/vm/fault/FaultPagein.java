package dev.faultline.vm.fault;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pager's part of a level of the search, and what becomes of a page that the pager does not fill.
 *
 * <p>Across the pager our busy page, its pip and the reference to the top object survive, and with V the file's size; O
 * and M are let go.
 *
 * @see "vm-semantics 5.4 F8 to F10; vm_fault.c :312-403, readrest"
 */
final class FaultPagein extends FaultMacros {
  private final FaultReadAhead readAhead; // (C)
  private final boolean hPartial; // (C)
  private final boolean hSteal; // (C)
  private @Nullable VmMap kernelMap; // (C) once booted

  FaultPagein(VmObjects objects, Set<Defect> defects, @Nullable FaultProbe probe) {
    super(objects, probe);
    this.readAhead = new FaultReadAhead(objects, probe);
    hPartial = defects.contains(Defect.H_PARTIAL);
    hSteal = defects.contains(Defect.H_STEAL);
  }

  /** Names the kernel's map; see {@link VmFault#setKernelMap}. */
  void setKernelMap(VmMap map) {
    kernelMap = map;
  }

  /** :312-403. Null: the pager has no such page; O(object) is held. */
  @Nullable FaultStep callPager(FaultState f) {
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
        return FaultStep.RETRY;
      }
      if (notOurs) {
        steal(f, found);
      }
      foldModified(found);
      found.setValid(VmPage.ALL_CHUNKS);
      f.m = found;
      f.hardFault++;
      return FaultStep.FOUND;
    }
    d(Decision.D24, rv == PagerReturn.ERROR);
    boolean fatal = rv == PagerReturn.ERROR && f.look.map() != kernelMap;
    if (d(Decision.D25A, fatal) || d(Decision.D25B, rv == PagerReturn.BAD)) {
      giveUp(m);
      unlockAndDeallocate(f);
      f.answer = d(Decision.D26, rv == PagerReturn.ERROR) ? KernReturn.FAILURE : KernReturn.PROTECTION_FAILURE;
      return FaultStep.ANSWER;
    }
    if (absentAfterAll(f)) {
      return FaultStep.FOUND;
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
  boolean absentAfterAll(FaultState f) {
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
}
