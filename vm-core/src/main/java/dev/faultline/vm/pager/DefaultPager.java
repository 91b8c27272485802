package dev.faultline.vm.pager;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.Arrays;

/**
 * The pager of anonymous memory that was never paged out: it has nothing. The first pageout makes the object a swap
 * object.
 *
 * @see "vm-semantics 3.6, R11; default_pager.c"
 */
public final class DefaultPager implements Pager {
  private final SwapPager swap; // (C)

  public DefaultPager(SwapPager swap) {
    this.swap = swap;
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
    o.lock.lock();
    try {
      swap.freeOthers(pages, 0, count, req);
    } finally {
      o.lock.unlock();
    }
    return PagerReturn.FAIL;
  }

  /**
   * Converts the object under O, table first and type last (R11), then writes. Without swap, or without a table, FAIL
   * for all.
   */
  @Override
  public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
    boolean converted;
    o.lock.lock();
    try {
      converted = o.type() != ObjectType.DEFAULT || swap.convert(o); // another pageout may have come first
    } finally {
      o.lock.unlock();
    }
    if (converted) {
      swap.putPages(o, pages, count, sync, results);
    } else {
      Arrays.fill(results, 0, count, PagerReturn.FAIL);
    }
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    around.before = 0;
    around.after = 0;
    return false;
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return false;
  }

  @Override
  public void dealloc(VmObject o) {}
}
