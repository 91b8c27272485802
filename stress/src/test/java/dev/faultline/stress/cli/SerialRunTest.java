package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.program.random.RacingOptions;
import dev.faultline.vm.program.random.RacingPrograms;
import dev.faultline.vm.program.random.RandomOptions;
import dev.faultline.vm.program.random.RandomPrograms;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Runs of which the seed says all: house style 7 wants byte-identical traces of one seed in UP mode. */
@Timeout(120)
final class SerialRunTest {
  @TempDir Path dir;

  /** Everything that a user sees of a run. */
  private record Seen(int status, String out, String err, String trace) {
    /** Returns the trace without its title, which has the seed in it. */
    String events() {
      return trace.substring(trace.indexOf('\n'));
    }

    /** Fails with the first line that differs: traces are long. */
    void isSameAs(Seen o) {
      assertThat(status).as(err).isEqualTo(o.status);
      assertThat(out).isEqualTo(o.out);
      assertThat(err).isEqualTo(o.err);
      List<String> mine = trace.lines().toList();
      List<String> others = o.trace.lines().toList();
      for (int i = 0; i < Math.min(mine.size(), others.size()); i++) {
        assertThat(mine.get(i)).as("line %d of the trace", i + 1).isEqualTo(others.get(i));
      }
      assertThat(trace.equals(o.trace)).as("whole trace").isTrue();
    }
  }

  private Seen run(String program, long seed, String... options) throws Exception {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    Path trace = dir.resolve("trace.txt");
    List<String> args = new ArrayList<>(List.of("run", program, "--seed", Long.toString(seed), "--stats",
        "--trace", trace.toString(), "--trace-events", "3000"));
    args.addAll(List.of(options));
    int status = line.execute(args.toArray(String[]::new));
    return new Seen(status, out.toString(), err.toString(), Files.readString(trace));
  }

  private String file(String text) throws Exception {
    return Files.writeString(dir.resolve("program.vm"), text).toString();
  }

  private void oneSeed_isOneRun(String program, String... options) throws Exception {
    Seen first = run(program, 7, options);
    assertThat(first.status()).as(first.err()).isZero();
    assertThat(first.trace()).contains("fault at 0x");
    run(program, 7, options).isSameAs(first);
    assertThat(run(program, 8, options).events().equals(first.events())).as("another seed's is the same").isFalse();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void oneSeed_isOneRun_ofProcessesThatRace(long program) throws Exception {
    String text = RacingPrograms.generate(program, RacingOptions.DEFAULT.sized(4, 80).withFileCalls(true));
    oneSeed_isOneRun(file(text), "--mode", "up", "--frames", "64", "--disk", "fast");
  }

  @Test
  void oneSeed_isOneRun_underAllDetectors() throws Exception {
    String text = RandomPrograms.generate(5, RandomOptions.DEFAULT.sized(4, 24, 100).withFileCalls(true));
    oneSeed_isOneRun(file(text), "--mode", "up", "--frames", "48", "--disk", "adversarial", "--check");
  }

  @Test
  void oneSeed_isOneRun_ofARecordedTrace() throws Exception {
    oneSeed_isOneRun("../samples/traces/ls.vm.gz", "--mode", "up", "--frames", "96", "--disk", "ssd");
  }

  @Test
  void oneSeed_isOneRun_withTheLocksOfFixed_whereAskedFor() throws Exception {
    String text = RacingPrograms.generate(4, RacingOptions.DEFAULT.sized(4, 80));
    oneSeed_isOneRun(file(text), "--mode", "fixed", "--serial", "--frames", "64", "--disk", "fast");
  }

  @Test
  void time_isSimulated() throws Exception {
    String sleeper = file("vmprogram 1\nprocess 1\nsleep 6000\nload 0\n"); // a minute
    Seen seen = run(sleeper, 1, "--mode", "up");
    assertThat(seen.status()).isZero();
    assertThat(seen.err()).contains("60.000 seconds");
  }

  @Test
  void processesThatCanNeverEnd_areAFinding_theSameEachTime() throws Exception {
    String stuck = file("vmprogram 1\nbarrier b 2\nprocess 1\nfork 2\nfork 3\nfork 4\nwait 2\nwait 3\n"
        + "process 2\nbarrier b\nprocess 3\nsleep 30\nbarrier b\nbarrier b\nprocess 4\nbarrier b\n");
    Seen first = run(stuck, 3, "--mode", "up");
    assertThat(first.status()).isEqualTo(Main.FINDING);
    assertThat(first.err()).contains("processes can never end").contains("again: ./faultline run ");
    run(stuck, 3, "--mode", "up").isSameAs(first);
  }

  @Test
  void threadsThatRunFreely_mayBeAskedFor() throws Exception {
    String hello = "../samples/hello.vm";
    assertThat(run(hello, 1, "--mode", "up", "--no-serial").trace()).contains("--no-serial");
    assertThat(run(hello, 1, "--mode", "up").trace()).doesNotContain("serial");
  }
}
