package dev.faultline.vm.program;

import java.io.IOException;

/**
 * Writes the commands of one section after the other to a spool, in the compact form that {@link CommandCursor} reads.
 */
final class CommandWriter {
  /*
   * The form: one byte with the ordinal of the Op, and NEXT_LINE if the command stands in the line after the previous
   * one's; else the number of lines in between as a varint. Then the operands in order: an address as the zigzag varint
   * of its difference from the section's previous one, protection and choices as a byte, all else as a varint.
   */
  static final int NEXT_LINE = 0x80;
  /** No command takes more bytes than this. */
  static final int COMMAND_BYTES_MAX = 64;

  private final Spool spool;
  private final byte[] bytes = new byte[COMMAND_BYTES_MAX];
  private int used;
  private long lastLine;
  private long lastAddress;

  CommandWriter(Spool spool) {
    this.spool = spool;
  }

  /** Begins a section that line {@code line} opens. */
  void begin(long line) {
    lastLine = line;
    lastAddress = 0;
  }

  /** Adds {@code command} to the section. */
  void write(Command command) throws IOException {
    long skipped = command.line - lastLine - 1;
    lastLine = command.line;
    used = 0;
    if (skipped == 0) {
      put(command.op.ordinal() | NEXT_LINE);
    } else {
      put(command.op.ordinal());
      putVarint(skipped);
    }
    for (Operand operand : command.op.operands()) {
      switch (operand) {
        case PAGE_ADDRESS, WORD_ADDRESS, ADDRESS -> {
          long difference = command.address - lastAddress;
          lastAddress = command.address;
          putVarint((difference << 1) ^ (difference >> 63));
        }
        case LENGTH, WORDS_LENGTH, BYTES -> putVarint(command.length);
        case PROT -> put(command.prot);
        case SHARING, INHERITANCE, ADVICE, SYNC_MODE, RESOURCE, ACCESS -> put(command.choice);
        case FILE, DEVICE, PROCESS, BARRIER -> putVarint(command.id);
        case FILE_OFFSET, DEVICE_OFFSET, BYTE_OFFSET, FILE_LENGTH, STACK_TOP, SIZE, VALUE, TICKS ->
            putVarint(command.value);
        case ANON, OF_FILE, OF_DEVICE -> { }
      }
    }
    spool.write(bytes, used);
  }

  private void put(int b) {
    bytes[used++] = (byte) b;
  }

  private void putVarint(long v) {
    long rest = v;
    while ((rest & ~0x7fL) != 0) {
      put((int) rest | 0x80);
      rest >>>= 7;
    }
    put((int) rest);
  }
}
