package dev.faultline.vm.pager;

import dev.faultline.hw.Disk;
import dev.faultline.vm.base.KernelPanic;
import java.util.Arrays;

/**
 * Watches the pages of the swap area, where a kernel poisons what it frees: a freed page is overwritten at once, so
 * that who reads it gets what no program ever stored; and no page is freed, or read while free, or written by two, as
 * long as a transfer of it is under way (I-52).
 *
 * <p>All under S.
 */
final class SwapWatch {
  private final Disk disk; // (C)
  private final long[] pattern; // (C) a page of it
  private final int[] transfers; // (S) under way, by page of swap

  /**
   * Creates it.
   *
   * @param pattern what a freed page is filled with
   */
  SwapWatch(Disk disk, int pages, int pageWords, long pattern) {
    this.disk = disk;
    this.pattern = new long[pageWords];
    Arrays.fill(this.pattern, pattern);
    this.transfers = new int[pages];
  }

  /** A transfer of pages begins. */
  void begins(SwapMap map, int page, int count, boolean write) {
    for (int i = page; i < page + count; i++) {
      if (map.isFree(i)) {
        throw KernelPanic.of("I-52 " + (write ? "write to" : "read of") + " a free page of swap, " + i);
      }
      if (write && transfers[i] != 0) {
        throw KernelPanic.of("I-52 write to a page of swap that a transfer is under way for, " + i);
      }
      transfers[i]++;
    }
  }

  /** A transfer has been completed, well or not. */
  void ends(int page, int count) {
    for (int i = page; i < page + count; i++) {
      transfers[i]--;
    }
  }

  /** A page is about to be freed. */
  void freed(int page) {
    if (transfers[page] != 0) {
      throw KernelPanic.of("I-52 page of swap freed while a transfer of it is under way, " + page);
    }
    disk.poke(page * 8L, pattern);
  }
}
