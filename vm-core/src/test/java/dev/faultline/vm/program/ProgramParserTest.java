package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ProgramParserTest {
  private static void assertRefused(String text, String message) {
    assertThatThrownBy(() -> VmProgram.of(text).close())
        .isInstanceOf(ProgramException.class).hasMessage(message).message().doesNotContain("\n");
  }

  /**
   * Checks that the one command {@code line}, in a program around it, is refused with {@code message} behind file and
   * line.
   */
  private static void assertLineRefused(String line, String message) {
    assertRefused("vmprogram 1\nfile f 100\nbarrier b 1\nprocess 1\n" + line + "\n", "program:5: " + message);
  }

  private static List<String> commands(VmProgram program, int process) {
    List<String> commands = new ArrayList<>();
    CommandCursor c = program.cursor(process);
    while (c.next()) {
      commands.add(c.toString());
    }
    return commands;
  }

  @Test
  void reads_everyCommand_whereTheLanguageAllowsBlanksAndComments() throws Exception {
    String text = """
        vmprogram 1   # version
        # declarations
        file f 0x100\t7
        file g 5 # no seed
        \tbarrier b 1

        process 3#the first
          mmap 0x1000 8192 rw- private anon
        mmap 0x1000 1 r-x shared file f 0x1000
        munmap 4096 1
        mprotect 0x0 4096 ---
        minherit 0x1000 4096 share
        madvise 0x1000 4096 dontneed
        mlock 0x1000 4096
        munlock 0x1000 4096
        msync 0x1000 4096
        mincore 0x1000 4097
        store 0x1008 18446744073709551615
        load 0x7FFFfffffff8
        add 8 1
        fill 0x1000 16 0xffffffffffffffff
        sum 0x1000 0
        touch w 0x1001
        fork 70
        wait 70
        vfork 18446744073709551615
        barrier b
        sleep 10
        truncate g 0
        exec
        exit
        process 18446744073709551615
        process 70""";
    try (VmProgram p = VmProgram.of(text)) {
      assertThat(p.files()).containsExactly(new FileDeclaration("f", 0x100, 7), new FileDeclaration("g", 5, 0));
      assertThat(p.barriers()).containsExactly(new BarrierDeclaration("b", 1));
      assertThat(p.processes()).extracting(ProcessSection::pid).containsExactly(3L, 70L, -1L);
      assertThat(p.processes()).extracting(ProcessSection::line).containsExactly(7L, 33L, 32L);
      assertThat(p.commands()).isEqualTo(24);
      assertThat(commands(p, 0)).containsExactly(
          "8: mmap PAGE_ADDRESS=1000 LENGTH=2000 PROT=rw- SHARING=private ANON",
          "9: mmap PAGE_ADDRESS=1000 LENGTH=1 PROT=r-x SHARING=shared OF_FILE FILE=0 FILE_OFFSET=1000",
          "10: munmap PAGE_ADDRESS=1000 LENGTH=1",
          "11: mprotect PAGE_ADDRESS=0 LENGTH=1000 PROT=---",
          "12: minherit PAGE_ADDRESS=1000 LENGTH=1000 INHERITANCE=share",
          "13: madvise PAGE_ADDRESS=1000 LENGTH=1000 ADVICE=dontneed",
          "14: mlock PAGE_ADDRESS=1000 LENGTH=1000",
          "15: munlock PAGE_ADDRESS=1000 LENGTH=1000",
          "16: msync PAGE_ADDRESS=1000 LENGTH=1000",
          "17: mincore PAGE_ADDRESS=1000 LENGTH=1001",
          "18: store WORD_ADDRESS=1008 VALUE=ffffffffffffffff",
          "19: load WORD_ADDRESS=7ffffffffff8",
          "20: add WORD_ADDRESS=8 VALUE=1",
          "21: fill WORD_ADDRESS=1000 WORDS_LENGTH=10 VALUE=ffffffffffffffff",
          "22: sum WORD_ADDRESS=1000 WORDS_LENGTH=0",
          "23: touch ACCESS=w ADDRESS=1001",
          "24: fork PROCESS=1",
          "25: wait PROCESS=1",
          "26: vfork PROCESS=2",
          "27: barrier BARRIER=0",
          "28: sleep TICKS=a",
          "29: truncate FILE=1 FILE_LENGTH=0",
          "30: exec",
          "31: exit");
    }
  }

  @Test
  void undeclaredFile_isAsLongAsItsLargestMapping_withSeed0() throws Exception {
    try (VmProgram p = VmProgram.of("""
        vmprogram 1
        process 1
        mmap 0x1000 100 rw- shared file x 0x2000
        mmap 0x1000 0x2000 rw- shared file x 0
        truncate x 0x9000
        truncate y 1
        """)) {
      assertThat(p.files()).containsExactly(new FileDeclaration("x", 0x2064, 0), new FileDeclaration("y", 0, 0));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ls", "perl-fork-cow", "shell-pipeline", "sqlite-mmap"})
  void recordedTraces_areAccepted(String trace) throws Exception {
    try (VmProgram p = VmProgram.open("../samples/traces/" + trace + ".vm.gz")) {
      assertThat(p.commands()).isGreaterThan(3000);
    }
  }

  @Nested
  class Lines {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        lod 0x1000                              | lod: expected a command
        Load 0x1000                             | Load: expected a command
        file g 5                                | file: expected a command; files are declared before the first process
        load                                    | end of line: expected an address
        load x                                  | x: expected an address, in decimal or, after 0x, hexadecimal
        load -8                                 | -8: expected an address, in decimal or, after 0x, hexadecimal
        load 0x                                 | 0x: expected an address, in decimal or, after 0x, hexadecimal
        load 0X10                               | 0X10: expected an address, in decimal or, after 0x, hexadecimal
        load 0x1g                               | 0x1g: expected an address, in decimal or, after 0x, hexadecimal
        load 18446744073709551616               | 18446744073709551616: expected an address, below 2^64
        load 99999999999999999999               | 99999999999999999999: expected an address, below 2^64
        load 0x10000000000000000                | 0x10000000000000000: expected an address, below 2^64
        load 0x1001                             | 0x1001: expected the address of a word, a multiple of 8
        load 0x800000000000                     | 0x800000000000: expected an address below 0x800000000000
        load 0x1000 5                           | 5: expected the end of the line
        store 0x1000                            | end of line: expected a value
        store 0x1004 1                          | 0x1004: expected the address of a word, a multiple of 8
        add 0x1000 1 2                          | 2: expected the end of the line
        fill 0x1000 12 1                        | 12: expected a length in bytes, a multiple of 8
        fill 0x7ffffffffff8 16 1                | 16: expected a length with which the range ends at or below 0x800000000000
        sum 0x1000 0xfffffffffffffff8           | 0xfffffffffffffff8: expected a length with which the range ends at or below 0x800000000000
        touch rw 0x1000                         | rw: expected one of r, w, x
        touch r                                 | end of line: expected an address
        mmap 0x1001 4096 rw- private anon       | 0x1001: expected a page-aligned address, a multiple of 4096
        mmap 0x1000 0 rw- private anon          | 0: expected a length of 1 byte or more
        mmap 0x7ffffffff000 4097 rw- private anon | 4097: expected a length with which the range ends at or below 0x800000000000
        mmap 0x1000 4096 rwz private anon       | rwz: expected a protection such as rw-, each letter or '-' in its place
        mmap 0x1000 4096 rw private anon        | rw: expected a protection such as rw-, each letter or '-' in its place
        mmap 0x1000 4096 wr- private anon       | wr-: expected a protection such as rw-, each letter or '-' in its place
        mmap 0x1000 4096 rw- public anon        | public: expected one of private, shared
        mmap 0x1000 4096 rw- private            | end of line: expected 'anon', 'file' or 'device'
        mmap 0x1000 4096 rw- private anonymous  | anonymous: expected 'anon', 'file' or 'device'
        mmap 0x1000 4096 rw- private anon 0     | 0: expected the end of the line
        mmap 0x1000 4096 rw- private file       | end of line: expected the name of a file
        mmap 0x1000 4096 rw- private file f     | end of line: expected a page-aligned offset in the file
        mmap 0x1000 4096 rw- private file f 100 | 100: expected a page-aligned offset in the file, a multiple of 4096
        mmap 0x1000 4096 rw- private file f 0x8000000000000000 | 0x8000000000000000: expected a page-aligned offset in the file, below 2^63
        mmap 0x1000 4096 rw- private file f 0x7ffffffffffff000 | 0x7ffffffffffff000: expected an offset from which the mapping ends below 2^63
        munmap 0x1000 0                         | 0: expected a length of 1 byte or more
        munmap 8 4096                           | 8: expected a page-aligned address, a multiple of 4096
        mprotect 0x1000 4096 r---               | r---: expected a protection such as rw-, each letter or '-' in its place
        minherit 0x1000 4096 move               | move: expected one of share, copy, none
        madvise 0x1000 4096 please              | please: expected one of normal, random, sequential, willneed, dontneed, free
        mincore 0x1000 0x100000001              | 0x100000001: expected at most 4294967296 bytes, a digit being printed for each page
        barrier c                               | c: expected a barrier that is declared
        barrier b 2                             | 2: expected the end of the line
        barrier                                 | end of line: expected the name of a barrier
        sleep                                   | end of line: expected a number of ticks
        sleep 0x8000000000000000                | 0x8000000000000000: expected a number of ticks, below 2^63
        truncate f                              | end of line: expected the length of a file in bytes
        truncate f 0xffffffffffffffff           | 0xffffffffffffffff: expected the length of a file in bytes, below 2^63
        exec now                                | now: expected the end of the line
        fork                                    | end of line: expected the number of a process
        fork x                                  | x: expected the number of a process, in decimal or, after 0x, hexadecimal
        wait 2                                  | 2: expected a child, forked by this process before it waits
        1 2 3 4 5 6 7 8 9 10 11 12              | 1: expected a command
        """)
    void thatAreMalformed_areRefusedWithTheWordAndWhatWasExpected(String line, String message) {
      assertLineRefused(line, message);
    }

    @Test
    void afterExit_areRefused() {
      assertRefused("vmprogram 1\nprocess 1\nexit\nload 0x1000\n",
          "program:4: load: expected the next 'process', since this one has done its exit");
    }
  }

  @Nested
  class Whole {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        vmprogram                          | 1: end of line: expected 1, the version of the language
        vmprogram 2                        | 1: 2: expected 1, the version of the language
        vmprogram 1 1                      | 1: 1: expected the end of the line
        hello                              | 1: hello: expected 'vmprogram 1' as the first line
        # c;vmprogram 1                    | 1: end of line: expected 'vmprogram 1' as the first line
        vmprogram 1                        | 1: end of file: expected 'process' and a section; a program has one process or more
        vmprogram 1;load 0x1000            | 2: load: expected 'file', 'device' or 'barrier' to declare something, or 'process' to open the first section
        vmprogram 1;file                   | 2: end of line: expected the name of a file
        vmprogram 1;file f                 | 2: end of line: expected the length of a file in bytes
        vmprogram 1;file f 1 2 3           | 2: 3: expected the end of the line
        vmprogram 1;file f 1 s             | 2: s: expected a seed, in decimal or, after 0x, hexadecimal
        vmprogram 1;file f 1;file f 1      | 3: f: expected a file that is not declared yet
        vmprogram 1;barrier b              | 2: end of line: expected a number of processes, from 1 to 2147483647
        vmprogram 1;barrier b 0            | 2: 0: expected a number of processes, from 1 to 2147483647
        vmprogram 1;barrier b 1;barrier b 1 | 3: b: expected a barrier that is not declared yet
        vmprogram 1;process                | 2: end of line: expected the number of a process
        vmprogram 1;process 1 2            | 2: 2: expected the end of the line
        vmprogram 1;process 1;process 1    | 3: 1: expected a process without a section; this one's is opened in line 2
        vmprogram 1;process 1;process 2    | 3: 2: expected a process that is forked by one that runs
        vmprogram 1;process 1;fork 2       | 3: 2: expected a process that has a section
        vmprogram 1;process 1;fork 1       | 3: 1: expected another process; one does not fork itself
        vmprogram 1;process 1;fork 2;process 2;fork 1 | 5: 1: expected a process that does not run yet; this one's section is the first, it runs from the start
        vmprogram 1;process 1;fork 2;fork 2;process 2 | 4: 2: expected a process that is forked nowhere else; this one is in line 3
        vmprogram 1;process 1;process 2;fork 3;process 3;fork 2 | 3: 2: expected a process that is forked by one that runs
        vmprogram 1;process 1;exit;exit    | 4: exit: expected the next 'process', since this one has done its exit
        vmprogram 1;process 1;wait 2;fork 2;process 2 | 3: 2: expected a child, forked by this process before it waits
        vmprogram 1;process 1;fork 2;wait 2;wait 2;process 2 | 5: 2: expected a child that has not been waited for
        vmprogram 1;process 1;fork 2;fork 3;process 2;wait 3;process 3 | 6: 3: expected a child, forked by this process before it waits
        vmprogram 1;process 1;fork 2;process 2;wait 1 | 5: 1: expected a child, forked by this process before it waits
        """)
    void programsThatMakeNoSense_areRefused(String lines, String message) {
      assertRefused(lines.replace(';', '\n'), "program:" + message);
    }
  }

  @Nested
  class Input {
    @TempDir
    Path directory;

    private String refusal(byte[] content) throws IOException {
      Path file = directory.resolve("x.vm");
      Files.write(file, content);
      ProgramException e = assertThrows(ProgramException.class,
          () -> VmProgram.open(file.toString()).close());
      assertThat(e.getMessage()).startsWith(file + ":").doesNotContain("\n");
      return e.getMessage().substring(file.toString().length());
    }

    private static byte[] gzip(byte[] content) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
        out.write(content);
      }
      return bytes.toByteArray();
    }

    private static byte[] ascii(String text) {
      return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void missingFile_andDirectory_areRefused() {
      assertThatThrownBy(() -> VmProgram.open("no/such.vm").close())
          .hasMessage("no/such.vm: no such file: expected a VM program, .vm or .vm.gz");
      assertThatThrownBy(() -> VmProgram.open(directory.toString()).close())
          .hasMessage(directory + ": is a directory: expected a VM program, .vm or .vm.gz");
    }

    @Test
    void emptyFile_isRefused() throws Exception {
      assertThat(refusal(new byte[0])).isEqualTo(":1: end of file: expected 'vmprogram 1' as the first line");
      assertThat(refusal(gzip(new byte[0]))).isEqualTo(":1: end of file: expected 'vmprogram 1' as the first line");
    }

    @Test
    void gzip_isToldByItsContent() throws Exception {
      Path file = directory.resolve("plain.name");
      Files.write(file, gzip(ascii("vmprogram 1\nprocess 1\n")));
      try (VmProgram p = VmProgram.open(file.toString())) {
        assertThat(p.processes()).hasSize(1);
      }
    }

    @Test
    void truncatedGzip_isRefused_howeverMuchIsMissing() throws Exception {
      byte[] whole = gzip(ascii("vmprogram 1\nprocess 1\nload 0x1000\n"));
      for (int length = 2; length < whole.length; length++) {
        assertThat(refusal(Arrays.copyOf(whole, length))).endsWith(": expected a file that can be read to its end");
      }
    }

    @Test
    void corruptGzip_isRefused() throws Exception {
      byte[] bytes = gzip(ascii("vmprogram 1\nprocess 1\nload 0x1000\n"));
      bytes[bytes.length - 6] ^= 1;
      assertThat(refusal(bytes)).endsWith(": expected a file that can be read to its end");
    }

    @Test
    void binaryGarbage_isRefused_andPrintable() throws Exception {
      byte[] bytes = new byte[10_000];
      new SplittableRandom(1).nextBytes(bytes);
      bytes[0] = 'x';
      assertThat(refusal(bytes)).matches(":1: .*: expected .*").matches("\\p{Print}*");
    }

    @Test
    void controlCharacters_areRefused_outsideComments() throws Exception {
      assertThat(refusal(ascii("vmprogram 1\nprocess 1\nlo\u0000ad 0x1000\n")))
          .isEqualTo(":3: byte 0x0: expected text");
      try (VmProgram p = VmProgram.of("vmprogram 1\nprocess 1 # \u0007\n")) {
        assertThat(p.commands()).isZero();
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ff", "80", "c080", "c3", "c328", "e08080", "eda080", "f4908080", "f8888080", "e282"})
    void textThatIsNotUtf8_isRefused_inCommentsToo(String hex) throws Exception {
      byte[] bad = new byte[hex.length() / 2];
      for (int i = 0; i < bad.length; i++) {
        bad[i] = (byte) Integer.parseInt(hex, 2 * i, 2 * i + 2, 16);
      }
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      text.write(ascii("vmprogram 1\n# "));
      text.write(bad);
      text.write(ascii("\nprocess 1\n"));
      assertThat(refusal(text.toByteArray())).startsWith(":2: byte 0x").endsWith(": expected UTF-8 text");
    }

    @Test
    void names_mayBeAnyUtf8() throws Exception {
      try (VmProgram p = VmProgram.of("vmprogram 1\nfile d\u00e9j\u00e0-\u20ac-\ud83d\ude00 5\nprocess 1\n")) {
        assertThat(p.files().get(0).name()).isEqualTo("d\u00e9j\u00e0-\u20ac-\ud83d\ude00");
      }
    }

    @Test
    void linesMayEndAsOnWindows_andTheLastNotAtAll() throws Exception {
      try (VmProgram p = VmProgram.of("vmprogram 1\r\nprocess 1\r\nload 0x1000\r\nload 0x1008")) {
        assertThat(p.commands()).isEqualTo(2);
      }
    }

    @Test
    void aLongWord_isRefused_andShownInPart() {
      assertRefused("vmprogram 1\nprocess 1\n" + "x".repeat(1000) + "\n",
          "program:3: " + "x".repeat(40) + "...: expected a word of at most 255 bytes");
    }

    @Test
    void aCommentLongerThanTheHeapMightBe_isPassedOver() throws Exception {
      InputStream start = new ByteArrayInputStream(ascii("vmprogram 1\nprocess 1 #"));
      InputStream end = new ByteArrayInputStream(ascii("\nload 0x1000\n"));
      InputStream text = new SequenceInputStream(start, new SequenceInputStream(new Repeated("x y ", 1L << 26), end));
      try (VmProgram p = VmProgram.read(text, "long")) {
        assertThat(p.commands()).isEqualTo(1);
      }
    }
  }

  /** The same few bytes over and over. */
  static final class Repeated extends InputStream {
    private final byte[] bytes;
    private long left;

    Repeated(String text, long times) {
      bytes = text.repeat(8192 / text.length()).getBytes(StandardCharsets.US_ASCII);
      left = times * text.length();
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException("byte by byte");
    }

    @Override
    public int read(byte[] into, int offset, int count) {
      int n = (int) Math.min(left, Math.min(count, bytes.length));
      if (n == 0) {
        return -1;
      }
      System.arraycopy(bytes, 0, into, offset, n);
      left -= n;
      return n;
    }
  }
}
