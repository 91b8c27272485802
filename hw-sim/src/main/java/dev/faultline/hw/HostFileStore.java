package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A disk's blocks in a file of the host, sparse: block b at byte b times the block size, as far as they were ever
 * written.
 */
final class HostFileStore extends DiskStore {
  /*
   * Implementation overview
   *
   * What it is    A random access file, opened at the first write, beside a bitmap of the blocks in it; other blocks
   *               have their initial contents and leave holes. Words are little-endian. Not a FileChannel: an
   *               interrupt would close that under us.
   * Locks         lock guards file, bitmap and buffer; a leaf. Held across host I/O, by the disk's strand and by
   *               inspectors.
   */
  private static final VarHandle LITTLE_ENDIAN =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int MAP_BITS = 15; // blocks a piece of the bitmap covers, as a power of two

  private final Path path; // (C)
  private final StrandLock lock = new StrandLock();
  private final long[] @Nullable [] written; // (lock) one bit a block
  private byte[] buffer = {}; // (lock)
  private @Nullable RandomAccessFile file; // (lock)

  HostFileStore(Path path, long blocks, int blockWords) {
    super(blockWords);
    this.path = path;
    this.written = new long[(int) ((blocks + (1L << MAP_BITS) - 1) >>> MAP_BITS)][];
  }

  private boolean isWritten(long block) {
    long[] piece = written[(int) (block >>> MAP_BITS)];
    return piece != null && (piece[wordOf(block)] & (1L << block)) != 0;
  }

  private static int wordOf(long block) {
    return (int) (block & ((1L << MAP_BITS) - 1)) >>> 6;
  }

  private void mark(long block, boolean on) {
    int i = (int) (block >>> MAP_BITS);
    long[] piece = written[i];
    if (piece == null) {
      if (!on) {
        return;
      }
      piece = new long[1 << (MAP_BITS - 6)];
      written[i] = piece;
    }
    if (on) {
      piece[wordOf(block)] |= 1L << block;
    } else {
      piece[wordOf(block)] &= ~(1L << block);
    }
  }

  private byte[] buffer(int words) {
    if (buffer.length < words * Long.BYTES) {
      buffer = Arrays.copyOf(buffer, words * Long.BYTES);
    }
    return buffer;
  }

  @Override
  void read(long block, int count, long[] to, int at) throws IOException {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      for (int n = 0; n < count; ) {
        boolean there = isWritten(block + n);
        int run = 1;
        while (n + run < count && isWritten(block + n + run) == there) {
          run++;
        }
        if (there) {
          readFile(block + n, run, to, at + n * blockWords);
        } else {
          initial.read(block + n, run, to, at + n * blockWords);
        }
        n += run;
      }
    } finally {
      lock.release(me);
    }
  }

  private void readFile(long block, int count, long[] to, int at) throws IOException {
    RandomAccessFile f = file;
    if (f == null) {
      throw new IOException(path + " is closed");
    }
    int words = count * blockWords;
    byte[] bytes = buffer(words);
    f.seek(block * blockWords * Long.BYTES);
    f.readFully(bytes, 0, words * Long.BYTES);
    for (int i = 0; i < words; i++) {
      to[at + i] = (long) LITTLE_ENDIAN.get(bytes, i * Long.BYTES);
    }
  }

  @Override
  void write(long block, int count, long[] from, int at) throws IOException {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      RandomAccessFile f = file;
      if (f == null) {
        f = new RandomAccessFile(path.toFile(), "rw");
        file = f;
      }
      int words = count * blockWords;
      byte[] bytes = buffer(words);
      for (int i = 0; i < words; i++) {
        LITTLE_ENDIAN.set(bytes, i * Long.BYTES, from[at + i]);
      }
      f.seek(block * blockWords * Long.BYTES);
      f.write(bytes, 0, words * Long.BYTES);
      for (int n = 0; n < count; n++) {
        mark(block + n, true);
      }
    } finally {
      lock.release(me);
    }
  }

  @Override
  void forget(long block, long count) {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      for (long b = block; b < block + count; ) {
        if (written[(int) (b >>> MAP_BITS)] == null) {
          b = (b | ((1L << MAP_BITS) - 1)) + 1;
        } else {
          mark(b++, false);
        }
      }
    } finally {
      lock.release(me);
    }
  }

  @Override
  void close() throws IOException {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      if (file != null) {
        file.close();
        file = null;
      }
    } finally {
      lock.release(me);
    }
  }
}
