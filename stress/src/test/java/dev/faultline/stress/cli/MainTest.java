package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

final class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int execute(String... args) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    return line.execute(args);
  }

  @Test
  void help_goesToStandardOutput() {
    assertThat(execute("--help")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("Usage: faultline");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void version_saysWhatRunsIt() {
    assertThat(execute("--version")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("faultline", "Java " + Runtime.version());
  }

  @Test
  void noCommand_isBadUsage() {
    assertThat(execute()).isEqualTo(Main.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString()).contains("Missing a command");
  }

  @Test
  void unknownCommand_isBadUsage() {
    assertThat(execute("fly")).isEqualTo(Main.USAGE);
    assertThat(err.toString()).contains("fly");
  }
}
