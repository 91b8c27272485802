package dev.faultline.vm.map;

import dev.faultline.vm.base.KernelPanic;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The entries of one map in address order. Guarded by M of that map: walked under M read, changed under M write.
 */
final class EntryList {
  /*
   * Implementation overview
   *
   * List         A ring of entries through prev and next; the header stands at min, before the first and after the
   *              last.
   * Index        The starts once more, in blocks of at most BLOCK sorted entries, with an array of the blocks' first
   *              starts above them: two binary searches over a few cache lines find an entry among a hundred thousand.
   *              An insertion moves at most one block's tail, seldom the array above. Appending fills blocks to the
   *              brim.
   * hint         The last entry found. Opaque: readers write it without excluding each other, and any value is as good
   *              as another, as entries are unlinked only under M write, where the hint is put right.
   * firstFree    An entry up to whose end everything from min on is mapped; where a search for space may begin.
   */
  private static final int BLOCK = 256;
  private static final int FIRST_BLOCK = 4; // a small world has a handful of entries
  private static final VarHandle HINT;

  static {
    try {
      HINT = MethodHandles.lookup().findVarHandle(EntryList.class, "hint", VmMapEntry.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final class Block {
    long[] starts;
    VmMapEntry[] entries;
    int count;

    Block(int capacity) {
      starts = new long[capacity];
      entries = new VmMapEntry[capacity];
    }

    void grow() {
      starts = Arrays.copyOf(starts, Math.min(BLOCK, starts.length * 4));
      entries = Arrays.copyOf(entries, starts.length);
    }

    void insert(int i, VmMapEntry e) {
      System.arraycopy(starts, i, starts, i + 1, count - i);
      System.arraycopy(entries, i, entries, i + 1, count - i);
      starts[i] = e.start;
      entries[i] = e;
      count++;
    }

    @SuppressWarnings("NullAway") // the slots from count on are empty
    void remove(int i) {
      count--;
      System.arraycopy(starts, i + 1, starts, i, count - i);
      System.arraycopy(entries, i + 1, entries, i, count - i);
      entries[count] = null;
    }

    @SuppressWarnings("NullAway") // the slots from count on are empty
    Block splitOff(int from) {
      Block b = new Block(BLOCK);
      b.count = count - from;
      System.arraycopy(starts, from, b.starts, 0, b.count);
      System.arraycopy(entries, from, b.entries, 0, b.count);
      Arrays.fill(entries, from, count, null);
      count = from;
      return b;
    }
  }

  private static final Block[] NO_BLOCKS = {};
  private static final long[] NO_STARTS = {};

  final VmMapEntry header; // (C)
  private final long min; // (C)
  private final long max; // (C)
  private Block[] blocks = NO_BLOCKS; // (M), as all below
  private long[] blockStarts = NO_STARTS;
  private int blockCount;
  private int count;
  private long size;

  @SuppressWarnings("UnusedVariable") // read through HINT
  private VmMapEntry hint; // (A) opaque

  private VmMapEntry firstFree;

  EntryList(long min, long max) {
    this.min = min;
    this.max = max;
    header = new VmMapEntry(min, min);
    hint = header;
    firstFree = header;
  }

  int count() {
    return count;
  }

  /** Returns the number of bytes mapped. */
  long size() {
    return size;
  }

  VmMapEntry first() {
    return header.next;
  }

  /** Returns how many of the first {@code n} ascending values are not above {@code x}. */
  private static int upTo(long[] values, int n, long x) {
    int low = 0;
    int high = n;
    while (low < high) {
      int mid = (low + high) >>> 1;
      if (values[mid] <= x) {
        low = mid + 1;
      } else {
        high = mid;
      }
    }
    return low;
  }

  /** vm_map_lookup_entry: returns the entry that contains {@code va}, or null. */
  @Nullable VmMapEntry find(long va) {
    VmMapEntry h = (VmMapEntry) HINT.getOpaque(this);
    if (va < h.end && va >= h.start) { // never the header, which is empty
      return h;
    }
    VmMapEntry e = floor(va);
    if (va >= e.end || e == header) {
      return null;
    }
    HINT.setOpaque(this, e);
    return e;
  }

  /** Returns the last entry that starts at or below {@code va}, or the header. */
  VmMapEntry floor(long va) {
    int b = upTo(blockStarts, blockCount, va) - 1;
    if (b < 0) {
      return header;
    }
    Block k = blocks[b];
    return k.entries[upTo(k.starts, k.count, va) - 1];
  }

  /** Returns the first entry that ends above {@code va}, or the header. */
  VmMapEntry firstEndingAbove(long va) {
    VmMapEntry e = floor(va);
    return e != header && e.end > va ? e : e.next;
  }

  /** Links {@code e} behind {@code after}, which must be its neighbour in address order. */
  void link(VmMapEntry after, VmMapEntry e) {
    if (e.start < after.end || (after.next != header && e.end > after.next.start) || e.start >= e.end) {
      throw KernelPanic.of("I-53 vm_map_entry_link: out of order", after, e, after.next);
    }
    e.prev = after;
    e.next = after.next;
    after.next.prev = e;
    after.next = e;
    count++;
    size += e.end - e.start;
    index(e);
    if (firstFree == after && after.end == e.start) {
      firstFree = e;
    }
  }

  private void index(VmMapEntry e) {
    if (blockCount == 0) {
      insertBlock(0, new Block(FIRST_BLOCK), e.start);
    }
    int b = Math.max(0, upTo(blockStarts, blockCount, e.start) - 1);
    Block k = blocks[b];
    if (k.count == k.starts.length) {
      if (k.count < BLOCK) {
        k.grow();
      } else {
        boolean append = b == blockCount - 1 && e.start > k.starts[k.count - 1];
        int from = append ? BLOCK : BLOCK / 2;
        Block next = k.splitOff(from);
        insertBlock(b + 1, next, append ? e.start : next.starts[0]);
        if (append || e.start > next.starts[0]) {
          b++;
          k = next;
        }
      }
    }
    int i = upTo(k.starts, k.count, e.start);
    k.insert(i, e);
    if (i == 0) {
      blockStarts[b] = e.start;
    }
  }

  private void insertBlock(int b, Block k, long start) {
    if (blockCount == blocks.length) {
      int capacity = Math.max(1, blocks.length * 2);
      blocks = Arrays.copyOf(blocks, capacity);
      blockStarts = Arrays.copyOf(blockStarts, capacity);
    }
    System.arraycopy(blocks, b, blocks, b + 1, blockCount - b);
    System.arraycopy(blockStarts, b, blockStarts, b + 1, blockCount - b);
    blocks[b] = k;
    blockStarts[b] = start;
    blockCount++;
  }

  /** Takes {@code e} out. */
  @SuppressWarnings("NullAway") // the slots from blockCount on are empty
  void unlink(VmMapEntry e) {
    if (HINT.getOpaque(this) == e) {
      HINT.setOpaque(this, e.prev);
    }
    if (firstFree.start >= e.start) {
      firstFree = e.prev;
    }
    e.prev.next = e.next;
    e.next.prev = e.prev;
    count--;
    size -= e.end - e.start;
    int b = upTo(blockStarts, blockCount, e.start) - 1;
    int i = b < 0 ? -1 : indexIn(blocks[b], e.start);
    if (i < 0 || blocks[b].entries[i] != e) {
      throw KernelPanic.of("vm_map_entry_unlink: entry is not of this map", e);
    }
    Block k = blocks[b];
    k.remove(i);
    if (k.count == 0) {
      blockCount--;
      System.arraycopy(blocks, b + 1, blocks, b, blockCount - b);
      System.arraycopy(blockStarts, b + 1, blockStarts, b, blockCount - b);
      blocks[blockCount] = null;
    } else if (i == 0) {
      blockStarts[b] = k.starts[0];
    }
  }

  private static int indexIn(Block k, long start) {
    return Arrays.binarySearch(k.starts, 0, k.count, start);
  }

  /** Cuts {@code front}, a twin of {@code e}, off its head: e then begins at {@code va}, front is linked before it. */
  void splitFront(VmMapEntry e, VmMapEntry front, long va) {
    assert e.start < va;
    assert va < e.end;
    int b = upTo(blockStarts, blockCount, e.start) - 1;
    int i = indexIn(blocks[b], e.start);
    front.end = va;
    e.start = va;
    blocks[b].starts[i] = va; // blockStarts may stay: front begins there
    size -= va - front.start;
    link(e.prev, front);
  }

  /** Cuts {@code rear}, a twin of {@code e}, off its tail: e then ends at {@code va}, rear is linked behind it. */
  void splitRear(VmMapEntry e, VmMapEntry rear, long va) {
    assert e.start < va;
    assert va < e.end;
    rear.start = va;
    size -= e.end - va;
    e.end = va;
    link(e, rear);
  }

  /** Moves the end of {@code e} up to {@code end}, where nothing else is. */
  void extend(VmMapEntry e, long end) {
    assert end <= max;
    assert e.next == header || end <= e.next.start;
    size += end - e.end;
    e.end = end;
  }

  /** Returns whether nothing is mapped in [start, end). */
  boolean isFree(long start, long end) {
    VmMapEntry e = firstEndingAbove(start);
    return e == header || e.start >= end;
  }

  /**
   * vm_map_findspace: first fit.
   *
   * @return the lowest address at or above {@code from} with {@code length} free bytes, or -1
   */
  long findSpace(long from, long length) {
    long start = Math.max(from, min);
    VmMapEntry e = start == min ? firstFree : floor(start);
    start = Math.max(start, e.end);
    while (start <= max && length <= max - start) {
      VmMapEntry n = e.next;
      if (n == header || n.start - start >= length) {
        return start;
      }
      e = n;
      start = n.end;
    }
    return -1;
  }

  /** I-53. Caller holds M. */
  void checkInvariants(VmMap map, long pageSize) {
    long sum = 0;
    int n = 0;
    boolean hintSeen = HINT.getOpaque(this) == header;
    boolean freeSeen = firstFree == header;
    boolean contiguous = true;
    VmMapEntry last = header;
    int b = 0;
    int i = 0;
    for (VmMapEntry e = header.next; e != header; e = e.next) {
      require(e.prev == last, "I-53 back link is wrong", map, e);
      require(e.start < e.end, "I-53 empty entry", map, e);
      require(e.start >= last.end, "I-53 entries overlap or are not sorted", map, e);
      require(e.start >= min && e.end <= max, "I-53 entry out of the map's bounds", map, e);
      require(e.start % pageSize == 0 && e.end % pageSize == 0, "I-53 entry is not page aligned", map, e);
      require(b < blockCount && blocks[b].entries[i] == e && blocks[b].starts[i] == e.start
          && (i != 0 || blockStarts[b] == e.start), "I-53 index is wrong", map, e);
      if (++i == blocks[b].count) {
        b++;
        i = 0;
      }
      contiguous &= e.start == last.end;
      hintSeen |= HINT.getOpaque(this) == e;
      if (firstFree == e) {
        freeSeen = true;
        require(contiguous, "I-53 hole below first_free", map, e);
      }
      sum += e.end - e.start;
      n++;
      last = e;
    }
    require(header.prev == last, "I-53 header's back link is wrong", map, last);
    require(b == blockCount && i == 0, "I-53 index is longer than the list", map, header);
    require(n == count, "I-53 nentries is " + count + ", entries are " + n, map, header);
    require(sum == size, "I-53 size is " + size + ", entries sum to " + sum, map, header);
    require(hintSeen, "I-53 hint is no entry", map, header);
    require(freeSeen, "I-53 first_free is no entry", map, header);
  }

  static void require(boolean ok, String message, VmMap map, VmMapEntry e) {
    if (!ok) {
      throw KernelPanic.of(message, map, e);
    }
  }
}
