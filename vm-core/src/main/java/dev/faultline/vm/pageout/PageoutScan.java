package dev.faultline.vm.pageout;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KThread;

/**
 * vm_pageout_scan: one pass over the queues, from the needy end of the inactive queue to the killing of a process.
 *
 * @see "vm-semantics 3.5 A to F, 5.7 Scan; vm_pageout.c"
 */
final class PageoutScan {
  /*
   * Implementation overview
   *
   * Walking   Nobody saves a next page: each turn takes the head under Q and either moves it to another queue or
   *           rotates it to the tail (R22). The turns are bounded by the length at the start.
   * Identity  A queued page's object is stable under Q; its lock ranks below Q, so it is tried, and a miss rotates the
   *           page (R38). Everything about the page is then read under O and Q.
   * Cleaning  Q is let go, O is kept into PageoutClean, which lets go of it. For a vnode's page V is tried while O and
   *           Q are held.
   * Progress  is a page freed, cached, or written well. Writes that were only started, and aging, count for a few
   *           passes in a row and no more: where every write fails, the same dirty pages go round from queue to queue
   *           for ever, each pass starting something. A pass without progress is followed by a rest.
   * Despair   After FRUITLESS_MAX passes in a row without progress references save no page any more. Hardware may load
   *           translations unasked and set R (HW6), as often as the sleepers that each pass wakes run in vain: every
   *           page would stay young for ever, with one frame too few (I-60).
   * Killing   3.5 F, after some passes of despair (in one pass alone, every lock may have been missed): when there is
   *           no swap or it is full and no write under way will give a clean page; or when writes, however many are
   *           under way, have only failed meanwhile: a disk that has gone bad is as good as a full one.
   */
  private static final int MAXSCAN = 1024;
  private static final int ACT_ADVANCE = 3;
  private static final int ACT_DECLINE = 1;
  private static final int ACT_MAX = 100;
  private static final int FRUITLESS_MAX = 8; // a new page ages from 5 to 0 and is examined once more in fewer passes
  private static final int DESPAIR_MAX = FRUITLESS_MAX + 4; // and a page is deactivated, written, cached in fewer

  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final FreeList freeList; // (C)
  private final PageMappings mappings; // (C)
  private final Cleaner cleaner; // (C)
  private final SwapState swap; // (C)
  private final ProcessWalker processes; // (C)
  private final ShortageRelief relief; // (C)
  private final Thresholds limits; // (C)

  // One pass; the daemon's own.
  private int freed;
  private int started;
  private int moved; // deactivated, aged or reactivated: the next pass will see something else
  private int launderLeft;
  private int filesSkipped; // pages of files that are stored to, whose vnode was locked
  private int inBuffers; // clean pages that could be had, but for the buffers that list them
  private int refused; // dirty pages whose write could not even be started, with none under way to wait for

  // From pass to pass; the daemon's own.
  private int fruitless; // passes in a row that freed and cached nothing, while no write ended well
  private long failures; // pages whose write failed or was refused meanwhile
  private long writtenBefore;
  private long failedBefore;

  PageoutScan(
      ResidentPages pages, Cleaner cleaner, SwapState swap, ProcessWalker processes, ShortageRelief relief) {
    this.pages = pages;
    this.queues = pages.queues();
    this.freeList = pages.freeList();
    this.mappings = pages.mappings();
    this.cleaner = cleaner;
    this.swap = swap;
    this.processes = processes;
    this.relief = relief;
    this.limits = freeList.thresholds();
  }

  private int available() {
    return freeList.freeCount() + freeList.cacheCount();
  }

