package dev.faultline.vm.pager;

import dev.faultline.hw.Disk;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The way of pages out to swap, from the choice of blocks to the end of the write.
 *
 * @see "vm-semantics 3.6, R10, R39; swap_pager.c: swap_pager_putpages, swap_pager_iodone, swap_pager_finish"
 */
final class SwapPageout {
  /*
   * Implementation overview
   *
   * Way        put: choose blocks (O, S), get a control block (may sleep: records stay locked against reclaim), set
   *            valid bits *before* the I/O, submit with nothing held. The page is busy until its write is done, so
   *            nobody asks the disk too early (R39). iodone (interrupt): to the done list under S, then, S released,
   *            wake the daemon under F. sync: pages and pip of each done one under a single hold of O, S not held
   *            before it. What keeps the object meanwhile is the pip of those pages.
   * Let go     O and S around the wait for a control block. Survive: our busy pages and pip, hence object, table,
   *            paging offset; locked records, hence the chosen blocks.
   * Errors     A failed write leaves its page dirty and without a block (R39; H-SWERR leaves block and valid bit), so
   *            that the next try goes elsewhere on the disk; the place is used again when there is no other.
   * Departures Nobody sleeps on poip, so nothing wakes it.
   */
  private static final int CONTROL_WAIT_TICKS = 20; // hz/5: how long the page daemon waits for a control block

  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final Disk disk; // (C)
  private final SwapSpace space; // (C)
  private final SwapControls controls; // (C)
  private final boolean hSwErr; // (C)

  SwapPageout(VmObjects objects, Disk disk, SwapSpace space, SwapControls controls, Set<Defect> defects) {
    this.domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.disk = disk;
    this.space = space;
    this.controls = controls;
    this.hSwErr = defects.contains(Defect.H_SWERR);
  }

  SyncDomain domain() {
    return domain;
  }

  /** swap_pager_putpages; see {@link SwapPager#putPages}. */
  void putPages(VmObject o, VmPage[] ms, int count, boolean sync, PagerReturn[] results) {
    if (space.size() == 0) {
      Arrays.fill(results, 0, count, PagerReturn.FAIL);
      return;
    }
    if (sync) {
      sync();
    }
    Arrays.fill(results, 0, count, PagerReturn.AGAIN);
    PageoutControl c = prepare(o, ms, Math.min(count, PageoutControl.PAGES), sync);
    if (c == null) {
      return;
    }
    int n = c.count;
    KThread t = KThread.current();
    t.count(Event.SWAPOUT);
    t.count(Event.SWAPPGSOUT, n);
    Arrays.fill(results, 0, n, PagerReturn.PEND);
    disk.submit(c); // asynchronous: pages, pip and c belong to the completion from here on
    if (sync) {
      Arrays.fill(results, 0, n, finishSync(o, c, c.await("swwrt")) ? PagerReturn.OK : PagerReturn.ERROR);
    }
  }

  /**
   * Chooses blocks, gets a control block for the longest run that one transfer can take, and makes the run's blocks
   * valid.
   *
   * @return the control block, ready to be submitted; null if there is no swap for the first page or no control block
   *     to be had
   */
  @SuppressWarnings("GuardedBy") // O and S are let go and taken again around the wait
  private @Nullable PageoutControl prepare(VmObject o, VmPage[] ms, int count, boolean sync) {
    o.lock.lock();
    space.lock.lock();
    SwapTable table = SwapSpace.table(o);
    int n = chooseBlocks(table, o, ms, count);
    boolean mayTake = n != 0 && awaitControl(o);
    for (int i = 0; i < n; i++) {
      SwapSpace.block(table, space.pageIndex(o, ms[i])).locked--;
    }
    PageoutControl c = null;
    if (mayTake) {
      c = controls.take(this, sync);
      for (int i = 0; i < n; i++) {
        long index = space.pageIndex(o, ms[i]);
        space.setValid(table, SwapSpace.block(table, index), (int) index & 7, true); // before the I/O (R39)
        c.pages[i] = ms[i];
        if (!sync) {
          ms[i].handBusy(c);
        }
      }
      c.count = n;
      c.object = o;
      c.setRun(true, space.swapPage(o, ms[0]), ms, 0, n);
      space.transferBeginsLocked(space.swapPage(o, ms[0]), n, true);
      table.poip++;
      if (!sync) {
        o.handPip(n, c);
      }
    }
    space.lock.unlock();
    o.lock.unlock();
    return c;
  }

