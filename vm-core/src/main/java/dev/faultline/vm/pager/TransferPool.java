package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/** Transfers that nobody uses (the pbuf list of the original). Grows as needed, so nobody ever waits for one. */
final class TransferPool {
  private final SyncDomain domain; // (C)
  private final KMutex lock; // D, LockRank.DISK

  @GuardedBy("lock")
  private @Nullable DiskTransfer free;

  @GuardedBy("lock")
  private int made;

  @GuardedBy("lock")
  private int out;

  @GuardedBy("lock")
  private int writing; // asynchronous writes under way, which are not of the pool

  private volatile long pagesWritten; // since boot; written under lock
  private volatile long pagesFailed; // likewise

  TransferPool(SyncDomain domain) {
    this.domain = domain;
    this.lock = new KMutex(domain, LockRank.DISK, "transfer pool");
  }

  DiskTransfer take() {
    lock.lock();
    try {
      out++;
      DiskTransfer t = free;
      if (t == null) {
        return new DiskTransfer(domain, made++);
      }
      free = t.nextFree;
      t.nextFree = null;
      return t;
    } finally {
      lock.unlock();
    }
  }

  void give(DiskTransfer t) {
    lock.lock();
    try {
      out--;
      t.nextFree = free;
      free = t;
    } finally {
      lock.unlock();
    }
  }

  /** Counts an asynchronous write that begins. */
  void beginWriting() {
    lock.lock();
    try {
      writing++;
    } finally {
      lock.unlock();
    }
  }

  /** Counts an asynchronous write of so many pages that has ended, well or not. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under lock
  void endWriting(int pages, boolean ok) {
    lock.lock();
    try {
      writing--;
      if (ok) {
        pagesWritten += pages;
      } else {
        pagesFailed += pages;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many pages asynchronous writes have written well. A snapshot. */
  long pagesWritten() {
    return pagesWritten;
  }

  /** Returns how many pages an asynchronous write has failed for. A snapshot. */
  long pagesFailed() {
    return pagesFailed;
  }

  /** Returns how many asynchronous writes are under way. */
  int writing() {
    lock.lock();
    try {
      return writing;
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many transfers are in use; 0 when the pagers are quiet. */
  int inUse() {
    lock.lock();
    try {
      return out;
    } finally {
      lock.unlock();
    }
  }
}
