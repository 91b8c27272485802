package dev.faultline.vm.fault;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.trace.TraceEvent;
import org.jspecify.annotations.Nullable;

/**
 * Brackets the neighbours of a page that can be paged in with it.
 *
 * @see "vm-semantics 4.7, D60 to D78, F8; vm_fault.c :870-1002, vm_fault_additional_pages"
 */
final class FaultReadAhead {
  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final @Nullable FaultProbe probe; // (C)

  FaultReadAhead(VmObjects objects, @Nullable FaultProbe probe) {
    this.objects = objects;
    this.pages = objects.pages();
    this.freeList = pages.freeList();
    this.probe = probe;
  }

  private boolean d(Decision decision, boolean outcome) {
    objects.domain().tracer().event(TraceEvent.DECISION, decision, decision.line(), outcome ? 1 : 0);
    if (probe != null) {
      probe.decided(decision, outcome);
    }
    return outcome;
  }

  private int single(FaultState f, VmPage m) {
    f.reqPage = 0;
    f.marray[0] = m;
    return 1;
  }

  /**
   * vm_fault_additional_pages. The caller owns {@code m}, at f.object and f.offset, busy, with pip, and holds no mutex.
   *
   * @return pages in f.marray, consecutive, all busy, f.reqPage the index of m; 0: the pager has nothing, marray is
   *     untouched
   */
  int additionalPages(FaultState f, VmPage m, long pagerOffset) {
    VmObject o = f.object;
    int pageSize = objects.pageSize();
    if (d(Decision.D60, !objects.pager(o.type()).hasPage(o, pagerOffset, f.extent))) {
      return 0;
    }
    int behind = FaultState.READ_BEHIND;
    int ahead = FaultState.READ_AHEAD;
    if (d(Decision.D61, f.extent.before == 0 && f.extent.after == 0)) {
      return single(f, m);
    }
    if (d(Decision.D62, ahead > f.extent.after)) {
      ahead = f.extent.after;
    }
    if (d(Decision.D63, behind > f.extent.before)) {
      behind = f.extent.before;
    }
    int reserved = freeList.thresholds().freeReserved();
    int spare = freeList.freeCount() + freeList.cacheCount() - reserved;
    // unsigned as in 1995: a deficit wraps, D73 sees it
    if (d(Decision.D64, Integer.compareUnsigned(ahead + behind, spare) > 0)) {
      freeList.wakeDaemon();
      return single(f, m);
    }
    o.lock.lock(); // one hold over scan and allocation: nobody else supplies a neighbour (R12)
    try {
      long start = scanBack(f, o, behind, pageSize);
      long end = scanAhead(f, o, ahead, pageSize);
      int size = (int) ((end - start) / pageSize);
      int req = (int) ((f.offset - start) / pageSize);
      if (!d(Decision.D73, freeList.freeCount() + freeList.cacheCount() > reserved + size)) {
        return single(f, m);
      }
      return allocate(f, o, m, start, size, req, pageSize);
    } finally {
      o.lock.unlock();
    }
  }

  /** Returns where the window starts: after the nearest resident page behind, in reach of the pager. */
  private long scanBack(FaultState f, VmObject o, int wanted, int pageSize) {
    if (!d(Decision.D65, f.offset != 0)) {
      return f.offset;
    }
    long behind = wanted;
    if (d(Decision.D66, behind * pageSize > f.offset)) {
      behind = f.offset / pageSize;
    }
    long start = f.offset - behind * pageSize;
    long at = f.offset - pageSize;
    while (d(Decision.D67, at >= start)) {
      if (d(Decision.D68, pages.lookup(o, at) != null)) {
        return at + pageSize;
      }
      if (d(Decision.D69, at == 0)) {
        break;
      }
      at -= pageSize;
    }
    return start;
  }

  /** Returns where the window ends: at the nearest resident page ahead, in reach of the pager, within the object. */
  private long scanAhead(FaultState f, VmObject o, int wanted, int pageSize) {
    long end = f.offset + (wanted + 1L) * pageSize;
    if (d(Decision.D70, end > o.size())) {
      end = o.size();
    }
    long at = f.offset + pageSize;
    while (d(Decision.D71, at < end)) {
      if (d(Decision.D72, pages.lookup(o, at) != null)) {
        break;
      }
      at += pageSize;
    }
    return at;
  }

  private int allocate(FaultState f, VmObject o, VmPage m, long start, int size, int req, int pageSize) {
    for (int i = 0; d(Decision.D74, i < size); i++) {
      if (!d(Decision.D75, i != req)) {
        f.marray[i] = m;
        continue;
      }
      VmPage p = pages.alloc(o, start + (long) i * pageSize, AllocClass.NORMAL, HoldReason.READ_AHEAD);
      if (!d(Decision.D76, p == null)) {
        f.marray[i] = p;
        continue;
      }
      if (d(Decision.D77, i < req)) {
        for (int j = 0; d(Decision.D78, j < i); j++) {
          VmPage got = f.marray[j];
          if (got != null) {
            pages.freeBusy(got);
          }
        }
        return single(f, m);
      }
      f.reqPage = req;
      return i;
    }
    f.reqPage = req;
    return size;
  }
}
