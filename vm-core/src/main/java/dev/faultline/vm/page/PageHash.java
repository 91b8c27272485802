package dev.faultline.vm.page;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The index of resident pages by (object, offset): hash chains, each under the lock of its bucket. */
final class PageHash {
  private static final int LOCKS_MAX = 1024;

  private final @Nullable VmPage[] buckets; // element guarded by its lock
  private final KMutex[] locks; // LockRank.HASH; a power of two of them, bucket b under locks[b & (length - 1)]
  private final int pageShift; // (C)

  PageHash(SyncDomain domain, int frames, int pageShift) {
    int n = Integer.highestOneBit(Math.max(1, frames - 1) * 2 - 1);
    buckets = new VmPage[Math.max(4, n)];
    locks = new KMutex[Math.min(LOCKS_MAX, buckets.length)];
    for (int i = 0; i < locks.length; i++) {
      locks[i] = new KMutex(domain, LockRank.HASH, null);
    }
    this.pageShift = pageShift;
  }

  private int bucket(PageOwner o, long offset) {
    int h = o.id() * 0x9E3779B1 + (int) (offset >>> pageShift);
    return (h ^ (h >>> 16)) & (buckets.length - 1);
  }

  private KMutex lock(int bucket) {
    return locks[bucket & (locks.length - 1)];
  }

  /** Returns the page at (o, offset), or null. Caller holds O(o). */
  @Nullable VmPage lookup(PageOwner o, long offset) {
    int b = bucket(o, offset);
    KMutex l = lock(b);
    l.lock();
    VmPage m = buckets[b];
    while (m != null && !(m.object == o && m.offset == offset)) {
      m = m.hashNext;
    }
    l.unlock();
    return m;
  }

  /** Adds a page whose identity is set. Caller holds O(m.object). Does not look for a duplicate. */
  void add(VmPage m, PageOwner o) {
    int b = bucket(o, m.offset);
    KMutex l = lock(b);
    l.lock();
    m.hashNext = buckets[b];
    buckets[b] = m;
    l.unlock();
  }

  /** Takes a page off its chain. Caller holds O(m.object). */
  void remove(VmPage m, PageOwner o) {
    int b = bucket(o, m.offset);
    KMutex l = lock(b);
    l.lock();
    VmPage p = buckets[b];
    if (p == m) {
      buckets[b] = m.hashNext;
    } else {
      while (p != null && p.hashNext != m) {
        p = p.hashNext;
      }
      if (p == null) {
        l.unlock();
        throw KernelPanic.of("vm_page_remove: page not found in hash", m);
      }
      p.hashNext = m.hashNext;
    }
    m.hashNext = null;
    l.unlock();
  }

  /** Shows every page of every chain while {@code visitor} says so. */
  void forEach(Predicate<VmPage> visitor) {
    for (int b = 0; b < buckets.length; b++) {
      KMutex l = lock(b);
      l.lock();
      try {
        for (VmPage m = buckets[b]; m != null; m = m.hashNext) {
          if (!visitor.test(m)) {
            return;
          }
        }
      } finally {
        l.unlock();
      }
    }
  }
}
