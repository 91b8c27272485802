package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/**
 * Who owns which page of the swap area: the block tables of all swap objects and the map of what is free, kept in step.
 *
 * @see "vm-semantics 1.6, 3.6: getswapspace, reclaim, freespace, copy, dealloc; swap_pager.c"
 */
final class SwapSpace {
  /*
   * Implementation overview
   *
   * Locks      S guards the map, the full flag and the list of tables. What a table says is written under O(owner) and
   *            S and read under either, so methods that change one want both.
   * Never      waits. copy, takeOver and dealloc come with pip 0 under O, and every write that is under way or done but
   *            not finished holds pip, so there is none.
   * Spare      A page of swap is spare while a slot owns it and it holds nothing: seven of eight after the first
   *            pageout of a record. Reclaim takes spare ones back when there is nothing else. It skips locked records:
   *            there a pageout has chosen a block and not yet made it valid.
   * Invariants I-44, I-45.
   */
  private static final int DMMAX_PAGES = 16; // 128 blocks: no transfer straddles a multiple of it
  private static final int MAXRECLAIM = 128;
  private static final int SMALL_SWAP = 1024; // pages: below it the limits of the full flag are fractions

  final KMutex lock; // S, LockRank.SWAP
  private final int pageShift; // (C)
  private final int size; // (C) pages
  private final int fullBelow; // (C) pages
  private final int fullAbove; // (C) pages

  @GuardedBy("lock")
  private final SwapMap map;

  private volatile int freePages; // vm_swap_size; written under lock
  private volatile boolean full; // swap_pager_full; written under lock

  @GuardedBy("lock")
  private @Nullable SwapTable tables;

  @GuardedBy("lock")
  private int spare; // in all tables

  private @Nullable SwapWatch watch; // (C) once booted

  SwapSpace(SyncDomain domain, int pageSize, int pages) {
    lock = new KMutex(domain, LockRank.SWAP, "swap");
    pageShift = Integer.numberOfTrailingZeros(pageSize);
    size = pages;
    fullBelow = pages < SMALL_SWAP ? pages / 8 : 128;
    fullAbove = pages < SMALL_SWAP ? (int) (pages * 3L / 16) : 192;
    map = new SwapMap(pages);
    freePages = pages;
  }

  /** Has the pages watched; at boot. */
  void setWatch(SwapWatch w) {
    watch = w;
  }

