package dev.faultline.vm.pageout;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * vm_pageout_clean: writes a dirty page and its dirty neighbours in one cluster.
 *
 * @see "vm-semantics 3.5; vm_pageout.c"
 */
public final class PageoutClean implements Cleaner {
  /*
   * Implementation overview
   *
   * Locks    O(o) from the choice of the cluster to the last page made busy and write-protected: nobody can store to it
   *          from then on, so
   *          what the disk samples is one consistent image (6.3). Q inside it while the queues are looked at.
   * Let go   O around the put. Our busy pages and one pip a page survive; PEND leaves both to the pager's completion.
   * Queues   The pages stay where they are; scanners rotate busy pages.
   */
  private static final int CLUSTER = 8;

  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final FreeList freeList; // (C)
  private final boolean hClusterGt; // (C)

  public PageoutClean(VmObjects objects) {
    this.objects = objects;
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.freeList = pages.freeList();
    this.hClusterGt = objects.domain().has(Defect.H_CLUSTER_GT);
  }

  /** Pages that were put together, and what became of each. */
  private record Cluster(VmPage[] pages, PagerReturn[] results) {}

  @Override
  public int clean(VmObject o, VmPage m, How how) {
    Cluster c = put(o, m, how);
    return c == null ? 0 : finish(o, c.pages, c.results);
  }

  @Override
  public boolean cleanAndWait(VmObject o, VmPage m) {
    Cluster c = put(o, m, How.FORCE);
    if (c == null) {
      return false;
    }
    PagerReturn r = c.results[Arrays.asList(c.pages).indexOf(m)];
    finish(o, c.pages, c.results);
    return r == PagerReturn.OK || r == PagerReturn.BAD;
  }

  /** Builds a cluster around {@code m} and puts it; null if that is refused. O(o) is held on entry, not on return. */
  private @Nullable Cluster put(VmObject o, VmPage m, How how) {
    assert o.lock.isHeld();
    boolean swap = o.type() == ObjectType.SWAP || o.type() == ObjectType.DEFAULT;
    int available = freeList.freeCount() + freeList.cacheCount();
    // such a write may need memory itself
    if ((!how.forces() && !swap && available < freeList.thresholds().pageoutFreeMin())
        || (how == How.ASYNC && m.holdCount() != 0)
        || m.isBusyAnyway()) {
      o.lock.unlock();
      return null;
    }
    if (how == How.ASYNC && o.backing() != null) {
      o.collapse();
    }
    @Nullable VmPage[] cluster = new VmPage[CLUSTER];
    int count = gather(o, m, how, cluster);
    KThread t = KThread.current();
    VmPage[] run = new VmPage[count];
    for (int i = 0; i < count; i++) {
      VmPage p = cluster[i];
      assert p != null;
      run[i] = p;
      p.setBusy(t, HoldReason.PAGEOUT);
      objects.domain().tracer().event(TraceEvent.CLAIM, p, o, 0);
      pages.mappings().protect(p, VmProt.READ); // reads stay allowed
    }
    o.pipUp(count, HoldReason.PAGEOUT);
    o.lock.unlock();

    PagerReturn[] results = new PagerReturn[count];
    objects.domain().tracer().event(TraceEvent.PAGEOUT, o, run[0].offset(), count);
    objects.pager(o.type()).putPages(o, run, count, how.waits(), results);
    objects.domain().tracer().event(TraceEvent.PAGEOUT_END, results[0].ordinal());
    return new Cluster(run, results);
  }

  /**
   * Fills {@code cluster} with consecutive pages around {@code m}, ready to be written; returns how many. Caller holds
   * O(o).
   */
  private int gather(VmObject o, VmPage m, How how, @Nullable VmPage[] cluster) {
    int size = objects.pageSize();
    @Nullable VmPage[] behind = new VmPage[CLUSTER];
    @Nullable VmPage[] ahead = new VmPage[CLUSTER];
    int back = 0;
    int forth = 0;
    boolean goBack = true;
    boolean goForth = true;
    queues.lock.lock();
    try {
      while (1 + back + forth < CLUSTER && (goBack || goForth)) {
        if (goForth) {
          long offset = m.offset() + (forth + 1L) * size;
          boolean beyond = hClusterGt ? offset > o.size() : offset >= o.size();
          VmPage p = beyond ? null : candidate(o, offset, how);
          goForth = p != null;
          if (p != null) {
            ahead[forth++] = p;
          }
        }
        if (goBack && 1 + back + forth < CLUSTER) {
          long offset = m.offset() - (back + 1L) * size;
          VmPage p = offset < 0 ? null : candidate(o, offset, how);
          goBack = p != null;
          if (p != null) {
            behind[back++] = p;
          }
        }
      }
    } finally {
      queues.lock.unlock();
    }
    int n = 0;
    for (int i = back - 1; i >= 0; i--) {
      cluster[n++] = behind[i];
    }
    cluster[n++] = m;
    for (int i = 0; i < forth; i++) {
      cluster[n++] = ahead[i];
    }
    return n;
  }

  /** Returns the page at an offset if it may join a cluster. Caller holds O(o) and Q. */
  private @Nullable VmPage candidate(VmObject o, long offset, How how) {
    VmPage p = pages.lookup(o, offset);
    if (p == null
        || p.isBusyAnyway()
        || p.isCached()
        || p.isFictitious()
        || p.wireCount() != 0
        || p.holdCount() != 0
        || (!how.forces() && !p.isInactive())) {
      return null;
    }
    pages.testDirty(p);
    return (p.dirty() & p.valid()) == 0 ? null : p;
  }

  private int finish(VmObject o, VmPage[] run, PagerReturn[] results) {
    int written = 0;
    int mine = 0;
    for (PagerReturn r : results) {
      if (r == PagerReturn.OK || r == PagerReturn.PEND) {
        written++;
      }
      if (r != PagerReturn.PEND) {
        mine++;
      }
    }
    if (mine == 0) {
      return written; // o may be gone: the completion has pages and pip
    }
    o.lock.lock();
    for (int i = 0; i < run.length; i++) {
      VmPage m = run[i];
      PagerReturn r = results[i];
      if (r == PagerReturn.PEND) {
        continue;
      }
      boolean activate = m.isReferenced() || m.isWanted();
      switch (r) {
        case OK, BAD -> { // written, or outside the pager's range: the changes are dropped
          pages.mappings().clearModify(m);
          m.clearDirty(VmPage.ALL_CHUNKS);
        }
        case ERROR, FAIL -> activate = true;
        default -> {}
      }
      if (activate) {
        queues.reactivate(m);
      }
      pages.wakeup(m);
    }
    o.pipDown(mine);
    o.lock.unlock();
    return written;
  }
}
