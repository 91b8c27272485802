package dev.faultline.vm.pageout;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceEvent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The page daemon: sleeps until memory is short or a pageout has completed, finishes what completed, scans, wakes
 * whoever waits.
 *
 * <p>Its strand is started by the first thread that needs it.
 *
 * @see "vm-semantics 3.5 daemon loop, 5.7 Daemon, R9, R10; vm_pageout.c"
 */
public final class PageoutDaemon {
  private final SyncDomain domain; // (C)
  private final FreeList freeList; // (C)
  private final PageoutScan scan; // (C)
  private final List<Pager> pagers; // (C) those with completions to finish
  private volatile boolean shutdown; // set once, then the daemon is woken
  private volatile @Nullable Strand strand; // set once, under the free list's start rule

  /** Creates the daemon and tells the free list how to start it. */
  public PageoutDaemon(
      SyncDomain domain,
      ResidentPages pages,
      Cleaner cleaner,
      List<Pager> pagers,
      SwapState swap,
      ProcessWalker processes,
      HelperDaemons helpers) {
    this.domain = domain;
    this.freeList = pages.freeList();
    this.pagers = pagers;
    this.scan = new PageoutScan(pages, cleaner, swap, processes, helpers);
    freeList.setDaemonStarter(() -> strand = domain.start("pagedaemon", this::run));
  }

  private void run() {
    KThread t = new KThread(domain, "pagedaemon", true);
    t.restsOn(freeList.daemonChannel);
    domain.began();
    domain.token().enter();
    try {
      while (!shutdown) {
        if (freeList.isFine()) {
          scan.memoryFine();
        }
        freeList.daemonSleep(this::hasWork);
        if (!shutdown) {
          t.provides(WaitClass.MEMORY, true);
          pass();
          t.provides(WaitClass.MEMORY, false);
        }
      }
    } finally {
      domain.token().leave();
      t.end();
    }
  }

  private void pass() {
    domain.tracer().event(TraceEvent.DAEMON_PASS, freeList.freeCount(), freeList.cacheCount());
    sync();
    boolean progress = true;
    if (!freeList.isFine()) {
      progress = scan.scan();
      sync();
    }
    domain.tracer().event(
        TraceEvent.DAEMON_PASS_END, freeList.freeCount(), freeList.cacheCount(), progress ? 1 : 0);
    freeList.wakeWaiters();
    if (!progress) {
      freeList.daemonPause(this::hasWork);
    }
  }

  private void sync() {
    for (Pager p : pagers) {
      p.sync();
    }
  }

  /** Asked under F. */
  private boolean hasWork() {
    if (shutdown) {
      return true;
    }
    for (Pager p : pagers) {
      if (p.hasFinished()) {
        return true;
      }
    }
    return false;
  }

  /**
   * Ends the daemon's strand, if it ever ran, and waits for its end. The caller is a strand, holds nothing, and is not
   * in the kernel.
   */
  public void shutdown() {
    domain.token().enter(); // in UP mode F is none: this keeps us out from the daemon's last look to its sleep
    shutdown = true;
    freeList.stopDaemon();
    domain.token().leave();
    Strand s = strand;
    if (s != null) {
      domain.strands().join(s);
    }
  }
}