  /** A transfer of pages of swap that hold, or are to hold, something begins. For the watch. Caller holds O. */
  void transferBegins(int page, int count, boolean write) {
    if (watch == null) {
      return;
    }
    lock.lock();
    try {
      transferBeginsLocked(page, count, write);
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  void transferBeginsLocked(int page, int count, boolean write) {
    SwapWatch w = watch;
    if (w != null) {
      w.begins(map, page, count, write);
    }
  }

  /** A transfer has been completed, well or not. Caller holds O. */
  void transferEnds(int page, int count) {
    SwapWatch w = watch;
    if (w == null) {
      return;
    }
    lock.lock();
    try {
      w.ends(page, count);
    } finally {
      lock.unlock();
    }
  }

  int size() {
    return size;
  }

  /** Returns how many pages are free. Exact under S, else a snapshot. */
  int freePages() {
    return freePages;
  }

  /** Returns swap_pager_full. Exact under S, else a snapshot. */
  boolean isFull() {
    return full;
  }

  /** Returns the block table of a swap object. Caller holds O, or pip, which keeps it. */
  static SwapTable table(VmObject o) {
    SwapTable table = (SwapTable) o.pagerData();
    if (table == null) {
      throw KernelPanic.of("I-29 swap object without a table", o);
    }
    return table;
  }

  /** Returns the record of a page that has a block. O or S held. */
  static SwapTable.Block block(SwapTable table, long pageIndex) {
    SwapTable.Block b = table.find(pageIndex >> 3);
    if (b == null) {
      throw KernelPanic.of("swap block record missing for page " + pageIndex, table);
    }
    return b;
  }

  /** Returns where a page is in its object's table. */
  long pageIndex(VmObject o, VmPage m) {
    return (o.pagingOffset() + m.offset()) >> pageShift;
  }

  /** Returns whether one transfer may take both pages of swap and what is between them. */
  static boolean inOneRegion(int page, int other) {
    return page / DMMAX_PAGES == other / DMMAX_PAGES;
  }

  /** Returns the page of swap that holds the contents at a pager offset, or {@link SwapTable#EMPTY}. Caller holds O. */
  int validPage(VmObject o, long pagerOffset) {
    return table(o).validPage(pagerOffset >> pageShift);
  }

  /** Returns the page of swap with a page's contents, or EMPTY. Caller holds O. */
  int swapPage(VmObject o, VmPage m) {
    return table(o).validPage(pageIndex(o, m));
  }

  /** Gives a DEFAULT object an empty table and makes it a swap object: table first, type last (R11). Caller holds O. */
  void attach(VmObject o) {
    assert o.lock.isHeld();
    assert o.type() == ObjectType.DEFAULT;
    SwapTable table = new SwapTable(o);
    lock.lock();
    try {
      table.listNext = tables;
      if (tables != null) {
        tables.listPrev = table;
      }
      tables = table;
    } finally {
      lock.unlock();
    }
    o.setPager(ObjectType.SWAP, table);
  }

  @GuardedBy("lock")
  private void unlist(SwapTable table) {
    if (table.listPrev == null) {
      tables = table.listNext;
    } else {
      table.listPrev.listNext = table.listNext;
    }
    if (table.listNext != null) {
      table.listNext.listPrev = table.listPrev;
    }
    table.listNext = null;
    table.listPrev = null;
  }

  /** swapsizecheck. What a write has failed for is no room: who counts on it keeps copies that he could give up. */
  @GuardedBy("lock")
  private void checkSize() {
    freePages = map.freeCount();
    int left = map.goodCount();
    if (left < fullBelow) {
      full = true;
    } else if (left > fullAbove) {
      full = false;
    }
  }

  // -------------------------------------------------------------------------------------------------------- allocation

  /**
   * Finds a page of swap for a slot that has none: eight at once for an empty record, else one, else one that reclaim
   * finds, else one whose last write failed; with none the slot stays empty and swap is full. Caller holds O(own) and
   * has locked the record.
   */
  @GuardedBy("lock")
  void allocate(SwapTable table, VmObject own, SwapTable.Block b, int slot) {
    assert b.locked > 0;
    if (b.allocatedCount() == 0) {
      int cluster = map.takeCluster();
      if (cluster != SwapMap.NONE) {
        for (int i = 0; i < SwapTable.PAGES; i++) {
          table.assign(b, i, cluster + i);
        }
        spare += SwapTable.PAGES;
        checkSize();
        return;
      }
    }
    int page = map.takeOne();
    if (page == SwapMap.NONE) {
      reclaim(own);
      page = map.takeOne();
    }
    if (page == SwapMap.NONE) {
      page = map.takeDoubtful();
    }
    if (page == SwapMap.NONE) {
      full = true;
      return;
    }
    table.assign(b, slot, page);
    spare++;
    checkSize();
  }

  /** Says whether the page of swap of a slot holds its contents. Caller holds O. */
  @GuardedBy("lock")
  void setValid(SwapTable table, SwapTable.Block b, int slot, boolean on) {
    if (b.isValid(slot) != on) {
      spare += on ? -1 : 1;
      table.setValid(b, slot, on);
    }
  }

  /**
   * The write of pages has failed. What their blocks hold is anything by now (R39), and they go back: the next try
   * takes others. Caller holds O and the pages.
   */
  void failed(VmObject o, VmPage[] ms, int count) {
    SwapTable table = table(o);
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        long index = pageIndex(o, ms[i]);
        SwapTable.Block b = block(table, index);
        map.giveDoubtful(release(table, b, (int) index & 7));
        table.dropIfIdle(b);
      }
      checkSize();
    } finally {
      lock.unlock();
    }
  }

