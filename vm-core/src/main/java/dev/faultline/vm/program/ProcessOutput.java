package dev.faultline.vm.program;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What one process prints: gathers its lines and hands them on, whole, before other processes can know that it got so
 * far.
 */
final class ProcessOutput {
  private static final int FLUSH_BYTES = 1 << 13;
  private static final int LINE_BYTES = 128;
  private static final String HEX = "0123456789abcdef";

  private final LineSink sink;
  private final byte[] pid;
  private byte[] lines = new byte[512];
  private int used;

  ProcessOutput(long pid, LineSink sink) {
    this.sink = sink;
    this.pid = Long.toUnsignedString(pid).getBytes(StandardCharsets.US_ASCII);
  }

  /** Prints that {@code command} was refused. */
  void refused(Command command, Reply reply) {
    begin(command, 0);
    put(reply.name());
    end();
  }

  /** Prints what {@code command} found. */
  void value(Command command, long value) {
    begin(command, 0);
    put("0x");
    for (int shift = (Long.SIZE - 1 - Long.numberOfLeadingZeros(value | 1)) & ~3; shift >= 0; shift -= 4) {
      lines[used++] = (byte) HEX.charAt((int) (value >>> shift) & 0xf);
    }
    end();
  }

  /** Prints {@code count} digits, the numbers 0 or 1. */
  void digits(Command command, byte[] digits, int count) {
    begin(command, count);
    for (int i = 0; i < count; i++) {
      lines[used++] = (byte) ('0' + digits[i]);
    }
    end();
  }

  /**
   * Hands on all lines so far. To be called before anything from which another process can learn that they were
   * printed.
   */
  void flush() {
    if (used > 0) {
      sink.write(lines, 0, used);
      used = 0;
    }
  }

  private void begin(Command command, int more) {
    if (lines.length - used < LINE_BYTES + more) {
      lines = Arrays.copyOf(lines, Math.max(2 * lines.length, used + LINE_BYTES + more));
    }
    System.arraycopy(pid, 0, lines, used, pid.length);
    used += pid.length;
    lines[used++] = ' ';
    putDecimal(command.line());
    lines[used++] = ' ';
    put(command.op().word());
    put(" = ");
  }

  private void end() {
    lines[used++] = '\n';
    if (used >= FLUSH_BYTES) {
      flush();
    }
  }

  private void put(String ascii) {
    for (int i = 0; i < ascii.length(); i++) {
      lines[used++] = (byte) ascii.charAt(i);
    }
  }

  private void putDecimal(long v) {
    long unit = 1;
    while (v / unit > 9) {
      unit *= 10;
    }
    for (; unit > 0; unit /= 10) {
      lines[used++] = (byte) ('0' + v / unit % 10);
    }
  }
}
