package dev.faultline.vm.page;

import java.util.EnumSet;
import java.util.Set;

/**
 * The names of the page flags of vm-semantics 1.5, for reports. The bits themselves are split by guard over several
 * words of {@link VmPage} (R5); queue membership is a field of its own.
 */
public enum PageFlag {
  BUSY(VmPage.BUSY),
  WANTED(VmPage.WANTED),
  TABLED(VmPage.TABLED),
  COPYONWRITE(VmPage.COPYONWRITE),
  FICTITIOUS(VmPage.FICTITIOUS),
  ZERO(VmPage.ZERO);

  private final int mask; // (C)

  PageFlag(int mask) {
    this.mask = mask;
  }

  /** Returns the bit in the word of flags guarded by O(page.object). */
  public int mask() {
    return mask;
  }

  static Set<PageFlag> of(int word) {
    EnumSet<PageFlag> s = EnumSet.noneOf(PageFlag.class);
    for (PageFlag f : values()) {
      if ((word & f.mask) != 0) {
        s.add(f);
      }
    }
    return s;
  }
}
