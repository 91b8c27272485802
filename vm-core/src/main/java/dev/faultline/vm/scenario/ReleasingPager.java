package dev.faultline.vm.scenario;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;

/**
 * A pager of a scenario's own, in the place of the swap pager: every page holds one word at first, and is let go of as
 * soon as it does. No pager of the kernel does so, and {@link Pager#getPages} asks for the page to be busy; a pager
 * that is no part of the kernel may break that, and the fault handler has to look for itself (R15).
 *
 * <p>All but reading is the swap pager's.
 */
final class ReleasingPager implements Pager {
  private final Kernel kernel; // (C)
  private final Pager swap; // (C)
  private final long word; // (C) the first of every page

  ReleasingPager(Kernel kernel, long word) {
    this.kernel = kernel;
    this.swap = kernel.objects().pager(ObjectType.SWAP);
    this.word = word;
  }

  @Override
  public VmObject allocate(long size) {
    return swap.allocate(size);
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
    for (int i = 0; i < count; i++) {
      kernel.pages().zeroFill(pages[i]);
      kernel.machine().memory().store(pages[i].frame(), 0, word);
    }
    o.lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        VmPage m = pages[i];
        m.clearZero();
        m.setValid(VmPage.ALL_CHUNKS);
        m.orDirty(VmPage.ALL_CHUNKS); // swap does not hold it
        kernel.pages().queues().deactivate(m);
        kernel.pages().wakeup(m);
      }
    } finally {
      o.lock.unlock();
    }
    return PagerReturn.OK;
  }

  @Override
  public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
    swap.putPages(o, pages, count, sync, results);
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    around.before = 0;
    around.after = 0;
    return true;
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return swap.hasPageLocked(o, pagerOffset);
  }

  @Override
  public void dealloc(VmObject o) {
    swap.dealloc(o);
  }

  @Override
  public String toString() {
    return "releasing pager in front of " + swap;
  }
}
