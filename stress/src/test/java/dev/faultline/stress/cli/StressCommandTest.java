package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class StressCommandTest {
  private StringWriter out = new StringWriter();
  private StringWriter err = new StringWriter();

  private int execute(String... args) {
    out = new StringWriter();
    err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    return line.execute(args);
  }

  private void refuses(String why, String... args) {
    assertThat(execute(args)).isEqualTo(Main.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().trim().lines()).singleElement().asString().contains(why);
  }

  @Test
  void correctKernel_endsWithNothingFound() throws Exception {
    assertThat(execute("stress", "two-faulters", "--iterations", "100")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("two-faulters: nothing found, 100 iterations, ", " a second");
    assertThat(execute("stress", "two-faulters", "--iterations", "100", "--json")).isEqualTo(Main.OK);
    JsonNode n = new ObjectMapper().readTree(out.toString());
    assertThat(n.get("verdict").asText()).isEqualTo("no finding");
    assertThat(n.get("iterations").asInt()).isEqualTo(100);
  }

  @Test
  void finding_saysHowToShowItAgain() {
    assertThat(execute("stress", "swap-error", "--defect", "h-swerr", "--mode", "up", "--workers", "1"))
        .isEqualTo(Main.FINDING);
    assertThat(out.toString())
        .contains("a block counts as written that was not")
        .contains("./faultline stress swap-error --defect H-SWERR --mode up --seed 1")
        .contains("./faultline explore swap-error --defect H-SWERR --mode up");
  }

  @Test
  void badInput_isRefusedInOneLine() {
    refuses("no scenario 'x'; there are two-faulters", "stress", "x");
    refuses("--seconds 0.0: must be more than 0", "stress", "all", "--seconds", "0");
    refuses("--iterations 0: must be 1 or more", "stress", "all", "--iterations", "0");
    refuses("--workers 0: must be 1 or more", "stress", "all", "--workers", "0");
    refuses("no defect 'h-nothing'; there are HISTORICAL", "stress", "all", "--defect", "h-nothing");
  }
}
