package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What only a process of its own can show: signals, standard input, a small heap. */
@Timeout(120)
@DisabledOnOs(OS.WINDOWS)
final class RunProcessTest {
  @TempDir Path dir;

  private final List<Process> started = new ArrayList<>();

  private Process start(List<String> jvmOptions, String... args) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
    command.addAll(jvmOptions);
    command.add(Main.class.getName());
    command.addAll(List.of(args));
    Process p = new ProcessBuilder(command).redirectError(dir.resolve("err").toFile()).start();
    started.add(p);
    return p;
  }

  private String err() throws IOException {
    return Files.readString(dir.resolve("err"));
  }

  @AfterEach
  void killAll() {
    started.forEach(Process::destroyForcibly);
  }

  /** Sends a signal, such as INT; returns the exit status. */
  private static int signal(Process p, String signal) throws Exception {
    assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(p.pid())).start().waitFor()).isZero();
    assertThat(p.waitFor(30, TimeUnit.SECONDS)).as("ended").isTrue();
    return p.exitValue();
  }

  private Path endless() throws IOException {
    // The first line of output says that it runs.
    return Files.writeString(dir.resolve("endless.vm"), "vmprogram 1\nprocess 1\nload 0\nsleep 1000000000\n");
  }

  @ParameterizedTest
  @CsvSource({"INT,130,fixed", "TERM,143,fixed", "INT,130,up"})
  void aSignal_endsARun_withItsStatistics(String signal, int status, String mode) throws Exception {
    Process p = start(List.of(), "run", endless().toString(), "--memory", "1M", "--mode", mode);
    try (InputStream out = p.getInputStream()) {
      assertThat(out.read()).isEqualTo('1');
      assertThat(signal(p, signal)).isEqualTo(status);
      assertThat(new String(out.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo(" 3 load = SIGSEGV\n");
    }
    assertThat(err()).startsWith("interrupted; so far:").contains("total VM faults taken").doesNotContain("finding");
  }

  @Test
  void aSignal_endsTheJsonDocument() throws Exception {
    Process p = start(List.of(), "run", endless().toString(), "--memory", "1M", "--json");
    try (InputStream out = p.getInputStream()) {
      assertThat(out.read()).isEqualTo('{');
      while (out.read() != 'S') { // of SIGSEGV
        continue;
      }
      assertThat(signal(p, "INT")).isEqualTo(130);
      String rest = new String(out.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(new ObjectMapper().readTree("{\"x\":[{\"x\":[\"" + rest).get("result").asText())
          .isEqualTo("interrupted");
    }
  }

  @Test
  void aSignal_endsTheReading_atOnce() throws Exception {
    Process p = start(List.of(), "run", "-");
    try (OutputStream in = p.getOutputStream()) {
      // What a pipe does not hold is taken from it only by somebody who reads.
      byte[] text = ("vmprogram 1\nprocess 1\n" + "# wait\n".repeat(40_000)).getBytes(StandardCharsets.US_ASCII);
      in.write(text);
      in.flush();
      long began = System.nanoTime();
      assertThat(signal(p, "INT")).isEqualTo(130);
      assertThat(System.nanoTime() - began).isLessThan(10_000_000_000L);
    }
    assertThat(err()).isEmpty();
  }

  @Test
  void aLongStream_runsInASmallHeap() throws Exception {
    Process p = start(List.of("-Xmx32m", "-XX:+UseSerialGC"), "run", "-", "--memory", "1M", "--swap", "1M");
    int lines = 3_000_000;
    try (OutputStream in = new GZIPOutputStream(new BufferedOutputStream(p.getOutputStream()))) {
      in.write("vmprogram 1\nprocess 1\nmmap 0x10000 0x10000 rw- private anon\n".getBytes(StandardCharsets.US_ASCII));
      byte[] thousand = "touch w 0x10000\ntouch r 0x11000\n".repeat(500).getBytes(StandardCharsets.US_ASCII);
      for (int i = 0; i < lines / 1000; i++) {
        in.write(thousand);
      }
    }
    assertThat(p.waitFor()).as(err()).isZero();
    assertThat(err()).contains(" " + (lines + 1) + " commands carried out");
  }

  @Test
  void aHeapThatIsTooSmall_isNoFinding() throws Exception {
    StringBuilder text = new StringBuilder("vmprogram 1\nprocess 1\n");
    for (int i = 0; i < 400_000; i++) { // entries that cannot be joined
      text.append("mmap ").append(0x10000L + i * 8192L).append(" 4096 rw- private anon\n");
    }
    Path many = Files.writeString(dir.resolve("many.vm"), text);
    Process p = start(List.of("-Xmx32m", "-XX:+UseSerialGC"), "run", many.toString(), "--memory", "1M");
    assertThat(p.waitFor()).as(err()).isEqualTo(Main.USAGE);
    assertThat(err()).contains("the Java heap of").doesNotContain("finding");
  }
}
