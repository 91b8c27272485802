package dev.faultline.vm.pmap;

import dev.faultline.hw.PageTable;
import dev.faultline.vm.page.VmPage;
import org.jspecify.annotations.Nullable;

/**
 * One mapping of one page: an address in a pmap. Attached to the page table word that it stands for, from
 * before the word becomes non-zero until it is about to become zero again, so that a page-based operation reaches the
 * word without walking the table.
 *
 * <p>All fields are guarded by PV(page) while the entry is in use, and belong to whoever holds the entry while it is
 * spare.
 */
final class PvEntry {
  private @Nullable Pmap pmap;
  private @Nullable VmPage page;
  private PageTable.@Nullable Leaf leaf;
  int index; // of the word in leaf
  long va;
  @Nullable PvEntry next; // in the page's list; spare: in the chain of spares
  @Nullable PvEntry prev; // in the page's list

  void set(Pmap pmap, VmPage page, PageTable.Leaf leaf, int index, long va) {
    this.pmap = pmap;
    this.page = page;
    this.leaf = leaf;
    this.index = index;
    this.va = va;
  }

  /** Makes a spare of it, which keeps nothing alive. */
  void clear() {
    pmap = null;
    page = null;
    leaf = null;
  }

  Pmap pmap() {
    assert pmap != null;
    return pmap;
  }

  VmPage page() {
    assert page != null;
    return page;
  }

  /** Returns the page, or null if the entry is spare; for inspection. */
  @Nullable VmPage pageOrNull() {
    return page;
  }

  PageTable.Leaf leaf() {
    assert leaf != null;
    return leaf;
  }

  /** Returns the word that this entry stands for. */
  long word() {
    return leaf().get(index);
  }

  @Override
  public String toString() { // racy, for reports
    return "pv(" + pmap + " 0x" + Long.toHexString(va) + " " + page + ")";
  }
}
