package dev.faultline.vm.pmap;

import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;

/**
 * Removal and protection of ranges of one {@link Pmap}: many words changed, then one shootdown.
 *
 * <p>P(pmap) is held from the first change to the end of the harvest, so that at most one batch of a pmap is under way.
 *
 * @see "vm-semantics 3.9, 6.2; pmap.c: pmap_remove, pmap_protect"
 */
final class PmapRanges {
  private PmapRanges() {}

  /** See {@link Pmap#remove}. */
  static void remove(Pmap p, long start, long end) {
    while (removeBatch(p, start, end) != 0) { // rare: an unmapping unwires first, but mprotect to nothing does not
      removeWired(p, start, end);
    }
  }

  private static void removeWired(Pmap p, long start, long end) {
    KThread t = KThread.current();
    for (long va = p.table.nextLeafAddress(start, end); va < end; va = p.table.nextLeafAddress(va, end)) {
      PageTable.Leaf leaf = p.table.leaf(va);
      long leafEnd = p.leafEnd(va, end);
      for (; va < leafEnd; va += p.pageSize) {
        int i = p.table.index(va);
        while (leaf != null && (leaf.get(i) & Pte.WIRED) != 0) {
          p.removeWired(t, leaf, i, va);
        }
      }
    }
  }

  /** See {@link Pmap#removeUnwired}. */
  static void removeUnwired(Pmap p, long start, long end) {
    removeBatch(p, start, end);
  }

  /** Removes the mappings of a range that are not Wired; returns how many Wired ones it left. */
  private static int removeBatch(Pmap p, long start, long end) {
    KThread t = KThread.current();
    int spared = 0;
    long first = end;
    long last = start;
    p.lock.lock();
    try {
      for (long va = p.table.nextLeafAddress(start, end); va < end; va = p.table.nextLeafAddress(va, end)) {
        PageTable.Leaf leaf = p.leafOf(va);
        long leafEnd = p.leafEnd(va, end);
        for (; va < leafEnd; va += p.pageSize) {
          int i = p.table.index(va);
          if (!Pmap.inUse(leaf.get(i))) {
            continue;
          }
          if (invalidateOrSpare(p, t, leaf, i)) {
            spared++;
          } else {
            first = Math.min(first, va);
            last = va + p.pageSize;
          }
        }
      }
      if (first < last) {
        p.module.shoot(p, first, last);
      }
      for (long va = p.table.nextLeafAddress(start, end); va < end; va = p.table.nextLeafAddress(va, end)) {
        PageTable.Leaf leaf = p.leafOf(va);
        long from = va;
        long leafEnd = p.leafEnd(va, end);
        for (; va < leafEnd; va += p.pageSize) {
          int i = p.table.index(va);
          if (isHalfRemoved(leaf.get(i))) {
            harvest(p, t, leaf, i);
          }
        }
        if (leafEnd - from == p.table.leafSpan()) {
          p.table.unlinkIfEmpty(from);
        }
      }
    } finally {
      p.lock.unlock();
    }
    return spared;
  }

  private static boolean isHalfRemoved(long word) {
    return Pmap.inUse(word) && (word & Pte.V) == 0;
  }

  /** First half of a batched removal, unless the mapping is Wired: then returns true. Caller holds P. */
  private static boolean invalidateOrSpare(Pmap p, KThread t, PageTable.Leaf leaf, int i) {
    KMutex pv = p.pvs.lock(Pte.frame(leaf.get(i))); // under P a word keeps its frame until it is zero
    pv.lock();
    try {
      long word = leaf.get(i);
      if (Pmap.inUse(word) && (word & Pte.WIRED) != 0) {
        return true;
      }
      if (Pmap.inUse(word)) {
        p.invalidate(t, leaf, i);
      }
      return false;
    } finally {
      pv.unlock();
    }
  }

  /** Second half of a batched removal, unless a page-based operation has done it. Caller holds P and has shot. */
  private static void harvest(Pmap p, KThread t, PageTable.Leaf leaf, int i) {
    KMutex pv = p.pvs.lock(Pte.frame(leaf.get(i)));
    pv.lock();
    try {
      if (isHalfRemoved(leaf.get(i))) {
        p.finishRemoval(t, leaf, i);
      }
    } finally {
      pv.unlock();
    }
  }

  /** See {@link Pmap#protect}. */
  static void protect(Pmap p, long start, long end, int prot) {
    if ((prot & VmProt.READ) == 0) {
      remove(p, start, end);
      return;
    }
    if ((prot & VmProt.WRITE) != 0) {
      return;
    }
    KThread t = KThread.current();
    long first = end;
    long last = start;
    p.lock.lock();
    try {
      for (long va = p.table.nextLeafAddress(start, end); va < end; va = p.table.nextLeafAddress(va, end)) {
        PageTable.Leaf leaf = p.leafOf(va);
        long leafEnd = p.leafEnd(va, end);
        for (; va < leafEnd; va += p.pageSize) {
          int i = p.table.index(va);
          // Also where W is clear: a page-based operation may have cleared it just now, and purge only later. It holds
          // PV from the one to the other, so to have had PV is to know that no TLB remembers the right to write.
          if (Pmap.inUse(leaf.get(i)) && writeProtect(p, t, leaf, i)) {
            first = Math.min(first, va);
            last = va + p.pageSize;
          }
        }
      }
      if (first < last) {
        p.module.shoot(p, first, last); // PG_WRITEABLE stays: it is not ours to say that the page's shoots are over
      }
    } finally {
      p.lock.unlock();
    }
  }

  private static boolean writeProtect(Pmap p, KThread t, PageTable.Leaf leaf, int i) {
    KMutex pv = p.pvs.lock(Pte.frame(leaf.get(i)));
    pv.lock();
    try {
      return Pmap.inUse(leaf.get(i)) && (p.module.change(t, leaf, i, Pte.W, 0) & Pte.W) != 0;
    } finally {
      pv.unlock();
    }
  }
}