  /**
   * Makes one pass.
   *
   * @return whether another pass may follow at once; else the daemon rests, also while a victim is on its way out
   */
  boolean scan() {
    KThread t = KThread.current();
    freed = 0;
    started = 0;
    moved = 0;
    refused = 0;
    filesSkipped = 0;
    inBuffers = 0;
    launderLeft = pages.pageCount() > 1800 ? 32 : 16;
    scanInactive(t);
    scanActive(shortage());
    if (inBuffers > 0) {
      moved += swap.releaseBuffers(inBuffers);
    }
    while (freeList.freeCount() < limits.freeReserved() && pages.freeCachedHead()) { // D
      t.count(Event.DFREE);
      freed++;
    }
    askForHelp();
    if (noteProgress()) {
      return true;
    }
    if (fruitless < DESPAIR_MAX) {
      return fruitless < FRUITLESS_MAX && moved + started > 0;
    }
    int[] queued = queues.lengths();
    boolean full = started == 0 && !swap.isUsable() && !swap.isBusy();
    // as many failures as there are pages to try, for part of the disk may be good
    boolean broken = failures > 0 && failures >= Math.min(queued[0] + queued[1], MAXSCAN);
    if ((full || broken) && available() < limits.freeMin() && processes.killLargest()) { // F
      failures = 0; // the next victim only if writes go on failing without this one
    }
    return false;
  }

  private void askForHelp() { // E
    int available = available();
    if (available < limits.freeTarget()) {
      if (filesSkipped > 0 && available < limits.freeMin()) {
        relief.requestSync();
      }
      if (swap.isUsable()) {
        relief.requestVmDaemon(true);
      }
    }
    if (queues.lengths()[1] + available < limits.inactiveTarget() + limits.freeMin()) {
      relief.requestVmDaemon(false);
    }
  }

  /** Brings the account of progress up to date after a pass; returns whether there was any since the last one. */
  private boolean noteProgress() {
    long written = swap.pagesWritten();
    long failed = swap.pagesFailed();
    boolean progress = freed > 0 || written != writtenBefore;
    fruitless = progress ? 0 : fruitless + 1;
    failures = progress ? 0 : failures + (failed - failedBefore) + refused;
    writtenBefore = written;
    failedBefore = failed;
    return progress;
  }

  /** Returns whether so many passes have gained nothing that references no longer save a page. */
  private boolean despairs() {
    return fruitless >= FRUITLESS_MAX;
  }

  /** Tells that memory is fine: what failed before says nothing about the next shortage. */
  void memoryFine() {
    fruitless = 0;
    failures = 0;
  }

  @SuppressWarnings("GuardedBy") // Q is let go on three ways out of each turn
  private void scanInactive(KThread t) { // A
    for (int left = queues.lengths()[1]; left > 0 && available() < limits.cacheMin() + limits.freeTarget(); left--) {
      queues.lock.lock();
      VmPage m = queues.inactiveHeadLocked();
      if (m == null) {
        queues.lock.unlock();
        return;
      }
      VmObject o = VmObject.of(m);
      if (!o.lock.tryLock()) {
        queues.requeueLocked(m);
        queues.lock.unlock();
        continue;
      }
      t.count(Event.PDPAGES);
      examineInactive(t, o, m); // lets go of O and Q
    }
  }

  /** Decides on one inactive page. Enters with O and Q held, leaves with neither. */
  @SuppressWarnings("GuardedBy") // Q is held on entry; the checker cannot follow a lock that a callee releases
  private void examineInactive(KThread t, VmObject o, VmPage m) {
    if (m.holdCount() != 0 || m.isBusyAnyway() || o.isKernel()) {
      rotate(o, m);
      return;
    }
    collectReference(o, m);
    if ((m.isReferenced() && !despairs()) || m.isWanted()) {
      m.setReferenced(false);
      queues.activateLocked(m);
      m.setActCount(Math.min(m.actCount() + ACT_ADVANCE, ACT_MAX + ACT_ADVANCE - 1));
      moved++;
      release(o);
      return;
    }
    pages.testDirty(m);
    if ((m.dirty() & m.valid()) == 0) {
      reclaimClean(t, o, m);
      return;
    }
    if (launderLeft <= 0 || o.isDead()) {
      rotate(o, m);
      return;
    }
    ChainVnode v = o.type() == ObjectType.VNODE ? o.chainVnode() : null;
    if (v != null && !v.tryLock()) {
      filesSkipped += o.isWriteable() ? 1 : 0;
      rotate(o, m);
      return;
    }
    queues.lock.unlock();
    int n = cleaner.clean(o, m, Cleaner.How.ASYNC); // lets go of O
    if (v != null) {
      v.unlock();
    }
    started += n;
    launderLeft -= Math.max(1, n);
    if (n == 0) {
      if (!swap.isBusy()) {
        refused++;
      }
      requeueIfInactive(m);
    }
  }

