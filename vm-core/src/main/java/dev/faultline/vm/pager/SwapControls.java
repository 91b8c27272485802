package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import org.jspecify.annotations.Nullable;

/**
 * The control blocks of pageouts to swap, and where each is: free, with somebody who waits for his write, in use by the
 * disk, or done and waiting to be finished.
 *
 * @see "vm-semantics 3.6; swap_pager.c: swap_pager_free, swap_pager_inuse, swap_pager_done"
 */
final class SwapControls {
  private static final int LEFT = 3; // one is taken only while so many are free

  private final SyncDomain domain; // (C)
  private final KMutex lock; // S
  private final int count; // (C) NPENDINGIO

  @GuardedBy("lock")
  private @Nullable PageoutControl free;

  @GuardedBy("lock")
  private int made; // they are made when first needed

  private volatile int out; // not free; written under lock

  @GuardedBy("lock")
  private int inUse; // with the disk, nobody waiting

  private volatile long pagesWritten; // since boot; written under lock
  private volatile long pagesFailed; // likewise

  @GuardedBy("lock")
  private @Nullable PageoutControl doneHead;

  @GuardedBy("lock")
  private @Nullable PageoutControl doneTail;

  @GuardedBy("lock")
  private boolean wanted; // SWAP_FREE_NEEDED

  private final NamedChannel channel = new NamedChannel("swap pageout control", 5, WaitClass.CONTROL);

  SwapControls(SyncDomain domain, KMutex swapLock, int count) {
    this.domain = domain;
    this.lock = swapLock;
    this.count = count;
    domain.tracer().name(channel, channel.toString());
  }

  /** Returns how many are not free. Exact under S, else a snapshot. */
  int out() {
    return out;
  }

  /** Returns how many pages have been written well. A snapshot. */
  long pagesWritten() {
    return pagesWritten;
  }

  /** Returns how many pages a write has failed for. A snapshot. */
  long pagesFailed() {
    return pagesFailed;
  }

  /** Returns whether one may be taken. */
  @GuardedBy("lock")
  boolean available() {
    return count - out >= (count < LEFT ? 1 : LEFT);
  }

  /** Takes one that is {@link #available}. */
  @GuardedBy("lock")
  @SuppressWarnings("NonAtomicVolatileUpdate") // under S
  PageoutControl take(SwapPageout pageout, boolean sync) {
    out++;
    if (!sync) {
      inUse++;
    }
    PageoutControl c = free;
    if (c == null) {
      c = new PageoutControl(pageout, made++);
    } else {
      free = c.next;
      c.next = null;
    }
    c.sync = sync;
    return c;
  }

  /** Gives back one whose pageout is over, well or not. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under S
  void give(PageoutControl c, boolean ok) {
    c.object = null;
    lock.lock();
    try {
      if (ok) {
        pagesWritten += c.count;
      } else {
        pagesFailed += c.count;
      }
      c.next = free;
      free = c;
      out--;
      if (wanted && available()) {
        wakeWaiters();
      }
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void wakeWaiters() {
    wanted = false;
    domain.sleepQueues().wakeup(channel);
  }

  /** Sleeps until one may be available or a pageout is done. Enters with S alone held, leaves without. */
  @GuardedBy("lock")
  void sleep(long ticks) {
    wanted = true;
    domain.sleepQueues().sleepOn(channel, lock, "swpfre", ticks);
  }

  /** A pageout that nobody waits for has completed: queues it for sync, in interrupt context. */
  void completed(PageoutControl c, VmObject o) {
    lock.lock();
    try {
      inUse--;
      c.next = null;
      if (doneTail == null) {
        doneHead = c;
      } else {
        doneTail.next = c;
      }
      doneTail = c;
      SwapSpace.table(o).poip--; // the pip of c's pages keeps object and table
      if (wanted) { // whoever waits can finish this one himself
        wakeWaiters();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes the first off the done list; null if that is empty. */
  @Nullable PageoutControl takeDone() {
    lock.lock();
    try {
      PageoutControl c = doneHead;
      if (c != null) {
        doneHead = c.next;
        if (doneHead == null) {
          doneTail = null;
        }
        c.next = null;
      }
      return c;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  boolean hasDoneLocked() {
    return doneHead != null;
  }

  boolean hasDone() {
    lock.lock();
    try {
      return doneHead != null;
    } finally {
      lock.unlock();
    }
  }

  /** Checks I-46. At quiescence. */
  void checkQuiet() {
    lock.lock();
    try {
      SwapSpace.check(doneHead == null && inUse == 0, "I-46 pageouts in use or done: " + inUse);
      SwapSpace.check(out == 0, "I-46 free control blocks: " + (count - out) + " of " + count);
    } finally {
      lock.unlock();
    }
  }
}
