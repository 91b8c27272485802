package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A program's length costs no memory, neither when it is read nor when it is run. */
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class StreamingTest {
  private static final long READ_BYTES_MAX = 1 << 20;
  private static final long CURSOR_BYTES_MAX = 1 << 16;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** The text of a program with one process that touches, loads and stores {@code lines} times. */
  private static final class LongProgram extends InputStream {
    private final long lines;
    private long line;
    private byte[] text = "vmprogram 1\nprocess 1\nmmap 0x100000 0x10000000 rw- private anon\n".getBytes(StandardCharsets.US_ASCII);
    private int at;
    private final byte[] command = new byte[64];
    private int end = text.length;

    LongProgram(long lines) {
      this.lines = lines;
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException("byte by byte");
    }

    @Override
    public int read(byte[] into, int offset, int count) {
      int done = 0;
      while (done < count) {
        if (at == end && !next()) {
          break;
        }
        int n = Math.min(count - done, end - at);
        System.arraycopy(text, at, into, offset + done, n);
        at += n;
        done += n;
      }
      return done == 0 && count > 0 ? -1 : done;
    }

    /** Makes the next line, without any garbage that would spoil the measurement. */
    private boolean next() {
      if (line == lines) {
        return false;
      }
      text = command;
      at = 0;
      end = 0;
      put(line % 3 == 0 ? "touch r 0x" : line % 3 == 1 ? "load 0x" : "store 0x");
      long address = 0x100000 + line * 4104 % 0x10000000 & -8;
      for (int shift = 28; shift >= 0; shift -= 4) {
        command[end++] = (byte) "0123456789abcdef".charAt((int) (address >> shift) & 15);
      }
      put(line % 3 == 2 ? " 77\n" : "\n");
      line++;
      return true;
    }

    private void put(String ascii) {
      for (int i = 0; i < ascii.length(); i++) {
        command[end++] = (byte) ascii.charAt(i);
      }
    }
  }

  private static void assertConstantMemory(long lines) throws Exception {
    VmProgram.read(new LongProgram(1000), "warm").close();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    try (VmProgram p = VmProgram.read(new LongProgram(lines), "long", 0)) {
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(READ_BYTES_MAX);
      assertThat(p.commands()).isEqualTo(lines + 1);
      assertThat(p.inFile()).isTrue();
      assertThat(p.spooledBytes()).isLessThan(7 * lines);
      before = THREADS.getCurrentThreadAllocatedBytes();
      CommandCursor c = p.cursor(0);
      long seen = 0;
      long lastLine = 0;
      while (c.next()) {
        seen++;
        lastLine = c.line();
      }
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(CURSOR_BYTES_MAX);
      assertThat(seen).isEqualTo(lines + 1);
      assertThat(lastLine).isEqualTo(lines + 3);
    }
  }

  @Test
  void threeMillionLines_takeAMegabyte() throws Exception {
    assertConstantMemory(3_000_000);
  }

  @Test
  @Tag("slow")
  void aHundredMillionLines_takeAMegabyteToo() throws Exception {
    assertConstantMemory(100_000_000);
  }

  @Test
  void commandsAreTheSame_inMemoryAndInAFile_andForSeveralThreads() throws Exception {
    byte[] text;
    try (InputStream in = new LongProgram(100_000)) {
      text = in.readAllBytes();
    }
    try (VmProgram memory = VmProgram.read(new ByteArrayInputStream(text), "memory");
        VmProgram file = VmProgram.read(new ByteArrayInputStream(text), "file", 0)) {
      assertThat(memory.inFile()).isFalse();
      assertThat(file.inFile()).isTrue();
      LongAdder differences = new LongAdder();
      Runnable compare = () -> {
        CommandCursor a = memory.cursor(0);
        CommandCursor b = file.cursor(0);
        while (a.next() | b.next()) {
          if (a.line() != b.line() || a.op() != b.op() || a.address() != b.address() || a.value() != b.value()) {
            differences.increment();
          }
        }
      };
      Thread[] threads = {new Thread(compare), new Thread(compare), new Thread(compare)};
      for (Thread t : threads) {
        t.start();
      }
      for (Thread t : threads) {
        t.join();
      }
      assertThat(differences.sum()).isZero();
    }
  }

  @Test
  void readingFails_withOneLine_whenTheInputDoes() {
    InputStream failing = new InputStream() {
      @Override
      public int read() throws IOException {
        throw new IOException("the tape is torn");
      }
    };
    assertThatThrownBy(() -> VmProgram.read(failing, "tape").close())
        .isInstanceOf(ProgramException.class)
        .hasMessage("tape:1: the tape is torn: expected a file that can be read to its end");
  }
}