  /**
   * swap_pager_reclaim: takes back what was allocated and never written, from idle objects, at most MAXRECLAIM pages.
   * O(own) held; another object's O is tried, against the order of ranks. One at a time, as S is held throughout.
   */
  @GuardedBy("lock")
  private void reclaim(VmObject own) {
    int left = MAXRECLAIM;
    for (SwapTable table = tables; table != null && spare > 0 && left > 0; table = table.listNext) {
      if (table.spare() == 0) {
        continue;
      }
      VmObject o = table.owner;
      boolean other = o != own;
      if (other && !o.lock.tryLock()) {
        continue;
      }
      if (!other || o.pip() == 0) {
        left -= reclaim(table, left);
      }
      if (other) {
        o.lock.unlock();
      }
    }
    checkSize();
  }

  @GuardedBy("lock")
  private int reclaim(SwapTable table, int most) {
    int n = 0;
    for (SwapTable.Block b : table.blocks()) {
      if (b.locked != 0) {
        continue;
      }
      for (int i = 0; i < SwapTable.PAGES && n < most; i++) {
        if (b.pages[i] != SwapTable.EMPTY && !b.isValid(i)) {
          freeSlot(table, b, i);
          n++;
        }
      }
      table.dropIfIdle(b);
      if (n == most) {
        break;
      }
    }
    return n;
  }

  // ----------------------------------------------------------------------------------------------------------- freeing

  @GuardedBy("lock")
  private void freeSlot(SwapTable table, SwapTable.Block b, int slot) {
    if (b.pages[slot] != SwapTable.EMPTY) {
      map.give(release(table, b, slot));
    }
  }

  /** Takes the page of swap of a slot away, which has one, and returns it; it is nobody's until the map has it. */
  @GuardedBy("lock")
  private int release(SwapTable table, SwapTable.Block b, int slot) {
    if (!b.isValid(slot)) {
      spare--;
    }
    int page = table.clear(b, slot);
    SwapWatch w = watch;
    if (w != null) {
      w.freed(page);
    }
    return page;
  }

  /** Frees what a table owns in [from, to), page indexes, or outside that range. Caller holds O. */
  @GuardedBy("lock")
  private void freeRange(SwapTable table, long from, long to, boolean inside) {
    if (inside && to - from <= table.blockCount()) {
      for (long index = from; index < to; index++) {
        SwapTable.Block b = table.find(index >> 3);
        if (b != null) {
          freeSlot(table, b, (int) index & 7);
          table.dropIfIdle(b);
        }
      }
    } else { // fewer records than pages asked for
      for (SwapTable.Block b : table.blocks()) {
        for (int i = 0; i < SwapTable.PAGES; i++) {
          long index = b.index * SwapTable.PAGES + i;
          if ((index >= from && index < to) == inside) {
            freeSlot(table, b, i);
          }
        }
        table.dropIfIdle(b);
      }
    }
    checkSize();
  }

