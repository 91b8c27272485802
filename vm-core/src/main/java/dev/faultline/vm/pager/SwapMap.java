package dev.faultline.vm.pager;

import dev.faultline.vm.base.KernelPanic;
import java.util.BitSet;

/**
 * Which pages of the swap area are free. Hands out aligned clusters of eight or the lowest single page, so that what is
 * paged out in order lies in order; pages whose last write failed only when asked for them. Guard: S.
 *
 * @see "vm-semantics 1.6, 3.6; swap_pager.c: swap_pager_getswapspace; subr_rlist.c"
 */
final class SwapMap {
  /*
   * Implementation overview
   *
   * free       one bit a page, set when free; bits past the end are never set.
   * some       one bit a word of free: has it a free page?       whole   one bit a word: has it a free aligned cluster?
   * someFrom   no word of some below this index is non-zero; wholeFrom the same for whole. They only move up in a
   *            search and down in a free, so that a search costs little even in a map of millions of pages.
   * doubtful   free since a write failed, and not in free: who takes from there tries no bad place twice. From doubtful
   *            they are taken in turn, as some may only have failed for a moment.
   */
  static final int CLUSTER = 8;
  static final int NONE = -1;

  private static final long LOW_OF_BYTES = 0x0101010101010101L;

  private final int size; // (C) pages
  private final long[] free;
  private final long[] some;
  private final long[] whole;
  private int someFrom;
  private int wholeFrom;
  private int freeCount; // with the doubtful ones
  private final BitSet doubtful = new BitSet(); // grows with the first failure
  private int hand; // where the search among the doubtful ones goes on

  /** Makes a map with every page free. */
  SwapMap(int size) {
    this.size = size;
    int words = (size + 63) / 64;
    free = new long[words];
    some = new long[(words + 63) / 64];
    whole = new long[some.length];
    for (int w = 0; w < words; w++) {
      int left = size - w * 64;
      free[w] = left >= 64 ? -1 : (1L << left) - 1;
      summarise(w);
    }
    freeCount = size;
  }

  int freeCount() {
    return freeCount;
  }

  /** Returns how many of the free pages no write has failed for. */
  int goodCount() {
    return freeCount - doubtful.cardinality();
  }

  boolean isFree(int page) {
    return (free[page >> 6] & 1L << page) != 0 || doubtful.get(page);
  }

  /** Returns the bits that begin a wholly free byte. */
  private static long wholeBytes(long w) {
    long a = w & w >>> 4; // nibble by nibble: only bits 0..3 of each byte count below
    a &= a >>> 2;
    a &= a >>> 1;
    return a & LOW_OF_BYTES;
  }

  private void summarise(int w) {
    long bit = 1L << w;
    int s = w >> 6;
    some[s] = free[w] != 0 ? some[s] | bit : some[s] & ~bit;
    whole[s] = wholeBytes(free[w]) != 0 ? whole[s] | bit : whole[s] & ~bit;
  }

  /** Takes the lowest free page that no write has failed for; {@link #NONE} if there is none. */
  int takeOne() {
    while (someFrom < some.length && some[someFrom] == 0) {
      someFrom++;
    }
    if (someFrom == some.length) {
      return NONE;
    }
    int w = someFrom * 64 + Long.numberOfTrailingZeros(some[someFrom]);
    int page = w * 64 + Long.numberOfTrailingZeros(free[w]);
    free[w] &= free[w] - 1;
    summarise(w);
    freeCount--;
    return page;
  }

  /** Takes a free page whose last write failed, another one each time; {@link #NONE} if there is none. */
  int takeDoubtful() {
    int page = doubtful.nextSetBit(hand);
    if (page < 0) {
      page = doubtful.nextSetBit(0);
    }
    if (page < 0) {
      return NONE;
    }
    hand = page + 1;
    doubtful.clear(page);
    freeCount--;
    return page;
  }

  /** Takes the lowest free aligned cluster and returns its first page; {@link #NONE} if there is none. */
  int takeCluster() {
    while (wholeFrom < whole.length && whole[wholeFrom] == 0) {
      wholeFrom++;
    }
    if (wholeFrom == whole.length) {
      return NONE;
    }
    int w = wholeFrom * 64 + Long.numberOfTrailingZeros(whole[wholeFrom]);
    int at = Long.numberOfTrailingZeros(wholeBytes(free[w]));
    free[w] &= ~(0xffL << at);
    summarise(w);
    freeCount -= CLUSTER;
    return w * 64 + at;
  }

  /** Takes back a page that a write has just failed for. */
  void giveDoubtful(int page) {
    count(page);
    doubtful.set(page);
  }

  private void count(int page) {
    if (page < 0 || page >= size || isFree(page)) {
      throw KernelPanic.of("swap page freed twice or out of range: " + page + " of " + size);
    }
    freeCount++;
  }

  /** Takes back a page. */
  void give(int page) {
    count(page);
    int w = page >> 6;
    free[w] |= 1L << page;
    summarise(w);
    someFrom = Math.min(someFrom, w >> 6);
    wholeFrom = Math.min(wholeFrom, w >> 6);
  }

  /** Counts the free bits one by one, to compare with {@link #freeCount}. */
  int countFree() {
    int n = doubtful.cardinality();
    for (long w : free) {
      n += Long.bitCount(w);
    }
    return n;
  }

  @Override
  public String toString() {
    return "swapmap(" + freeCount + " of " + size + " pages free)";
  }
}