  /**
   * Gives each page a block, as far as they can go out in one transfer, and locks its record; returns how many can. O
   * and S held. A block that was chosen and then not used stays with its slot until it is, or until reclaim takes it.
   */
  @SuppressWarnings("GuardedBy") // O and S are the caller's
  private int chooseBlocks(SwapTable table, VmObject o, VmPage[] ms, int count) {
    int start = SwapTable.EMPTY;
    for (int i = 0; i < count; i++) {
      long index = space.pageIndex(o, ms[i]);
      SwapTable.Block b = table.findOrAdd(index >> 3);
      int slot = (int) index & 7;
      b.locked++;
      if (b.pages[slot] == SwapTable.EMPTY) {
        space.allocate(table, o, b, slot);
      }
      int page = b.pages[slot];
      if (i == 0) {
        start = page;
      }
      if (page == SwapTable.EMPTY || page != start + i || !SwapSpace.inOneRegion(page, start)) {
        b.locked--;
        table.dropIfIdle(b);
        return i;
      }
    }
    return count;
  }

  /**
   * Waits until a control block may be taken, the page daemon for a limited time, finishing completed pageouts
   * meanwhile so as not to depend on the daemon (5.3 rule 7). O and S held on entry and on return, let go in between.
   *
   * @return whether one may be taken
   */
  @SuppressWarnings("GuardedBy") // as it says
  private boolean awaitControl(VmObject o) {
    if (controls.available()) {
      return true;
    }
    boolean limited = KThread.current().isPageDaemon();
    long deadline = limited ? domain.clock().now() + CONTROL_WAIT_TICKS : 0;
    while (!controls.available()) {
      long ticks = limited ? deadline - domain.clock().now() : 0;
      if (limited && ticks <= 0) {
        return false;
      }
      o.lock.unlock();
      if (controls.hasDoneLocked()) {
        space.lock.unlock();
        sync();
      } else {
        controls.sleep(ticks); // releases S
      }
      o.lock.lock();
      space.lock.lock();
    }
    return true;
  }

  // -------------------------------------------------------------------------------------------------------- completion

  /** swap_pager_iodone of a pageout that nobody waits for, in interrupt context. */
  void iodone(PageoutControl c) {
    controls.completed(c, object(c));
    pages.freeList().wakeDaemonForCompletion(); // F, which ranks below S (R10)
  }

  private static VmObject object(PageoutControl c) {
    VmObject o = c.object;
    if (o == null) {
      throw KernelPanic.of("swap pageout without an object", c);
    }
    return o;
  }

  /** Returns whether a pageout waits for {@link #sync}. A snapshot. */
  boolean hasFinished() {
    return controls.hasDone();
  }

  /** swap_pager_sync: finishes every pageout that has completed. No mutex held. */
  void sync() {
    for (PageoutControl c = controls.takeDone(); c != null; c = controls.takeDone()) {
      finish(c);
      controls.give(c, !c.error);
    }
  }

  /** swap_pager_finish: un-busies the pages of a completed pageout and gives up their pip. */
  private void finish(PageoutControl c) {
    VmObject o = object(c);
    o.lock.lock(); // the pip of our pages keeps o until the last line
    try {
      written(o, c, !c.error);
      for (int i = 0; i < c.count; i++) {
        pages.wakeup(c.pages[i], c);
      }
      o.pipDown(c.count, c);
    } finally {
      o.lock.unlock();
    }
  }

  /** The end of a pageout for him who waited; pages and pip stay his. */
  private boolean finishSync(VmObject o, PageoutControl c, boolean ok) {
    o.lock.lock();
    try {
      written(o, c, ok);
      space.lock.lock();
      try {
        SwapSpace.table(o).poip--;
      } finally {
        space.lock.unlock();
      }
    } finally {
      o.lock.unlock();
    }
    controls.give(c, ok);
    return ok;
  }

  /**
   * What a completed write, good or bad, means for its pages. Caller holds O; the pages are busy and write-protected.
   */
  private void written(VmObject o, PageoutControl c, boolean ok) {
    space.transferEnds(space.swapPage(o, c.pages[0]), c.count);
    if (!ok && !hSwErr) {
      space.failed(o, c.pages, c.count); // R39
    }
    for (int i = 0; i < c.count; i++) {
      VmPage m = c.pages[i];
      if (ok) {
        assert (m.pvFlags & VmPage.PV_WRITEABLE) == 0 || !domain.mutexesReal();
        if (m.pvFlags != 0) {
          pages.mappings().clearModify(m);
        }
        m.clearDirty(VmPage.ALL_CHUNKS);
      }
      if (!ok || m.isWanted() || m.isReferenced()) {
        queues.reactivate(m);
      }
    }
  }
}
