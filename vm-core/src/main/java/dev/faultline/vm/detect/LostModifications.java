package dev.faultline.vm.detect;

import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.SwapPager;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Finds stores that the kernel has forgotten: a page that counts as clean, of which swap holds something else (I-43,
 * I-47). Were the frame taken now, the store would be lost; the content oracle would see that at the next load, long
 * after.
 *
 * <p>A page is looked at under O while it is not busy, so nobody transfers it and its block is not given to another.
 * Stores go on. A processor sets M before it stores, hence: first the content, then M, then dirty, which receives M.
 */
public final class LostModifications implements PageCheck {
  private final ResidentPages pages; // (C)
  private final SwapPager swap; // (C)
  private final long[] words; // (T)

  /** Creates the check of a kernel; it is used by one thread at a time. */
  public LostModifications(ResidentPages pages, SwapPager swap, int pageSize) {
    this.pages = pages;
    this.swap = swap;
    words = new long[pageSize / Long.BYTES];
  }

  @Override
  public @Nullable String check(VmPage m) {
    if (!(m.object() instanceof VmObject o)) { // racy: looked at again
      return null;
    }
    o.lock.lock();
    try {
      if (m.object() != o || o.type() != ObjectType.SWAP || m.isBusyAnyway() || !isClean(m)) {
        return null;
      }
      if (!swap.peek(o, m.offset() + o.pagingOffset(), words)) {
        return null;
      }
      for (int w = 0; w < words.length; w++) {
        long now = pages.memory().load(m.frame(), w);
        if (now != words[w]) {
          VarHandle.loadLoadFence();
          return isClean(m) ? message(m, o, w, now) : null;
        }
      }
      return null;
    } finally {
      o.lock.unlock();
    }
  }

  private String message(VmPage m, VmObject o, int w, long now) {
    return "I-43 clean page differs from its swap block at word " + w + ": 0x" + Long.toHexString(now) + ", not 0x"
        + Long.toHexString(words[w]) + " " + m + " " + o;
  }

  private boolean isClean(VmPage m) {
    PageMappings mappings = pages.mappings();
    return m.isWhollyValid() && (m.pvFlags == 0 || !mappings.isModified(m)) && m.dirty() == 0;
  }

  @Override
  public String toString() {
    return "lost modifications of " + pages.pageCount() + " frames";
  }
}
