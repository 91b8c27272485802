package dev.faultline.hw;

/** Sees the entries of a TLB; see {@link Cpu#visitTlb}. */
@FunctionalInterface
public interface TlbVisitor {
  /**
   * Sees one.
   *
   * @param va the page's address
   * @param modifiedSeen whether stores through the entry no longer look at the page table (HW2)
   */
  void entry(long va, int frame, boolean writable, boolean modifiedSeen);
}
