package dev.faultline.vm.pager;

import dev.faultline.hw.Disk;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.SwapTransfer;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.Arrays;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Pages anonymous memory to the swap area, the first blocks of the machine's disk.
 *
 * @see "vm-semantics 1.6, 3.6, R10, R39; swap_pager.c"
 */
public final class SwapPager implements Pager, SwapTransfer {
  /*
   * Implementation overview
   *
   * Parts      SwapSpace: who owns which block. SwapControls: which pageout is where. Here: has_page, getpages,
   *            putpages, completion.
   * Pageout    put: choose blocks (O, S), get a control block (may sleep: records stay locked against reclaim), set
   *            valid bits *before* the I/O, submit with nothing held. The page is busy until its write is done, so
   *            nobody asks the disk too early (R39). iodone (interrupt): to the done list under S, then, S released,
   *            wake the daemon under F. sync: pages and pip of each done one under a single hold of O, S not held
   *            before it. What keeps the object meanwhile is the pip of those pages.
   * Let go     O and S around the wait for a control block. Survive: our busy pages and pip, hence object, table,
   *            paging offset; locked records, hence the chosen blocks.
   * Errors     A failed write leaves its page dirty and without a block (R39; H-SWERR leaves block and valid bit), so
   *            that the next try goes elsewhere on the disk; the place is used again when there is no other.
   * Invariants I-29, I-44 to I-47, see checkInvariants. Departures A read always takes a transfer of the pool, never a
   * control block, and locks no record: its blocks are valid and its pages busy, so neither reclaim nor anybody else
   * frees them. Tables are sparse and cover any offset, so that no page is beyond them. Nobody sleeps on poip, so
   * nothing wakes it.
   */
  static final int DMMAX_PAGES = 16; // 128 blocks: no transfer straddles a multiple of it
  private static final int NPENDINGIO = 10;
  private static final int CONTROL_WAIT_TICKS = 20; // hz/5: how long the page daemon waits for a control block

  private final SyncDomain domain; // (C)
  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final Disk disk; // (C)
  private final SwapSpace space; // (C)
  private final SwapControls controls; // (C)
  private final TransferPool transfers; // (C)
  private final boolean hSwErr; // (C)
  private @Nullable BooleanSupplier tableFaults; // (C) once booted

  /**
   * Makes the pager.
   *
   * @param swapPages pages of swap at the front of the disk; 0 for none, and then every pageout fails
   */
  public SwapPager(VmObjects objects, Disk disk, int swapPages, Set<Defect> defects) {
    this(objects, disk, swapPages, defects, NPENDINGIO);
  }

  /** Makes the pager with so many control blocks. */
  SwapPager(VmObjects objects, Disk disk, int swapPages, Set<Defect> defects, int controlCount) {
    if (swapPages < 0 || swapPages * 8L > disk.blocks()) {
      throw new IllegalArgumentException(
          "swap of " + swapPages + " pages: must be 0 to " + disk.blocks() / 8 + " pages, the size of the disk");
    }
    this.objects = objects;
    this.domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.disk = disk;
    this.space = new SwapSpace(domain, objects.pageSize(), swapPages);
    this.controls = new SwapControls(domain, space.lock, controlCount);
    this.transfers = new TransferPool(domain);
    this.hSwErr = defects.contains(Defect.H_SWERR);
    if (pages.poison() != 0) {
      space.setWatch(new SwapWatch(disk, swapPages, objects.pageSize() / Long.BYTES, pages.poison()));
    }
  }

  SyncDomain domain() {
    return domain;
  }

  /** Lets a test refuse block tables (vm-semantics 6.5, block-table-alloc-fail); before the first thread runs. */
  public void setTableFaults(BooleanSupplier refuses) {
    tableFaults = refuses;
  }

  /** Returns the pages of the swap area. */
  public int swapPages() {
    return space.size();
  }

  /** Returns vm_swap_size in pages: how many are free. A snapshot. */
  public int freePages() {
    return space.freePages();
  }

  /** Returns swap_pager_full. A snapshot. */
  public boolean isFull() {
    return space.isFull();
  }

  /** Returns whether there is swap and it is not full. A snapshot. */
  public boolean isUsable() {
    return swapPages() != 0 && !isFull();
  }

  /** Returns whether any pageout is under way or waits for {@link #sync}. A snapshot. */
  public boolean isBusy() {
    return controls.out() != 0;
  }

  /** Returns how many pages have been written to swap and finished. A snapshot. */
  public long pagesWritten() {
    return controls.pagesWritten();
  }

  /** Returns how many pages a write to swap has failed for. A snapshot. */
  public long pagesFailed() {
    return controls.pagesFailed();
  }

  /** swap_pager_alloc: a new swap object with an empty table and one reference, the caller's. */
  @Override
  public VmObject allocate(long size) {
    return allocate(size, null);
  }

