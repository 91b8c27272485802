package dev.faultline.hw;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** What the blocks of a disk hold that were never written: functions over ranges, zero elsewhere. */
final class InitialContents {
  /*
   * Implementation overview
   *
   * An immutable sorted array of disjoint ranges, replaced as a whole and published by CAS: registered rarely, read
   * by the disk's strand without a lock.
   */
  private final int blockWords; // (C)
  private final AtomicReference<Range[]> ranges = new AtomicReference<>(new Range[0]);

  private static final class Range {
    final long start;
    final long end;
    final long origin; // the block that contents counts from
    final BlockContents contents;

    Range(long start, long end, long origin, BlockContents contents) {
      this.start = start;
      this.end = end;
      this.origin = origin;
      this.contents = contents;
    }
  }

  InitialContents(int blockWords) {
    this.blockWords = blockWords;
  }

  /** Gives a range new contents, null for zeros. */
  void set(long start, long end, @Nullable BlockContents contents) {
    ranges.updateAndGet(old -> with(old, start, end, contents));
  }

  private static Range[] with(Range[] old, long start, long end, @Nullable BlockContents contents) {
    Range[] now = new Range[old.length + 2];
    int n = 0;
    boolean placed = contents == null;
    for (Range r : old) {
      if (r.start < start) {
        now[n++] = r.end <= start ? r : new Range(r.start, start, r.origin, r.contents);
      }
      if (r.end > end) {
        if (!placed && contents != null) {
          now[n++] = new Range(start, end, start, contents);
          placed = true;
        }
        now[n++] = r.start >= end ? r : new Range(end, r.end, r.origin, r.contents);
      }
    }
    if (!placed && contents != null) {
      now[n++] = new Range(start, end, start, contents);
    }
    return Arrays.copyOf(now, n);
  }

  /** Gives the words of consecutive blocks. */
  void read(long block, int count, long[] to, int at) {
    Range[] all = Objects.requireNonNull(ranges.get());
    int i = all.length == 0 ? 0 : firstEndingAfter(all, block);
    for (int n = 0; n < count; n++) {
      long b = block + n;
      while (i < all.length && all[i].end <= b) {
        i++;
      }
      if (i < all.length && all[i].start <= b) {
        read(all[i], b, to, at + n * blockWords);
      } else {
        Arrays.fill(to, at + n * blockWords, at + (n + 1) * blockWords, 0);
      }
    }
  }

  private void read(Range range, long block, long[] to, int at) {
    long offset = (block - range.origin) * blockWords * Long.BYTES;
    for (int i = 0; i < blockWords; i++) {
      to[at + i] = range.contents.word(offset + (long) i * Long.BYTES);
    }
  }

  private static int firstEndingAfter(Range[] all, long block) {
    int low = 0;
    int high = all.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (all[middle].end <= block) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
