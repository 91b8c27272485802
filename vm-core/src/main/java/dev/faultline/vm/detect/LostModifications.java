package dev.faultline.vm.detect;

import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.VnodePager;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds stores that the kernel has forgotten: a page that counts as clean, but were its frame taken now, something else
 * would be found in its place (I-43, I-47). The content oracle would see that at the next load, long after.
 *
 * <p>A clean page that swap has, has what swap has. A clean page of anonymous memory that swap has not is all zeros, as
 * only such a page is entered clean: copies are dirty from the copy on. A clean page of a file has what the disk has,
 * up to the file's end.
 *
 * <p>A page is looked at under O while it is not busy, so nobody transfers it and its block is not given to another.
 * Stores go on. A processor sets M before it stores, hence: first the content, then M, then dirty, which receives M.
 */
public final class LostModifications implements PageCheck {
  private final ResidentPages pages; // (C)
  private final SwapPager swap; // (C)
  private final VnodePager files; // (C)
  private final long[] words; // (T)

  /** Creates the check of a kernel; it is used by one thread at a time. */
  public LostModifications(ResidentPages pages, SwapPager swap, VnodePager files, int pageSize) {
    this.pages = pages;
    this.swap = swap;
    this.files = files;
    words = new long[pageSize / Long.BYTES];
  }

  @Override
  public @Nullable String check(VmPage m) {
    if (!(m.object() instanceof VmObject o)) { // racy: looked at again
      return null;
    }
    o.lock.lock();
    try {
      if (m.object() != o || m.isFictitious() || m.isBusyAnyway() || !isClean(m)) {
        return null;
      }
      int length = backing(m, o);
      for (int w = 0; w < length / Long.BYTES; w++) {
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

  /**
   * Puts into words what would be found instead of a clean page.
   *
   * @return how many bytes of it count
   */
  private int backing(VmPage m, VmObject o) {
    long at = m.offset() + o.pagingOffset();
    if (o.type() == ObjectType.VNODE) {
      return files.peek(o, at, words);
    }
    if (!o.isAnonymous()) {
      return o.type() == ObjectType.SWAP && swap.peek(o, at, words) ? words.length * Long.BYTES : 0;
    }
    if (o.type() != ObjectType.SWAP || !swap.peek(o, at, words)) {
      Arrays.fill(words, 0);
    }
    return words.length * Long.BYTES;
  }

  private String message(VmPage m, VmObject o, int w, long now) {
    return "I-43 clean page differs from what would be found instead at word " + w + ": 0x" + Long.toHexString(now)
        + ", not 0x" + Long.toHexString(words[w]) + " " + m + " " + o;
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
