package dev.faultline.vm.program;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that are written once, from the front, and then read anywhere by any thread: in memory while they are few, in a
 * temporary file
 * that nobody else sees and that is gone when this is closed otherwise.
 */
final class Spool implements Closeable {
  private static final int BUFFER_BYTES_MIN = 1 << 13;

  private final int memoryBytesMax;
  private byte[] buffer = new byte[BUFFER_BYTES_MIN];
  private int used;
  private long filed;
  private @Nullable FileChannel file;

  /**
   * Makes an empty spool.
   *
   * @param memoryBytesMax how many bytes may stay in memory
   */
  Spool(int memoryBytesMax) {
    this.memoryBytesMax = Math.max(memoryBytesMax, BUFFER_BYTES_MIN);
  }

  /** Returns how many bytes were written. */
  long size() {
    return filed + used;
  }

  /** Returns whether the bytes, or some of them, are in a file. */
  boolean inFile() {
    return file != null;
  }

  /** Adds the first {@code count} bytes of {@code from}, at most {@value #BUFFER_BYTES_MIN}. */
  void write(byte[] from, int count) throws IOException {
    if (buffer.length - used < count) {
      if (buffer.length < memoryBytesMax && file == null) {
        buffer = Arrays.copyOf(buffer, Math.min(2 * buffer.length, memoryBytesMax));
      }
      if (buffer.length - used < count) {
        drain();
      }
    }
    System.arraycopy(from, 0, buffer, used, count);
    used += count;
  }

  /** Ends the writing; from here on threads may read. */
  void seal() throws IOException {
    if (file != null) {
      drain();
      buffer = new byte[0];
    } else {
      buffer = Arrays.copyOf(buffer, used);
    }
  }

  private void drain() throws IOException {
    FileChannel to = file;
    if (to == null) {
      Path path = Files.createTempFile("faultline-", ".spool");
      to = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE,
          StandardOpenOption.DELETE_ON_CLOSE);
      file = to;
    }
    ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, used);
    while (bytes.hasRemaining()) {
      to.write(bytes);
    }
    filed += used;
    used = 0;
  }

  /** Reads from {@code position} on until {@code into} is full. */
  void read(long position, ByteBuffer into) throws IOException {
    FileChannel from = file;
    if (from == null) {
      into.put(buffer, Math.toIntExact(position), into.remaining());
      return;
    }
    long at = position;
    while (into.hasRemaining()) {
      int count = from.read(into, at);
      if (count < 0) {
        throw new EOFException("spool ends at byte " + at);
      }
      at += count;
    }
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      file.close();
    }
  }
}
