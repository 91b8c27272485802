package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

@Timeout(120)
final class RunCommandTest {
  private static final int SLEEPS = 50;

  @TempDir Path dir;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private String program = "";

  @BeforeEach
  void writeProgram() throws Exception {
    program = file("good.vm", "vmprogram 1", "process 1", "mmap 0x10000 0x1000 rw- private anon", "add 0x10000 5",
        "load 0x10000", "load 0x20000");
  }

  private String file(String name, String... lines) throws Exception {
    Path p = dir.resolve(name);
    Files.write(p, List.of(lines));
    return p.toString();
  }

  private int execute(String... args) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    return line.execute(args);
  }

  private int run(String source, String... options) {
    List<String> args = new ArrayList<>(List.of("run", source, "--frames", "64", "--swap", "1M"));
    args.addAll(List.of(options));
    return execute(args.toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fixed", "up"})
  void outputOfTheProgram_goesToStandardOutput_statisticsElsewhere(String mode) {
    assertThat(run(program, "--mode", mode, "--check")).isEqualTo(Main.OK);
    assertThat(out.toString().lines()).containsExactly("1 4 add = 0x0", "1 5 load = 0x5", "1 6 load = SIGSEGV");
    assertThat(err.toString()).contains("total VM faults taken", "commands carried out")
        .doesNotContain("pages wired down");
  }

  @Test
  void trace_isWritten_asTextPictureAndRecording() throws Exception {
    Path text = dir.resolve("t.txt");
    Path picture = dir.resolve("t.SVG");
    Path recording = dir.resolve("t.jfr");
    assertThat(run(program, "--trace", text.toString())).isEqualTo(Main.OK);
    assertThat(Files.readString(text)).startsWith("run " + program + " --cpus 2").contains(
        "fault at 0x10000 for rw-", ":186 lookup of 0x10000", "mmapAnon ends: OK", "pid 1 exits");
    assertThat(run(program, "--trace", picture.toString(), "--trace-events", "8")).isEqualTo(Main.OK);
    assertThat(Files.readString(picture)).startsWith("<svg ").contains("pid 1 exits").doesNotContain("fault at");
    assertThat(run(program, "--trace", recording.toString())).isEqualTo(Main.OK);
    assertThat(RecordingFile.readAllEvents(recording))
        .extracting(e -> e.getEventType().getName())
        .contains("vm.PageFault", "vm.SystemCall");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "--trace|t.png|must end in .txt, .svg or .jfr",
    "--trace|nosuch/t.svg|must be in a directory that exists",
    "--trace-events|5|nothing to write without --trace"
  })
  void traceOptions_thatMakeNoSense_areRefused(String option, String value, String why) {
    assertThat(run(program, option, value)).isEqualTo(Main.USAGE);
    assertThat(err.toString()).contains(why);
  }

  @Test
  void stats_printsAllCounters() {
    assertThat(run(program, "--stats")).isEqualTo(Main.OK);
    assertThat(err.toString()).contains("pages wired down", "copy-on-write faults", "TLB shootdowns");
  }

  private JsonNode json() throws Exception {
    return new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).readTree(out.toString());
  }

  @Test
  void json_isOneDocument_withAllRuns() throws Exception {
    assertThat(run(program, "--json", "--repeat", "2", "--seed", "7")).isEqualTo(Main.OK);
    assertThat(err.toString()).isEmpty();
    JsonNode all = json();
    assertThat(all.get("result").asText()).isEqualTo("ended");
    assertThat(all.get("frames").asInt()).isEqualTo(64);
    assertThat(all.get("runs")).hasSize(2);
    JsonNode second = all.get("runs").get(1);
    assertThat(second.get("seed").asLong()).isEqualTo(8);
    assertThat(second.get("result").asText()).isEqualTo("ended");
    assertThat(second.get("output").get(1).asText()).isEqualTo("1 5 load = 0x5");
    assertThat(second.get("statistics").get("zfod").asLong()).isEqualTo(1);
    assertThat(second.get("findings")).isEmpty();
  }

  @Test
  void json_tellsFindings_andWhoWasKilled() throws Exception {
    String both = file("both of them.vm", "vmprogram 1", "barrier caf\u00e9 2", "process 1",
        "fork 18446744073709551615", "barrier caf\u00e9", "process 18446744073709551615",
        "mmap 0x10000 0x800000 rw- private anon",
        "fill 0x10000 0x800000 1", "barrier caf\u00e9");
    assertThat(run(both, "--json")).isEqualTo(Main.FINDING);
    JsonNode all = json();
    assertThat(all.get("program").asText()).isEqualTo(both);
    assertThat(out.toString().chars()).allMatch(c -> c < 0x80); // whatever names are in it
    assertThat(all.get("result").asText()).isEqualTo("finding");
    JsonNode run = all.get("runs").get(0);
    assertThat(run.get("killed").get(0).asText()).isEqualTo("18446744073709551615");
    assertThat(run.get("findings").get(0).get("kind").asText()).isEqualTo("hang");
    assertThat(run.get("findings").get(0).get("message").asText()).contains("barrier caf\u00e9 (1 of 2 there)");
    assertThat(err.toString()).contains("pid 18446744073709551615 killed: out of memory", "again: ./faultline run '");
  }

  @Test
  void json_ofWhatIsRefused_saysWhy() throws Exception {
    for (String[] bad : new String[][] {{"run", "no/such.vm", "--json"}, {"run", program, "--cpus", "0", "--json"},
        {"run", "--json"}, {"run", program, "--json", "--wings"}}) {
      out.getBuffer().setLength(0);
      err.getBuffer().setLength(0);
      assertThat(execute(bad)).isEqualTo(Main.USAGE);
      assertThat(json().get("result").asText()).isEqualTo("refused");
      assertThat(err.toString().lines()).hasSize(1);
      assertThat(err.toString()).endsWith(json().get("message").asText() + System.lineSeparator());
    }
  }

  @Test
  void stats_followTheOrderOfVmstat() {
    assertThat(run(program, "--stats")).isEqualTo(Main.OK);
    assertThat(err.toString().lines().map(l -> l.strip().split(" ", 2)[1])).containsSubsequence(
        "swap pager pageins", "swap pager pages paged in", "swap pager pageouts", "swap pager pages paged out",
        "vnode pager pageins", "vnode pager pages paged in", "vnode pager pageouts", "vnode pager pages paged out",
        "page daemon wakeups", "pages examined by the page daemon", "pages reactivated", "copy-on-write faults",
        "zero fill pages zeroed", "intransit blocking page faults", "total VM faults taken", "pages freed",
        "pages freed by daemon", "pages freed by exiting processes", "pages active", "pages inactive",
        "pages in VM cache", "pages wired down", "pages free", "bytes per page");
  }

  @Test
  void repeat_saysOfEachRun_whichItIs() {
    assertThat(run(program, "--repeat", "2", "--seed", "-1")).isEqualTo(Main.OK);
    List<String> lines = err.toString().lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.get(0)).startsWith("1 of 2, seed -1: ");
    assertThat(lines.get(1)).startsWith("2 of 2, seed 0: ");
    err.getBuffer().setLength(0);
    assertThat(run(program, "--repeat", "2", "--stats")).isEqualTo(Main.OK);
    assertThat(err.toString()).contains("1 of 2, seed 0: ended", "2 of 2, seed 1: ended", "pages wired down");
  }

  /** Gives up writing after some bytes, as a full disk does, or a pipe that nobody reads. */
  private static StandardOutput fails(int after, String why) {
    return new StandardOutput(new OutputStream() {
      private int left = after;

      @Override
      public void write(int b) throws IOException {
        if (left-- <= 0) {
          throw new IOException(why);
        }
      }
    });
  }

  private int executeTo(PrintWriter to, String... args) {
    CommandLine line = Main.commandLine();
    line.setOut(to);
    line.setErr(new PrintWriter(err, true));
    return line.execute(args);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--stats", "--json"})
  void outputThatNobodyReads_endsTheRun(String form) throws Exception {
    List<String> lines = new ArrayList<>(List.of("vmprogram 1", "process 1", "load 0"));
    lines.addAll(Collections.nCopies(SLEEPS, "sleep 100")); // each a second
    String slow = file("slow.vm", lines.toArray(String[]::new));
    long began = System.nanoTime();
    assertThat(executeTo(fails(0, "Broken pipe"), "run", slow, "--frames", "64", form)).isEqualTo(Main.OK);
    assertThat(System.nanoTime() - began).isLessThan(SLEEPS * 800_000_000L);
    assertThat(err.toString()).doesNotContain("Broken pipe");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--stats", "--json"})
  void outputThatIsLost_isNoSuccess(String form) {
    PrintWriter full = fails(5, "No space left on device");
    assertThat(executeTo(full, "run", program, "--frames", "64", form)).isEqualTo(Main.USAGE);
    assertThat(err.toString()).endsWith("standard output: No space left on device" + System.lineSeparator());
  }

  @Test
  void processesThatCanNeverEnd_areAFinding() throws Exception {
    // Which of three processes meet at a barrier of two is luck: the program is accepted, and may or may not end.
    String stuck = file("stuck.vm", "vmprogram 1", "barrier b 2", "process 1", "fork 2", "fork 3", "fork 4", "wait 2",
        "wait 3", "process 2", "barrier b", "process 3", "sleep 30", "barrier b", "barrier b", "process 4",
            "barrier b");
    assertThat(run(stuck)).isEqualTo(Main.FINDING);
    assertThat(err.toString())
        .contains("finding: HANG processes can never end: ", "pid 3 waits for barrier b (1 of 2 there)")
        .contains("again: ./faultline run " + stuck + " --cpus 2 --frames 64 --swap 1M --mode fixed");
  }

  @Test
  void whoIsKilledForMemory_isNamed() throws Exception {
    String hog = file("hog.vm", "vmprogram 1", "process 42", "mmap 0x10000 0x800000 rw- private anon",
        "fill 0x10000 0x800000 1", "load 0x10000");
    assertThat(run(hog)).isEqualTo(Main.OK);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString()).contains("pid 42 killed: out of memory");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--cpus 0|cpus 0",
        "--cpus 65|cpus 65",
        "--cpus many|--cpus",
        "--tlb 3|TLB entries 3",
        "--page-size 100|page-size 100",
        "--page-size 131072|page-size 131072",
        "--mode none|none",
        "--disk floppy|floppy",
        "--swap 5000|5000",
        "--memory 1M|--frames and --memory",
        "--repeat 0|--repeat 0",
        "--frames 3|3 frames",
        "--seed x|--seed",
        "--wings 2|--wings",
      })
  void aMachineThatCannotBe_isRefused_inOneLine(String options, String named) {
    List<String> args = new ArrayList<>(List.of("run", program));
    if (options.startsWith("--memory")) {
      args.addAll(List.of("--frames", "64"));
    }
    args.addAll(List.of(options.split(" ")));
    assertThat(execute(args.toArray(String[]::new))).isEqualTo(Main.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).startsWith("faultline run: ").contains(named);
  }

  @Test
  void aProgramThatCannotBeRead_isRefused_inOneLine() throws Exception {
    for (String bad : List.of(dir.resolve("missing.vm").toString(), dir.toString(),
        file("malformed.vm", "vmprogram 1", "process 1", "store 0x10 x"),
        file("large.vm", "vmprogram 1", "file f 999999999999999999 1", "process 1"))) {
      err.getBuffer().setLength(0);
      assertThat(run(bad)).as(bad).isEqualTo(Main.USAGE);
      assertThat(err.toString().lines()).hasSize(1);
    }
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void sizes_areWrittenWithUnits() throws Exception {
    ByteSize size = new ByteSize();
    assertThat(size.convert("64M")).isEqualTo(64L << 20);
    assertThat(size.convert("1g")).isEqualTo(1L << 30);
    assertThat(size.convert("512")).isEqualTo(512);
    assertThat(ByteSize.toString(64L << 20)).isEqualTo("64M");
    assertThat(ByteSize.toString(1000)).isEqualTo("1000");
    assertThat(ByteSize.toString(0)).isEqualTo("0");
  }
}
