package dev.faultline.vm.program;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;

/**
 * Goes through the commands of one process, each in the same fields; allocates nothing on the way. Of one thread at a
 * time. A program has as many cursors as anybody asks for.
 */
public final class CommandCursor extends Command {
  private static final Op[] OPS = Op.values();
  private static final int BUFFER_BYTES_MAX = 1 << 13;

  private final Spool spool;
  private final byte[] buffer;
  private final ByteBuffer view;
  private final long end;
  private long position;
  private int at;
  private int limit;

  CommandCursor(Spool spool, ProcessSection section) {
    this.spool = spool;
    position = section.offset();
    end = section.end();
    buffer = new byte[(int) Math.min(BUFFER_BYTES_MAX, end - position)];
    view = ByteBuffer.wrap(buffer);
    line = section.line();
  }

  /**
   * Moves to the next command.
   *
   * @return false when there is none; the fields are then those of the last one
   * @throws UncheckedIOException if the program's temporary file cannot be read; the program is of no more use
   */
  public boolean next() {
    if (limit - at < CommandWriter.COMMAND_BYTES_MAX && position < end) {
      refill();
    }
    if (at == limit) {
      return false;
    }
    int first = buffer[at++];
    op = OPS[first & ~CommandWriter.NEXT_LINE & 0xff];
    line += 1 + (first < 0 ? 0 : varint());
    for (Operand operand : op.operands()) {
      switch (operand) {
        case PAGE_ADDRESS, WORD_ADDRESS, ADDRESS -> {
          long zigzag = varint();
          address += (zigzag >>> 1) ^ -(zigzag & 1);
        }
        case LENGTH, WORDS_LENGTH, BYTES -> length = varint();
        case PROT -> prot = buffer[at++];
        case SHARING, INHERITANCE, ADVICE, SYNC_MODE, RESOURCE, ACCESS -> choice = buffer[at++];
        case FILE, DEVICE, PROCESS, BARRIER -> id = (int) varint();
        case FILE_OFFSET, DEVICE_OFFSET, BYTE_OFFSET, FILE_LENGTH, STACK_TOP, SIZE, VALUE, TICKS -> value = varint();
        case ANON, OF_FILE, OF_DEVICE -> { }
      }
    }
    return true;
  }

  private void refill() {
    int left = limit - at;
    System.arraycopy(buffer, at, buffer, 0, left);
    int count = (int) Math.min(buffer.length - left, end - position);
    try {
      spool.read(position, view.limit(left + count).position(left));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the program's temporary file", e);
    }
    position += count;
    at = 0;
    limit = left + count;
  }

  private long varint() {
    long v = 0;
    int shift = 0;
    while (true) {
      long b = buffer[at++];
      v |= (b & 0x7f) << shift;
      if (b >= 0) {
        return v;
      }
      shift += 7;
    }
  }
}
