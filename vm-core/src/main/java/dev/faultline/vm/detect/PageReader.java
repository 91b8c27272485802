package dev.faultline.vm.detect;

import java.util.function.LongConsumer;

/**
 * Reads an address space's contents out of a kernel at rest, wherever they are: what {@link ContentOracle#verify}
 * compares with (I-48).
 */
public interface PageReader {
  /**
   * Reads a page: the resident copy if any, else the one in swap or in the file, else the next level's, else zeros.
   *
   * @return false if it cannot be known: nothing is mapped there, the page is past the end of its file
   */
  boolean read(long va, long[] words);

  /** Tells the addresses of the pages in a range of which the kernel keeps a copy of its own, resident or in swap. */
  void forEachKept(long start, long end, LongConsumer va);
}
