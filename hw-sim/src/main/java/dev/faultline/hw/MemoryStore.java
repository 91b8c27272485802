package dev.faultline.hw;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** A disk's blocks on the heap, as far as they were ever written. */
final class MemoryStore extends DiskStore {
  /*
   * Implementation overview
   *
   * What it is    Units of eight blocks, a page's worth, each a long[] made when first written, in a table of two
   *               levels. A whole unit is written and read by one copy.
   * Guards        Table and units are published by CAS and volatile loads, so that strands at different blocks need
   *               no lock. Words of a block are guarded by whoever orders requests for it.
   */
  private static final VarHandle UPPER = MethodHandles.arrayElementVarHandle(long[][][].class);
  private static final VarHandle LOWER = MethodHandles.arrayElementVarHandle(long[][].class);
  private static final int LOWER_BITS = 12;
  private static final int UNIT_BLOCKS = 8;

  private final long[][][] upper; // (A)
  private final int lowerLength; // (C)

  MemoryStore(long blocks, int blockWords) {
    super(blockWords);
    long units = (blocks + UNIT_BLOCKS - 1) / UNIT_BLOCKS;
    lowerLength = (int) Math.min(units, 1 << LOWER_BITS);
    upper = new long[(int) ((units + (1 << LOWER_BITS) - 1) >>> LOWER_BITS)][][];
  }

  private long @Nullable [] unit(long block) {
    long[][] lower = (long[][]) UPPER.getVolatile(upper, (int) (block >>> (LOWER_BITS + 3)));
    return lower == null ? null : (long[]) LOWER.getVolatile(lower, lowerIndex(block));
  }

  private static int lowerIndex(long block) {
    return (int) (block >>> 3) & ((1 << LOWER_BITS) - 1);
  }

  /** Makes a unit, with its initial contents unless all of it is about to be written. */
  private long[] makeUnit(long block, boolean whole) {
    int i = (int) (block >>> (LOWER_BITS + 3));
    long[][] lower = (long[][]) UPPER.getVolatile(upper, i);
    if (lower == null) {
      UPPER.compareAndSet(upper, i, (long[][]) null, new long[lowerLength][]);
      lower = (long[][]) UPPER.getVolatile(upper, i);
    }
    long[] unit = new long[UNIT_BLOCKS * blockWords];
    if (!whole) {
      initial.read(block & -UNIT_BLOCKS, UNIT_BLOCKS, unit, 0);
    }
    int j = lowerIndex(block);
    return LOWER.compareAndSet(lower, j, (long[]) null, unit) ? unit : (long[]) LOWER.getVolatile(lower, j);
  }

  @Override
  void read(long block, int count, long[] to, int at) {
    for (int n = 0; n < count; ) {
      long b = block + n;
      int run = Math.min(count - n, UNIT_BLOCKS - (int) (b & (UNIT_BLOCKS - 1)));
      long[] unit = unit(b);
      if (unit == null) {
        initial.read(b, run, to, at + n * blockWords);
      } else {
        System.arraycopy(unit, (int) (b & (UNIT_BLOCKS - 1)) * blockWords, to, at + n * blockWords, run * blockWords);
      }
      n += run;
    }
  }

  @Override
  void write(long block, int count, long[] from, int at) {
    for (int n = 0; n < count; ) {
      long b = block + n;
      int run = Math.min(count - n, UNIT_BLOCKS - (int) (b & (UNIT_BLOCKS - 1)));
      long[] unit = unit(b);
      if (unit == null) {
        unit = makeUnit(b, run == UNIT_BLOCKS);
      }
      System.arraycopy(from, at + n * blockWords, unit, (int) (b & (UNIT_BLOCKS - 1)) * blockWords, run * blockWords);
      n += run;
    }
  }

  @Override
  void forget(long block, long count) {
    long end = block + count;
    for (long b = block; b < end; ) {
      long next = Math.min(end, (b & -UNIT_BLOCKS) + UNIT_BLOCKS);
      long[] unit = unit(b);
      if (unit != null) {
        if (next - b == UNIT_BLOCKS) {
          LOWER.setVolatile(upper[(int) (b >>> (LOWER_BITS + 3))], lowerIndex(b), (long[]) null);
        } else {
          initial.read(b, (int) (next - b), unit, (int) (b & (UNIT_BLOCKS - 1)) * blockWords);
        }
      }
      b = next;
    }
  }
}