  /** The page was refused: it must not stay at the head, or the scan would look at nothing else. */
  @SuppressWarnings("GuardedBy") // Q is held
  private void requeueIfInactive(VmPage m) {
    queues.lock.lock();
    if (m.isInactive()) {
      queues.requeueLocked(m);
    }
    queues.lock.unlock();
  }

  @SuppressWarnings("GuardedBy")
  private void reclaimClean(KThread t, VmObject o, VmPage m) {
    if (m.bmapped() != 0) {
      inBuffers++;
      rotate(o, m);
      return;
    }
    if (m.valid() == 0) {
      mappings.protect(m, VmProt.NONE);
      queues.lock.unlock();
      pages.free(m); // idle and ours by O
      o.lock.unlock();
      t.count(Event.DFREE);
      freed++;
      return;
    }
    if (pages.cacheLocked(m)) {
      freed++;
      release(o);
    } else {
      rotate(o, m); // turned out to be dirty when it was unmapped (R24)
    }
  }

  private int shortage() { // B
    int[] n = queues.lengths();
    int shortage = limits.inactiveTarget() - (freeList.freeCount() + n[1] + freeList.cacheCount());
    if (shortage > 0) {
      return shortage;
    }
    return freed == 0 ? limits.freeMin() - freeList.freeCount() : 1;
  }

  @SuppressWarnings("GuardedBy")
  private void scanActive(int wanted) { // C
    int shortage = wanted;
    int aged = 0;
    for (int left = queues.lengths()[0]; left > 0 && aged < MAXSCAN && shortage > 0; left--) {
      queues.lock.lock();
      VmPage m = queues.activeHeadLocked();
      if (m == null) {
        queues.lock.unlock();
        return;
      }
      VmObject o = VmObject.of(m);
      if (!o.lock.tryLock()) {
        queues.requeueLocked(m);
        queues.lock.unlock();
        continue;
      }
      if (m.isBusyAnyway() || m.holdCount() != 0 || o.isKernel()) {
        rotate(o, m);
        continue;
      }
      aged++;
      collectReference(o, m);
      if (o.refCount() != 0 && m.isReferenced() && !despairs()) {
        m.setReferenced(false);
        if (m.actCount() < ACT_MAX) {
          m.setActCount(m.actCount() + ACT_ADVANCE);
        }
        rotate(o, m);
        moved++;
        continue;
      }
      m.setReferenced(false);
      m.setActCount(despairs() ? 0 : Math.max(0, m.actCount() - ACT_DECLINE));
      moved++;
      if (m.actCount() != 0) {
        rotate(o, m);
        continue;
      }
      shortage--;
      if (o.refCount() == 0) {
        pages.testDirty(m);
        if (m.dirty() == 0 && m.bmapped() == 0 && pages.cacheLocked(m)) {
          release(o);
          continue;
        }
      }
      queues.deactivateLocked(m);
      release(o);
    }
  }

  /** Folds the hardware's reference bits into the software's; an object without references has none that count. */
  private void collectReference(VmObject o, VmPage m) {
    if (m.pvFlags != 0 && mappings.isReferenced(m)) {
      mappings.clearReference(m);
      m.setReferenced(true);
    }
    if (o.refCount() == 0) {
      m.setReferenced(false);
    }
  }

  @SuppressWarnings("GuardedBy")
  private void rotate(VmObject o, VmPage m) {
    queues.requeueLocked(m);
    release(o);
  }

  private void release(VmObject o) {
    queues.lock.unlock();
    o.lock.unlock();
  }
}
