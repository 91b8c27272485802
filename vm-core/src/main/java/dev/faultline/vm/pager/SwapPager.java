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
   * Parts      SwapSpace: who owns which block. SwapPageout: putpages and completion, with SwapControls: which pageout
   *            is where. Here: has_page, getpages.
   * Invariants I-29, I-44 to I-47, see checkInvariants.
   * Departures A read always takes a transfer of the pool, never a control block, and locks no record: its blocks are
   *            valid and its pages busy, so neither reclaim nor anybody else frees them. Tables are sparse and cover
   *            any offset, so that no page is beyond them.
   */
  private static final int NPENDINGIO = 10;

  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final Disk disk; // (C)
  private final SwapSpace space; // (C)
  private final SwapControls controls; // (C)
  private final SwapPageout pageout; // (C)
  private final TransferPool transfers; // (C)
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
    SyncDomain domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.disk = disk;
    this.space = new SwapSpace(domain, objects.pageSize(), swapPages);
    this.controls = new SwapControls(domain, space.lock, controlCount);
    this.pageout = new SwapPageout(objects, disk, space, controls, defects);
    this.transfers = new TransferPool(domain);
    if (pages.poison() != 0) {
      space.setWatch(new SwapWatch(disk, swapPages, objects.pageSize() / Long.BYTES, pages.poison()));
    }
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
      wanted = space.swapPage(o, ms[req]);
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

  /**
   * Returns whether a page lies {@code distance} from {@code wanted} in the swap area, valid and in the same dmmax
   * region. O held.
   */
  private boolean continues(VmObject o, VmPage m, int wanted, int distance) {
    int page = space.swapPage(o, m);
    return page != SwapTable.EMPTY && page == wanted + distance && SwapSpace.inOneRegion(page, wanted);
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

  // ---------------------------------------------------------------------------------------------- putpages, completion

  @Override
  public void putPages(VmObject o, VmPage[] ms, int count, boolean sync, PagerReturn[] results) {
    pageout.putPages(o, ms, count, sync, results);
  }

  @Override
  public boolean hasFinished() {
    return pageout.hasFinished();
  }

  /** swap_pager_sync: finishes every pageout that has completed. No mutex held. */
  @Override
  public void sync() {
    pageout.sync();
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
      int page = space.swapPage(o, m);
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
