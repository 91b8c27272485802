package dev.faultline.lin.explore.strategy;

/** Sets of strands as words. */
final class Bits {
  private Bits() {}

  /** Returns the place of the n-th set bit, from 0. */
  static int nth(long set, int n) {
    long left = set;
    for (int i = 0; i < n; i++) {
      left &= left - 1;
    }
    return Long.numberOfTrailingZeros(left);
  }
}