  /** Makes a swap object with one reference, for {@code handle} or for nobody. */
  public VmObject allocate(long size, @Nullable Object handle) {
    VmObject o = objects.allocate(ObjectType.DEFAULT, size, handle, null, null);
    o.lock.lock();
    try {
      space.attach(o);
    } finally {
      o.lock.unlock();
    }
    return o;
  }

  /**
   * Makes a DEFAULT object a swap object. Caller holds O.
   *
   * @return false if there is no swap or the table was refused; nothing has changed then
   */
  boolean convert(VmObject o) {
    if (swapPages() == 0 || (tableFaults != null && tableFaults.getAsBoolean())) {
      return false;
    }
    space.attach(o);
    return true;
  }

  // ---------------------------------------------------------------------------------------------------------- has_page

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    around.before = 0;
    around.after = 0;
    o.lock.lock();
    try {
      if (!hasPageLocked(o, pagerOffset)) {
        return false;
      }
      long index = pagerOffset / objects.pageSize();
      SwapTable.Block b = SwapSpace.block(SwapSpace.table(o), index);
      int slot = (int) index & 7;
      int i = slot;
      while (i > 0 && b.isValid(i - 1) && b.pages[i - 1] == b.pages[i] - 1) {
        i--;
      }
      around.before = slot - i;
      i = slot;
      while (i < SwapTable.PAGES - 1 && b.isValid(i + 1) && b.pages[i + 1] == b.pages[i] + 1) {
        i++;
      }
      around.after = i - slot;
      return true;
    } finally {
      o.lock.unlock();
    }
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    assert o.lock.isHeld();
    return o.type() == ObjectType.SWAP && space.validPage(o, pagerOffset) != SwapTable.EMPTY;
  }

  /** Copies what swap holds of a page, without a request; false if it holds nothing. O held, the kernel at rest. */
  public boolean peek(VmObject o, long pagerOffset, long[] words) {
    int page = space.validPage(o, pagerOffset);
    if (page == SwapTable.EMPTY) {
      return false;
    }
    disk.peek(page * 8L, words);
    return true;
  }

  /**
   * Returns whether a block counts as the page's though the last write of it failed, so that it holds anything (R39).
   * O is held by the caller, the page is not busy.
   */
  public boolean isSpoiled(VmObject o, long pagerOffset) {
    int page = space.validPage(o, pagerOffset);
    return page != SwapTable.EMPTY && disk.isSpoiled(page * 8L, 8);
  }

  // ---------------------------------------------------------------------------------------------------------- getpages

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] ms, int count, int req) {
    KThread t = KThread.current();
    int wanted;
    int first = req;
    int end = req + 1;
    o.lock.lock();
    try {
      wanted = swapPage(o, ms[req]);
      if (wanted == SwapTable.EMPTY) {
        freeOthers(ms, 0, count, req);
        return PagerReturn.FAIL;
      }
      boolean sequential = ms[req].offset() == o.lastRead() + objects.pageSize();
      while (!sequential && first > 0 && continues(o, ms[first - 1], wanted, first - 1 - req)) {
        first--;
      }
      while (end < count && continues(o, ms[end], wanted, end - req)) {
        end++;
      }
      freeOthers(ms, 0, first, req);
      freeOthers(ms, end, count, req);
      space.transferBegins(wanted - (req - first), end - first, false);
    } finally {
      o.lock.unlock();
    }

    int n = end - first;
    DiskTransfer read = transfers.take();
    read.setRun(false, wanted - (req - first), ms, first, n);
    disk.submit(read);
    boolean ok = read.await("swread");
    transfers.give(read);

    o.lock.lock();
    try {
      space.transferEnds(wanted - (req - first), n);
      if (!ok) {
        freeOthers(ms, first, end, req);
        return PagerReturn.ERROR;
      }
      t.count(Event.SWAPIN);
      t.count(Event.SWAPPGSIN, n);
      boolean onlyCopy = space.isFull() && space.freeIfFull(o, ms, first, end);
      for (int i = first; i < end; i++) {
        VmPage m = ms[i];
        m.clearZero();
        m.clearDirty(VmPage.ALL_CHUNKS);
        if (onlyCopy) {
          m.orDirty(VmPage.ALL_CHUNKS);
        }
        m.setValid(VmPage.ALL_CHUNKS);
        if (i != req) {
          queues.deactivate(m);
          pages.wakeup(m);
        }
      }
      o.setLastRead(ms[req].offset() + (long) (end - 1 - req) * objects.pageSize());
      return PagerReturn.OK;
    } finally {
      o.lock.unlock();
    }
  }

  /** Returns the page of swap with a page's contents, or EMPTY. Caller holds O. */
  private int swapPage(VmObject o, VmPage m) {
    return SwapSpace.table(o).validPage(space.pageIndex(o, m));
  }

  /**
   * Returns whether a page lies {@code distance} from {@code wanted} in the swap area, valid and in the same dmmax
   * region. O held.
   */
  private boolean continues(VmObject o, VmPage m, int wanted, int distance) {
    int page = swapPage(o, m);
    return page != SwapTable.EMPTY && page == wanted + distance && page / DMMAX_PAGES == wanted / DMMAX_PAGES;
  }

  /**
   * Frees the pages of a part of an array but the requested one, which stays the caller's. Caller holds O and owns
   * them.
   */
  void freeOthers(VmPage[] ms, int from, int to, int req) {
    for (int i = from; i < to; i++) {
      if (i != req) {
        pages.freeBusy(ms[i]);
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------------- putpages

  @Override
  public void putPages(VmObject o, VmPage[] ms, int count, boolean sync, PagerReturn[] results) {
    if (swapPages() == 0) {
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
      c.setRun(true, swapPage(o, ms[0]), ms, 0, n);
      space.transferBeginsLocked(swapPage(o, ms[0]), n, true);
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
      if (page == SwapTable.EMPTY || page != start + i || page / DMMAX_PAGES != start / DMMAX_PAGES) {
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

  @Override
  public boolean hasFinished() {
    return controls.hasDone();
  }

  /** swap_pager_sync: finishes every pageout that has completed. No mutex held. */
  @Override
  public void sync() {
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
    space.transferEnds(swapPage(o, c.pages[0]), c.count);
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
        m.setReferenced(false);
        queues.lock.lock();
        try {
          if (m.isInactive()) {
            queues.activateLocked(m);
          }
        } finally {
          queues.lock.unlock();
        }
      }
    }
  }

  // ----------------------------------------------------------------------------------------- giving back, handing over

  /** swap_pager_freespace. */
  @Override
  public void freeSpace(VmObject o, long pagerOffset, int count) {
    if (o.type() == ObjectType.SWAP) {
      space.free(o, pagerOffset, count);
    }
  }

  /** swap_pager_dealloc. */
  @Override
  public void dealloc(VmObject o) {
    space.dealloc(o);
  }

  /** swap_pager_copy. */
  @Override
  public void copy(VmObject src, VmObject dst, long offset) {
    space.copy(src, dst, offset);
  }

  @Override
  public void takeOver(VmObject src, VmObject dst, long offset) {
    space.takeOver(src, dst, offset);
  }

  // -------------------------------------------------------------------------------------------------------- invariants

  /**
   * Checks I-44 and I-45, which hold whenever S is free, and, if nothing goes on, I-29, I-46 and I-47.
   *
   * @param quiescent whether all threads are outside the kernel and the disk is idle
   * @throws KernelPanic with a message that begins with the number of what does not hold
   */
  public void checkInvariants(boolean quiescent) {
    space.lock.lock();
    try {
      space.checkInvariants(quiescent);
    } finally {
      space.lock.unlock();
    }
    if (quiescent) {
      controls.checkQuiet();
      SwapSpace.check(transfers.inUse() == 0, "I-46 transfers in use: " + transfers.inUse());
      objects.forEach(this::checkObject);
    }
  }

  /** Checks I-44 and I-45 on the thread that is about to let go of S. */
  @SuppressWarnings("GuardedBy") // S is the caller's
  public void checkSpaceLocked() {
    assert space.lock.isHeld();
    space.checkInvariants(false);
  }

  /** Quiescence alone makes the fields of an object readable here, under OL. */
  private void checkObject(VmObject o) {
    if (o.isDead()) {
      return;
    }
    if (o.type() != ObjectType.SWAP) {
      SwapSpace.check(o.type() != ObjectType.DEFAULT || o.pagerData() == null, "I-29 default object with a table", o);
      return;
    }
    SwapTable table = SwapSpace.table(o);
    SwapSpace.check(table.owner == o, "I-29 swap object with another's table", o, table);
    long[] words = new long[objects.pageSize() / Long.BYTES];
    for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
      int page = swapPage(o, m);
      if (page == SwapTable.EMPTY || m.isBusyAnyway() || m.dirty() != 0 || !m.isWhollyValid() || isModified(m)) {
        continue;
      }
      disk.peek(page * 8L, words);
      for (int i = 0; i < words.length; i++) {
        boolean same = words[i] == pages.memory().load(m.frame(), i);
        SwapSpace.check(same, "I-47 clean page differs from its block " + page, m, o);
      }
    }
  }

  private boolean isModified(VmPage m) {
    return m.pvFlags != 0 && pages.mappings().isModified(m);
  }

  @Override
  public String toString() { // racy, for reports
    return space + " pageouts=" + controls.out();
  }
}
