package dev.faultline.vm.pmap;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/**
 * PV(frame) and what is under it: the pages' lists of mappings; and the supply of entries for them.
 *
 * @see "vm-semantics 2.4; pmap.c: pmap_alloc_pv_entry, free_pv_entry, pmap_insert_entry, pmap_remove_entry"
 */
final class PvTable {
  /*
   * Implementation overview
   *
   * PV           Mutexes striped by frame, one for each frame up to 4096. Nobody ever holds two, so that frames which
   *              share one cannot deadlock.
   * Spares       Each thread keeps a few (KThread.pvCache); what it has too many of goes to the common pool in
   *              batches, and comes from there when it has none. reserve is called before P is taken, so that nothing
   *              is allocated under P or PV; once as many entries exist as were ever in use at a time, nothing is
   *              allocated at all. NAIVE mode, where nothing guards the pool, goes without it.
   */
  private static final int LOCKS_MAX = 4096;
  private static final int BATCH = 32;

  private final KMutex[] locks; // LockRank.PV; a power of two of them
  private final boolean pooled; // (C)
  private final KMutex poolLock; // LockRank.LEAF

  @GuardedBy("poolLock")
  private @Nullable PvEntry pool; // chained by next

  private static final class Spares {
    @Nullable PvEntry head; // (T)
    int count; // (T)
  }

  PvTable(SyncDomain domain, int frames) {
    int n = Integer.highestOneBit(2 * Math.min(frames, LOCKS_MAX) - 1);
    locks = new KMutex[n];
    for (int i = 0; i < n; i++) {
      locks[i] = new KMutex(domain, LockRank.PV, i);
    }
    pooled = domain.mode() != Mode.NAIVE;
    poolLock = new KMutex(domain, LockRank.LEAF, "pv pool");
  }

  /** Returns PV(frame); the frame need not be a managed one. */
  KMutex lock(int frame) {
    return locks[frame & (locks.length - 1)];
  }

  /** Returns the first mapping of a page, or null. Caller holds PV(m). */
  static @Nullable PvEntry first(VmPage m) {
    return (PvEntry) m.pvList;
  }

  /** Adds an entry to its page's list. Caller holds PV(m). */
  static void link(PvEntry e, VmPage m) {
    PvEntry head = first(m);
    e.next = head;
    e.prev = null;
    if (head != null) {
      head.prev = e;
    }
    m.pvList = e;
  }

  /** Takes an entry off its page's list. Caller holds PV(m). */
  static void unlink(PvEntry e, VmPage m) {
    if (e.prev == null) {
      m.pvList = e.next;
    } else {
      e.prev.next = e.next;
    }
    if (e.next != null) {
      e.next.prev = e.prev;
    }
  }

  /** Makes sure that the calling thread has a spare entry. Caller holds no P or PV. */
  void reserve(KThread t) {
    Spares s = (Spares) t.pvCache;
    if (s == null) {
      s = new Spares();
      t.pvCache = s;
    }
    if (s.head != null) {
      return;
    }
    s.count = 0;
    if (pooled) {
      poolLock.lock();
      try {
        PvEntry e = pool;
        for (; e != null && s.count < BATCH; s.count++) {
          PvEntry next = e.next;
          e.next = s.head;
          s.head = e;
          e = next;
        }
        pool = e;
      } finally {
        poolLock.unlock();
      }
    }
    if (s.head == null) {
      s.head = new PvEntry();
      s.count = 1;
    }
  }

  /** Takes the spare entry that was reserved. */
  PvEntry take(KThread t) {
    Spares s = (Spares) t.pvCache;
    assert s != null;
    PvEntry e = s.head;
    assert e != null;
    s.head = e.next;
    s.count--;
    return e;
  }

  /** Takes back an entry that is on no list any more. Allocates nothing but a thread's first cache. */
  void give(KThread t, PvEntry e) {
    e.clear();
    e.prev = null;
    Spares s = (Spares) t.pvCache;
    if (s == null) {
      s = new Spares();
      t.pvCache = s;
    }
    e.next = s.head;
    s.head = e;
    if (++s.count >= 2 * BATCH) {
      shed(s);
    }
  }

  private void shed(Spares s) {
    PvEntry first = s.head;
    PvEntry last = first;
    for (int i = 1; last != null && i < BATCH; i++) {
      last = last.next;
    }
    assert last != null;
    s.head = last.next;
    s.count -= BATCH;
    if (!pooled) {
      return;
    }
    poolLock.lock();
    try {
      last.next = pool;
      pool = first;
    } finally {
      poolLock.unlock();
    }
  }
}