  /** swap_pager_freespace. Caller holds O of a swap object. */
  void free(VmObject o, long pagerOffset, int count) {
    assert o.lock.isHeld();
    long first = pagerOffset >> pageShift;
    lock.lock();
    try {
      freeRange(table(o), first, first + count, true);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Frees the blocks of pages that were just read, if swap is full by now. Caller holds O and the pages. Returns
   * whether it did.
   */
  boolean freeIfFull(VmObject o, VmPage[] ms, int first, int end) {
    lock.lock();
    try {
      if (!full) {
        return false;
      }
      for (int i = first; i < end; i++) {
        long index = pageIndex(o, ms[i]);
        freeRange(table(o), index, index + 1, true);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** swap_pager_dealloc. Caller holds O of a dead object with pip 0. */
  void dealloc(VmObject o) {
    assert o.lock.isHeld();
    SwapTable table = table(o);
    lock.lock();
    try {
      quiet(o, table);
      freeRange(table, 0, 0, false);
      unlist(table);
    } finally {
      lock.unlock();
    }
  }

  private static void quiet(VmObject o, SwapTable table) {
    if (table.poip != 0) {
      throw KernelPanic.of("swap_pager: pageouts in progress of a quiet object", table, o);
    }
  }

  /** swap_pager_copy. Both O held. Works from the blocks that there are, not from the pages that there might be. */
  void copy(VmObject src, VmObject dst, long offset) {
    assert src.lock.isHeld();
    assert dst.lock.isHeld();
    SwapTable from = table(src);
    SwapTable to = table(dst);
    long shift = (dst.pagingOffset() - src.pagingOffset() - offset) >> pageShift; // from src's page index to dst's
    long first = dst.pagingOffset() >> pageShift;
    long end = (dst.pagingOffset() + dst.size()) >> pageShift;
    lock.lock();
    try {
      quiet(src, from);
      quiet(dst, to);
      for (SwapTable.Block b : from.blocks()) {
        for (int i = 0; i < SwapTable.PAGES; i++) {
          long index = b.index * SwapTable.PAGES + i + shift;
          if (b.isValid(i) && index >= first && index < end && to.validPage(index) == SwapTable.EMPTY) {
            move(from, b, i, to, index);
          }
        }
      }
      freeRange(from, 0, 0, false);
      unlist(from);
    } finally {
      lock.unlock();
    }
    src.setPager(ObjectType.DEFAULT, null);
  }

  /** Moves one valid block. O of both held. */
  @GuardedBy("lock")
  private void move(SwapTable from, SwapTable.Block b, int slot, SwapTable to, long index) {
    int page = from.clear(b, slot);
    SwapTable.Block target = to.findOrAdd(index >> 3);
    int at = (int) index & 7;
    freeSlot(to, target, at); // allocated and never written
    to.assign(target, at, page);
    to.setValid(target, at, true);
  }

  /** Hands the whole table of {@code src} to {@code dst}, a DEFAULT object. Both O held. */
  void takeOver(VmObject src, VmObject dst, long offset) {
    assert src.lock.isHeld();
    assert dst.lock.isHeld();
    assert dst.type() == ObjectType.DEFAULT;
    SwapTable table = table(src);
    src.setPager(ObjectType.DEFAULT, null);
    dst.setPagingOffset(src.pagingOffset() + offset);
    long first = dst.pagingOffset() >> pageShift;
    lock.lock();
    try {
      quiet(src, table);
      table.owner = dst;
      freeRange(table, first, first + (dst.size() >> pageShift), false); // in front of its window, and behind it
    } finally {
      lock.unlock();
    }
    dst.setPager(ObjectType.SWAP, table);
  }

  // -------------------------------------------------------------------------------------------------------- invariants

  /** Checks I-44 and I-45; with {@code quiescent} also that nothing is under way (I-46). */
  @GuardedBy("lock")
  void checkInvariants(boolean quiescent) {
    int owned = 0;
    int spares = 0;
    boolean[] taken = new boolean[size];
    for (SwapTable table = tables; table != null; table = table.listNext) {
      int allocated = 0;
      int valid = 0;
      for (SwapTable.Block b : table.blocks()) {
        for (int i = 0; i < SwapTable.PAGES; i++) {
          int page = b.pages[i];
          if (page == SwapTable.EMPTY) {
            check(!b.isValid(i), "I-45 valid bit without a block", table, b);
            continue;
          }
          check(page >= 0 && page < size && !taken[page], "I-44 block owned twice: " + page, table, b);
          check(!map.isFree(page), "I-44 block owned and free: " + page, table, b);
          taken[page] = true;
          allocated++;
          valid += b.isValid(i) ? 1 : 0;
        }
        check(!quiescent || b.locked == 0, "I-46 locked record", table, b);
      }
      boolean counted = allocated == table.allocated() && valid == table.validCount();
      check(counted, "I-44 allocsize is not what is allocated", table, allocated);
      check(!quiescent || table.poip == 0, "I-46 poip", table);
      owned += allocated;
      spares += allocated - valid;
    }
    int free = map.countFree();
    check(free == map.freeCount() && free == freePages, "I-44 vm_swap_size is not what is free", map, freePages);
    check(owned + free == size, "I-44 blocks lost: " + owned + " owned", map);
    check(spares == spare, "I-44 spare blocks miscounted", spares, spare);
  }

  static void check(boolean holds, String message, Object... state) {
    if (!holds) {
      throw KernelPanic.of(message, state);
    }
  }

  @Override
  public String toString() { // racy, for reports
    return "swap(" + freePages + " of " + size + " pages free" + (full ? ", full)" : ")");
  }
}
