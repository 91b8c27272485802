package dev.faultline.vm.pager;

import dev.faultline.vm.base.KernelPanic;
import java.util.Arrays;

/**
 * Where the pages of a file lie on the disk: extents in order of their place in the file. What lies in no extent is a
 * hole, which reads as zeros. Guard: V of its vnode.
 */
final class BlockMap {
  static final int HOLE = -1;

  private long[] starts = new long[2]; // first file page of each extent, ascending
  private int[] lengths = new int[2]; // pages
  private int[] places = new int[2]; // disk page of the first
  private int count;

  /** Takes the disk pages of what is cut off. */
  interface Freed {
    void freed(int place, int length);
  }

  /** Returns the index of the extent that holds a page, or -1 - the index of the first one after it. */
  private int search(long page) {
    int i = Arrays.binarySearch(starts, 0, count, page);
    if (i >= 0) {
      return i;
    }
    int before = -2 - i;
    return before >= 0 && page < starts[before] + lengths[before] ? before : i;
  }

  /** Returns the disk page of a file page, or {@link #HOLE}. */
  int lookup(long page) {
    int i = search(page);
    return i < 0 ? HOLE : places[i] + (int) (page - starts[i]);
  }

  /** Returns how many pages right before this one, which is no hole, lie right before it on the disk. */
  int contiguousBefore(long page) {
    return (int) (page - starts[search(page)]);
  }

  /** Returns how many pages right after this one, which is no hole, lie right after it on the disk. */
  int contiguousAfter(long page) {
    int i = search(page);
    return (int) (starts[i] + lengths[i] - 1 - page);
  }

  /** Gives pages that were holes their places; joins what has become contiguous. */
  void add(long page, int place, int length) {
    int i = -1 - search(page);
    if (i < 0 || (i < count && starts[i] < page + length)) {
      throw KernelPanic.of("block map: page " + page + " has a place already", this);
    }
    if (i > 0 && starts[i - 1] + lengths[i - 1] == page && places[i - 1] + lengths[i - 1] == place) {
      lengths[i - 1] += length;
      joinNext(i - 1);
      return;
    }
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, count * 2);
      lengths = Arrays.copyOf(lengths, count * 2);
      places = Arrays.copyOf(places, count * 2);
    }
    System.arraycopy(starts, i, starts, i + 1, count - i);
    System.arraycopy(lengths, i, lengths, i + 1, count - i);
    System.arraycopy(places, i, places, i + 1, count - i);
    starts[i] = page;
    lengths[i] = length;
    places[i] = place;
    count++;
    joinNext(i);
  }

  private void joinNext(int i) {
    int j = i + 1;
    if (j < count && starts[i] + lengths[i] == starts[j] && places[i] + lengths[i] == places[j]) {
      lengths[i] += lengths[j];
      System.arraycopy(starts, j + 1, starts, j, count - j - 1);
      System.arraycopy(lengths, j + 1, lengths, j, count - j - 1);
      System.arraycopy(places, j + 1, places, j, count - j - 1);
      count--;
    }
  }

  /** Makes a hole of everything from a page on. */
  void cut(long page, Freed freed) {
    while (count > 0) {
      int last = count - 1;
      long keep = page - starts[last];
      if (keep >= lengths[last]) {
        return;
      }
      if (keep > 0) {
        int k = (int) keep;
        freed.freed(places[last] + k, lengths[last] - k);
        lengths[last] = k;
        return;
      }
      freed.freed(places[last], lengths[last]);
      count--;
    }
  }

  /** Returns how many extents there are. */
  int extentCount() {
    return count;
  }

  /** Calls {@code visitor} for the place of each extent. */
  void forEach(Freed visitor) {
    for (int i = 0; i < count; i++) {
      visitor.freed(places[i], lengths[i]);
    }
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder("blockmap(");
    for (int i = 0; i < count; i++) {
      b.append(i == 0 ? "" : " ").append(starts[i]).append('+').append(lengths[i]).append('@').append(places[i]);
    }
    return b.append(')').toString();
  }
}
