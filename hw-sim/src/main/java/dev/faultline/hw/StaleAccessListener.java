package dev.faultline.hw;

/**
 * Hears of accesses that went to a frame which has been given another identity since its TLB entry was filled (I-42).
 */
public interface StaleAccessListener {
  /**
   * Reports one. Called under T(cpu), before the datum moves; must not block. What it throws reaches the caller of
   * the access.
   *
   * @param write whether the access is a store or an add
   * @param stampFilled the frame's stamp when the TLB entry was filled
   * @param stampNow the frame's stamp now
   */
  void staleAccess(Cpu cpu, long va, int frame, boolean write, long stampFilled, long stampNow);
}
