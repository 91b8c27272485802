package dev.faultline.vm.object;

/**
 * What a collapse asks of the swap pager. Both O locks are held, both pip counts are 0, nothing sleeps. vm-semantics
 * 3.6.
 */
public interface SwapTransfer {
  /**
   * Moves the blocks of {@code src} that {@code dst} lacks to it, and frees the rest. {@code offset}: where dst begins
   * in src.
   */
  void copy(VmObject src, VmObject dst, long offset);

  /**
   * Gives {@code dst}, a DEFAULT object, the whole block table of {@code src}: dst becomes SWAP with paging_offset
   * src.paging_offset + offset, blocks in front of it are freed, src becomes DEFAULT.
   */
  void takeOver(VmObject src, VmObject dst, long offset);

  /** Frees the blocks of {@code pages} pages from {@code pagerOffset}. Caller holds O(o). No-op unless SWAP. */
  void freeSpace(VmObject o, long pagerOffset, int pages);
}
