package dev.faultline.vm.program;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The text in a gzip file (RFC 1952) of one member or more, to the end of the file.
 *
 * <p>Unlike the platform's reader it never takes a part for the whole: members after the first are found on a pipe too,
 * where {@code available} cannot tell that more will come, and a member that is cut short or followed by something else
 * is refused.
 */
final class GzipMembers extends InputStream {
  private static final int MAGIC_1 = 0x1f;
  private static final int MAGIC_2 = 0x8b;
  private static final int DEFLATE = 8;
  private static final int FLAG_HEADER_CRC = 2;
  private static final int FLAG_EXTRA = 4;
  private static final int FLAG_NAME = 8;
  private static final int FLAG_COMMENT = 16;
  private static final int FLAGS_RESERVED = 0xe0;

  private final InputStream in;
  private final Inflater inflater = new Inflater(true);
  private final CRC32 crc = new CRC32();
  private final byte[] buffer = new byte[1 << 16];
  private int at;
  private int limit;
  private boolean inMember;
  private boolean ended;

  /** Reads the members that begin where {@code in} is, without closing it. */
  GzipMembers(InputStream in) {
    this.in = in;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int count) throws IOException {
    if (count == 0) {
      return 0;
    }
    while (!ended) {
      if (!inMember) {
        header();
      }
      int n = inflate(into, offset, count);
      if (n > 0) {
        crc.update(into, offset, n);
        return n;
      }
      if (inflater.finished() || inflater.needsDictionary()) {
        trailer();
      } else {
        require(fill());
        inflater.setInput(buffer, at, limit - at);
      }
    }
    return -1;
  }

  private int inflate(byte[] into, int offset, int count) throws IOException {
    try {
      return inflater.inflate(into, offset, count);
    } catch (DataFormatException e) {
      throw new IOException("damaged gzip data" + (e.getMessage() == null ? "" : ", " + e.getMessage()), e);
    }
  }

  private void header() throws IOException {
    if (next() != MAGIC_1 || next() != MAGIC_2) {
      throw new IOException("something else after the gzip data");
    }
    if (next() != DEFLATE) {
      throw new IOException("unknown gzip compression");
    }
    int flags = next();
    if ((flags & FLAGS_RESERVED) != 0) {
      throw new IOException("unknown gzip flags");
    }
    skip(6); // time, level, system
    if ((flags & FLAG_EXTRA) != 0) {
      skip(next() | next() << 8);
    }
    if ((flags & FLAG_NAME) != 0) {
      skipText();
    }
    if ((flags & FLAG_COMMENT) != 0) {
      skipText();
    }
    if ((flags & FLAG_HEADER_CRC) != 0) {
      skip(2);
    }
    inflater.reset();
    inflater.setInput(buffer, at, limit - at);
    crc.reset();
    inMember = true;
  }

  private void trailer() throws IOException {
    at = limit - inflater.getRemaining();
    long sum = next32();
    long length = next32();
    if (sum != crc.getValue() || length != (inflater.getBytesWritten() & 0xffff_ffffL)) {
      throw new IOException("damaged gzip data, wrong checksum");
    }
    inMember = false;
    if (at == limit && !fill()) {
      ended = true;
      inflater.end();
    }
  }

  private void skip(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      next();
    }
  }

  private void skipText() throws IOException {
    while (next() != 0) {
      continue;
    }
  }

  private long next32() throws IOException {
    return next() | next() << 8 | next() << 16 | (long) next() << 24;
  }

  private int next() throws IOException {
    require(at < limit || fill());
    return buffer[at++] & 0xff;
  }

  private boolean fill() throws IOException {
    at = 0;
    limit = Math.max(0, in.read(buffer, 0, buffer.length));
    return limit > 0;
  }

  private static void require(boolean more) throws EOFException {
    if (!more) {
      throw new EOFException("truncated gzip data");
    }
  }
}
