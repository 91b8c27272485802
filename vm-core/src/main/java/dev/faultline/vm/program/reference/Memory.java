package dev.faultline.vm.program.reference;

import dev.faultline.vm.program.FileContent;
import dev.faultline.vm.program.VmProgram;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Words at byte offsets, by pages that come into being when they are needed. */
abstract class Memory {
  static final int PAGE = VmProgram.PAGE_SIZE;
  static final int WORDS = PAGE / Long.BYTES;

  final Map<Long, long[]> pages = new HashMap<>();

  /** Returns whether there is memory at {@code offset}; a page that is there in part is. */
  abstract boolean has(long offset);

  /** Returns the word at {@code offset} of a page that is not in {@link #pages}. */
  abstract long initial(long offset);

  /** Returns the word at {@code offset}. */
  final long load(long offset) {
    long[] own = pages.get(pageOffset(offset));
    return own != null ? own[word(offset)] : initial(offset);
  }

  /** Stores the word at {@code offset}. */
  final void store(long offset, long value) {
    ownPage(offset)[word(offset)] = value;
  }

  /** Makes the page of {@code offset} this memory's own, as a store that changes nothing would. */
  final long[] ownPage(long offset) {
    return pages.computeIfAbsent(pageOffset(offset), start -> {
      long[] page = new long[WORDS];
      for (int i = 0; i < WORDS; i++) {
        page[i] = initial(start + (long) i * Long.BYTES);
      }
      return page;
    });
  }

  /** Returns the byte of a word that lies at {@code offset}. */
  static byte byteOf(long word, long offset) {
    return (byte) (word >>> ((offset & 7) * Byte.SIZE));
  }

  /** Returns a word with the byte that lies at {@code offset} replaced. */
  static long withByte(long word, long offset, byte value) {
    int shift = (int) (offset & 7) * Byte.SIZE;
    return (word & ~(0xffL << shift)) | ((value & 0xffL) << shift);
  }

  static long pageOffset(long offset) {
    return offset & -PAGE;
  }

  private static int word(long offset) {
    return (int) (offset % PAGE) / Long.BYTES;
  }

  /** Zeroes without end; with nothing of its own also what private memory begins as. */
  static final class Zeroes extends Memory {
    @Override
    boolean has(long offset) {
      return true;
    }

    @Override
    long initial(long offset) {
      return 0;
    }
  }

  /** A device of constant length, all zeros at first. */
  static final class OfDevice extends Memory {
    private final long length;

    OfDevice(long length) {
      this.length = length;
    }

    @Override
    boolean has(long offset) {
      return offset < length;
    }

    @Override
    long initial(long offset) {
      return 0;
    }
  }

  /**
   * A file. Its last page is there whole; what lies beyond the end in it is zero until somebody stores there, and zero
   * again after a truncation.
   */
  static final class OfFile extends Memory {
    private final long seed;
    /** Up to where the seed's bytes were never cut off. */
    private long original;
    private long length;

    OfFile(long length, long seed) {
      this.length = length;
      this.seed = seed;
      original = length;
    }

    @Override
    boolean has(long offset) {
      return pageOffset(offset) < length;
    }

    @Override
    long initial(long offset) {
      return FileContent.word(seed, original, offset);
    }

    /** Returns the bytes from {@code offset} on, {@code most} or as many as there are. */
    byte[] read(long offset, long most) {
      byte[] bytes = new byte[(int) Math.max(0, Math.min(most, length - offset))];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = byteOf(load(offset + i & -Long.BYTES), offset + i);
      }
      return bytes;
    }

    /** Writes {@code count} bytes; a file that is too short grows. */
    void write(long offset, byte[] bytes, int count) {
      for (int i = 0; i < count; i++) {
        long word = offset + i & -Long.BYTES;
        store(word, withByte(load(word), offset + i, bytes[i]));
      }
      if (count > 0) {
        length = Math.max(length, offset + count);
      }
    }

    void truncate(long newLength) {
      if (newLength < length) {
        pages.keySet().removeIf(pageOffset -> pageOffset >= newLength);
        if (newLength % PAGE != 0) {
          zeroFrom(newLength);
        }
        original = Math.min(original, newLength);
      }
      length = newLength;
    }

    /** Zeroes the rest of the page that {@code end} is in. */
    private void zeroFrom(long end) {
      long[] page = ownPage(end);
      int first = (int) (end % PAGE) / Long.BYTES;
      page[first] &= (1L << (end % Long.BYTES * Byte.SIZE)) - 1;
      Arrays.fill(page, first + 1, WORDS, 0);
    }
  }

  /** A private view of other memory: a page is the other's until the first store to it, and a copy from then on. */
  static final class Private extends Memory {
    private final Memory below;

    Private(Memory below) {
      this.below = below;
    }

    @Override
    boolean has(long offset) {
      return pages.containsKey(pageOffset(offset)) || below.has(offset);
    }

    @Override
    long initial(long offset) {
      return below.load(offset);
    }

    /** Returns a copy of what lies in the range, over the same other memory. */
    Private copy(long start, long end) {
      Private copy = new Private(below);
      pages.forEach((pageOffset, page) -> {
        if (pageOffset >= start && pageOffset < end) {
          copy.pages.put(pageOffset, page.clone());
        }
      });
      return copy;
    }
  }

  /** Returns this as private memory of which copies can be made, or null if it is shared by nature. */
  @Nullable Private asPrivate() {
    return this instanceof Private p ? p : null;
  }
}
