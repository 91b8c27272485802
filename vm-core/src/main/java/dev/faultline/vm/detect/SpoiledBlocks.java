package dev.faultline.vm.detect;

import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.SwapPager;
import org.jspecify.annotations.Nullable;

/**
 * Finds pages of which swap says that it has them though their last write failed (R39). That does no harm while the
 * page stays dirty, so no load would tell; the disk knows.
 */
public final class SpoiledBlocks implements PageCheck {
  private final SwapPager swap; // (C)

  /** Creates the check of a kernel. */
  public SpoiledBlocks(SwapPager swap) {
    this.swap = swap;
  }

  @Override
  public @Nullable String check(VmPage m) {
    if (!(m.object() instanceof VmObject o)) { // racy: looked at again
      return null;
    }
    o.lock.lock();
    try {
      if (m.object() != o || o.type() != ObjectType.SWAP || m.isFictitious() || m.isBusyAnyway()) {
        return null;
      }
      return swap.isSpoiled(o, m.offset() + o.pagingOffset())
          ? "R39 swap counts as valid what could not be written " + m + " " + o
          : null;
    } finally {
      o.lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "blocks of swap that could not be written";
  }
}
