package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/**
 * What a stranger may give the command line by mistake: each is refused with one line on standard error that names what
 * is wrong, with status 2, and nothing is started.
 */
@Timeout(60)
final class BadInputTest {
  private static final String HEAD = "vmprogram 1\n";

  @TempDir Path dir;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private void assertRefused(List<String> args, String named) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    assertThat(line.execute(args.toArray(String[]::new))).isEqualTo(Main.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).startsWith("faultline").contains(named).doesNotContain("Exception", "null");
  }

  private Path write(String name, byte[] bytes) throws IOException {
    Path p = dir.resolve(name);
    Files.write(p, bytes);
    return p;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] gzip(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(ascii(text));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return bytes.toByteArray();
  }

  private static byte[] cut(byte[] bytes, int missing) {
    return Arrays.copyOf(bytes, bytes.length - missing);
  }

  static Stream<Arguments> files() {
    byte[] whole = gzip(HEAD + "process 1\n" + "exec\n".repeat(20_000));
    ByteArrayOutputStream twoMembers = new ByteArrayOutputStream();
    twoMembers.writeBytes(gzip(HEAD + "process 1\n"));
    twoMembers.writeBytes(gzip("exec\n"));
    ByteArrayOutputStream tail = new ByteArrayOutputStream();
    tail.writeBytes(gzip(HEAD + "process 1\n"));
    tail.writeBytes(ascii("tail"));
    byte[] garbage = new byte[3000];
    for (int i = 0; i < garbage.length; i++) {
      garbage[i] = (byte) (0x80 + i % 0x80);
    }
    return Stream.of(
        arguments("empty", new byte[0], ":1: end of file: expected 'vmprogram 1'"),
        arguments("blank lines", ascii("\n\n\n"), ":1: end of line: expected 'vmprogram 1'"),
        arguments("header alone", ascii(HEAD), ":1: end of file: expected 'process'"),
        arguments("another version", ascii("vmprogram 2\n"), ":1: 2: expected 1"),
        arguments("no text", garbage, ":1: byte 0x"),
        arguments("a zero byte", ascii(HEAD + "process 1\n\0\n"), ":3: byte 0x0"),
        arguments("an escape", ascii(HEAD + "\033[31m\n"), ":2: byte 0x1b"),
        arguments("Latin 1", ascii(HEAD + "# caf\u00e9\n"), ":2: byte 0xe9 ... 0xa: expected UTF-8"),
        arguments("UTF-16", ("\ufeff" + HEAD).getBytes(StandardCharsets.UTF_16BE), ":1: byte 0xfe"),
        arguments("lines that end in CR", ascii(HEAD.replace('\n', '\r') + "process 1\r"), ":1: process"),
        arguments("a long word", ascii(HEAD + "x".repeat(3_000_000)), ":2: xxx"),
        arguments("a line of many words", ascii(HEAD + "process 1\n" + "exec ".repeat(500_000)), ":3: exec"),
        arguments("half a gzip", cut(whole, whole.length / 2), "truncated gzip data"),
        arguments("a gzip's first bytes", cut(whole, whole.length - 5), ":1: truncated gzip data"),
        arguments("a gzip without its end", cut(whole, 3), "truncated gzip data"),
        arguments("half a second member", cut(twoMembers.toByteArray(), 20), ":2: truncated gzip data"),
        arguments("something after a gzip", tail.toByteArray(), "something else after the gzip data"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("files")
  void aFile(String name, byte[] content, String named) throws Exception {
    assertRefused(List.of("run", write("bad", content).toString()), named);
  }

  static Stream<Arguments> programs() {
    return Stream.of(
        arguments("mmap 0x10001 0x1000 rw- private anon", ":3: 0x10001: expected a page-aligned address"),
        arguments("mmap 0xfffffffffffff000 0x2000 rw- private anon", ":3: 0xfffffffffffff000: expected an address"),
        arguments("mmap 0x7ffffffff000 0x2000 rw- private anon", ":3: 0x2000: expected a length"),
        arguments("mmap 0x1000 0xffffffffffffffff rw- private anon", ":3: 0xffffffffffffffff: expected a length"),
        arguments("mmap 0x1000 0 rw- private anon", ":3: 0: expected a length"),
        arguments("mmap 0x1000 0x1000 wr- private anon", ":3: wr-: expected a protection"),
        arguments("mmap 0x1000", ":3: end of line: expected a length"),
        arguments("mmap 0x1000 0x1000 rw- shared file f 0x7ffffffffffff000", ":3: 0x7ffffffffffff000: expected"),
        arguments("mmap 0x1000 0x1000 rw- shared file f 0x7fffffffffffe000", "file f of 9223372036854771712 bytes"),
        arguments("mincore 0 0x7ffffffff000", ":3: 0x7ffffffff000: expected at most"),
        arguments("store 0x10004 1", ":3: 0x10004: expected the address of a word"),
        arguments("store -8 1", ":3: -8: expected an address"),
        arguments("store 0 18446744073709551616", ":3: 18446744073709551616: expected a value, below 2^64"),
        arguments("store 0 0x", ":3: 0x: expected a value"),
        arguments("fill 0 9 1", ":3: 9: expected a length in bytes, a multiple of 8"),
        arguments("sleep 9223372036854775808", ":3: 9223372036854775808: expected a number of ticks"),
        arguments("exec now", ":3: now: expected the end of the line"),
        arguments("exit\nexec", ":4: exec: expected the next 'process'"),
        arguments("PROCESS 2", ":3: PROCESS: expected a command"),
        arguments("file f 100", ":3: file: expected a command; files are declared before"),
        arguments("barrier b", ":3: b: expected a barrier that is declared"),
        arguments("process 1", ":3: 1: expected a process without a section"),
        arguments("process -1", ":3: -1: expected the number of a process"),
        arguments("process 2", ":3: 2: expected a process that is forked"),
        arguments("fork 1", ":3: 1: expected another process"),
        arguments("fork 2", ":3: 2: expected a process that has a section"),
        arguments("fork 2\nfork 2\nprocess 2", ":4: 2: expected a process that is forked nowhere else"),
        arguments("fork 2\nprocess 2\nfork 1", ":5: 1: expected a process that does not run yet"),
        arguments("wait 2\nfork 2\nprocess 2", ":3: 2: expected a child"),
        arguments("fork 2\nwait 2\nwait 2\nprocess 2", ":5: 2: expected a child that has not been waited for"),
        // Processes that can never end
        arguments("fork 2\nfork 3\nprocess 2\nwait 3\nprocess 3", ":6: 3: expected a child"),
        arguments("fork 2\nwait 2\nprocess 2\nwait 1", ":6: 1: expected a child"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("programs")
  void aProgram(String section, String named) throws Exception {
    Path program = write("bad.vm", ascii(HEAD + "process 1\n" + section + "\n"));
    assertRefused(List.of("run", program.toString()), named);
  }

  static Stream<Arguments> declarations() {
    return Stream.of(
        arguments("barrier b 0\nprocess 1", ":2: 0: expected a number of processes"),
        arguments("barrier b 99999999999\nprocess 1", ":2: 99999999999: expected a number of processes"),
        arguments("barrier b 3\nprocess 1\nfork 2\nbarrier b\nprocess 2\nbarrier b", ":7: b: expected a multiple of 3"),
        arguments("barrier b 2\nprocess 1\nfork 2\nwait 2\nbarrier b\nprocess 2\nbarrier b", ":8: b: expected 2"),
        arguments("barrier a 2\nbarrier b 2\nprocess 1\nfork 2\nbarrier a\nbarrier b\nprocess 2\nbarrier b\nbarrier a",
            ":6: a: expected 2 processes at this barrier, but only 1 can come"),
        arguments("barrier b 2\nprocess 1\nvfork 2\nbarrier b\nprocess 2\nbarrier b", ":7: b: expected 2"),
        arguments("file f 1\nfile f 2\nprocess 1", ":3: f: expected a file that is not declared yet"),
        arguments("file f 9223372036854775808\nprocess 1", ":2: 9223372036854775808: expected the length"),
        arguments("file f 9223372036854775807\nprocess 1", "bad.vm: file f of 9223372036854775807 bytes: no disk"),
        arguments("mmap 0 0x1000 rw- private anon", ":2: mmap: expected 'file', 'device' or 'barrier'"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("declarations")
  void aWholeProgram(String text, String named) throws Exception {
    assertRefused(List.of("run", write("bad.vm", ascii(HEAD + text + "\n")).toString()), named);
  }

  static Stream<Arguments> options() {
    return Stream.of(
        arguments("--cpus 0", "cpus 0: must be 1 to 64"),
        arguments("--cpus -1", "cpus -1: must be 1 to 64"),
        arguments("--cpus 99999999999", "'--cpus': 99999999999 is too large"),
        arguments("--cpus 2.5", "'2.5' is no whole number"),
        arguments("--cpus", "--cpus"),
        arguments("--cpus 2 --cpus 3", "only once"),
        arguments("--frames 0", "frames 0"),
        arguments("--frames 1", "4 frames at the least"),
        arguments("--frames 2147483647", "frames 2147483647: must be at most"),
        arguments("--frames 0x40", "'0x40' is no whole number"),
        arguments("--memory 0", "frames 0"),
        arguments("--memory -1", "'-1' is no size"),
        arguments("--memory 5000", "--memory 5000: must be a multiple of the page size"),
        arguments("--memory 64Q", "'64Q' is no size"),
        arguments("--memory 8388608T", "'8388608T' is no size"),
        arguments("--memory 17G", "frames 4456448: must be at most"),
        arguments("--swap 100", "--swap 100: must be a multiple"),
        arguments("--swap 3T", "--swap 3T: must be at most 2T"),
        arguments("--swap 8388607T", "--swap 8388607T: must be at most 2T"),
        arguments("--page-size 0", "--page-size 0"),
        arguments("--page-size 4G", "--page-size 4294967296"),
        arguments("--tlb 0", "TLB entries 0"),
        arguments("--tlb 131072", "TLB entries 131072"),
        arguments("--seed 99999999999999999999", "is too large"),
        arguments("--seed -99999999999999999999", "is too small"),
        arguments("--u-area 3", "--u-area 3: must be 0 to 2"),
        arguments("--u-area 2 --frames 4", "u-area of 2 pages on a machine of 4 frames"),
        arguments("--resident-pages -2", "--resident-pages -2: must be -1 (no limit) or more"),
        arguments("--swap-out-after -1", "--swap-out-after -1: must be 0 or more"),
        arguments("--sync-every -1", "--sync-every -1: must be 0 (never) or more"),
        arguments("--no-vm-daemon --resident-pages 4", "--no-vm-daemon: nobody would look at --resident-pages"),
        arguments("--no-vm-daemon --swap-out-after 4", "--no-vm-daemon: nobody would look at --swap-out-after"),
        arguments("--repeat -3", "--repeat -3: must be 1 or more"),
        arguments("--json=maybe", "maybe"),
        arguments("other.vm", "other.vm"));
  }

  /** The program cannot be read: who has to mend the options first should not have to wait for a long one. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("options")
  void anOption_isRefused_beforeTheProgramIsRead(String options, String named) {
    List<String> args = new ArrayList<>(List.of("run", "no/such.vm"));
    args.addAll(List.of(options.split(" ")));
    assertRefused(args, named);
  }

  @Test
  void noCommandAtAll() {
    assertRefused(List.of("fly", "away"), "'fly' is no command: expected one of run, soak");
  }

  @Test
  void aNameThatIsNoFile() throws Exception {
    assertRefused(List.of("run", ""), "'': no such file");
  }

  @Test
  void aFileInAFile() throws Exception {
    String name = write("good.vm", ascii(HEAD + "process 1\n")).resolve("x").toString();
    assertRefused(List.of("run", name), "faultline run: " + name + ": ");
    assertThat(err.toString()).containsOnlyOnce(name);
  }

  @Test
  void aNameWithLinesAndEscapes() throws Exception {
    Path program = write("a\n\033b.vm", ascii("no\n"));
    assertRefused(List.of("run", program.toString()), "a\\u000a\\u001bb.vm:1: no: expected");
  }

  @Test
  void aNameThatBeginsWithAnAtSign_isNoListOfArguments() throws Exception {
    Path before = Path.of("").toAbsolutePath().relativize(write("x", ascii("--version\n")).toAbsolutePath());
    assertRefused(List.of("run", "@" + before), "@" + before + ": no such file");
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource(quoteCharacter = '"', value = {
    "--seconds, x, 'x' is no whole number",
    "--seconds, 0, --seconds 0: must be 1 or more",
    "--only, [, --only '[': no regular expression: Unclosed character class",
    "--only, nosuch, --only 'nosuch': no benchmark's name matches; there are BareCosts.",
    "--only, zero-fill, FaultCosts.zeroFill"
  })
  void aBenchmark(String option, String value, String named) {
    assertRefused(List.of("bench", option, value), named);
  }
}
