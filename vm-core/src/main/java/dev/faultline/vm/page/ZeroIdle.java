package dev.faultline.vm.page;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;

/**
 * vm_page_zero_idle: zeroes free frames in advance, while there are plenty and few of them are zeroed. What an idle
 * processor did, a strand of its own does, which lets others go first before each frame.
 *
 * @see "vm-semantics 3.2 zero_idle; vm_page.c"
 */
public final class ZeroIdle {
  private static final int CHANNEL = 4;

  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final int enough; // (C) zeroed frames
  private final KDaemon daemon; // (C)

  /** Creates the idle loop of a machine and has the free list kick it. */
  public ZeroIdle(SyncDomain domain, ResidentPages pages) {
    this.domain = domain;
    this.pages = pages;
    this.freeList = pages.freeList();
    this.daemon = new KDaemon(domain, "zero idle", CHANNEL, this::pass);
    this.enough = Math.max(1, pages.pageCount() / 8);
    freeList.setZeroer(daemon, enough);
  }

  private void pass() {
    KThread t = KThread.current();
    while (true) {
      letOthersGo(t);
      VmPage m = freeList.takeForZeroing(enough);
      if (m == null) {
        return;
      }
      domain.token().leave(); // holding nothing: the frame is on no list, and nobody else knows it
      pages.zeroFill(m);
      domain.token().enter();
      freeList.giveZeroed(m);
      t.count(Event.ZERO_IDLE);
    }
  }

  private void letOthersGo(KThread t) {
    t.strand().point(StepKind.YIELD, null);
    domain.token().leave();
    t.strand().pause(120);
    domain.token().enter();
  }

  /** Ends the strand; see {@link KDaemon#shutdown}. */
  public void shutdown() {
    daemon.shutdown();
  }
}
