package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

@Timeout(180)
final class SoakCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int soak(String options) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    return line.execute(("soak " + options).split(" "));
  }

  @ParameterizedTest
  @ValueSource(strings = {"--minutes 0", "--minutes -1", "--minutes x", "--programs 0", "--workers 0", "--world -1",
      "--repeat 0", "--mode fast", "--defect H-NONE", "--world 1 --minutes 1", "--world 1 --programs 3", "--bogus"})
  void badUsage_oneLineAndStatusTwo_nothingStarted(String options) {
    assertThat(soak(options)).isEqualTo(Main.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines()).hasSize(1);
  }

  @Test
  void healthyKernel_printsPlanAndVerdict() {
    assertThat(soak("--programs 4 --seed 3")).isEqualTo(Main.OK);
    List<String> lines = out.toString().lines().toList();
    assertThat(lines.get(0)).isEqualTo("soak: 4 worlds, seed 3, modes fixed, up, "
        + Runtime.getRuntime().availableProcessors() + " at a time");
    assertThat(lines.get(1)).startsWith("no finding: 4 worlds").contains("accesses judged");
    assertThat(lines).hasSize(2);
  }

  @Test
  void historical_isSelectableAsOne() {
    soak("--programs 1 --mode up --defect HISTORICAL");
    assertThat(out.toString().lines().findFirst().orElseThrow()).contains("with [H-COUNTERS, ").contains("H-QCOLL");
  }

  @Test
  void json_isOneDocumentALine_andPlanGoesElsewhere() throws Exception {
    assertThat(soak("--programs 3 --mode up --json")).isEqualTo(Main.OK);
    JsonNode verdict = new ObjectMapper().readTree(out.toString());
    assertThat(verdict.get("verdict").asText()).isEqualTo("no finding");
    assertThat(verdict.get("tally").get("worlds").asInt()).isEqualTo(3);
    assertThat(err.toString()).startsWith("soak: 3 worlds");
  }

  @Test
  void finding_isPrintedWithTheCommandThatShowsItAgain() throws Exception {
    assertThat(soak("--programs 200 --mode naive --json")).isEqualTo(Main.FINDING);
    List<String> lines = out.toString().lines().toList();
    JsonNode finding = new ObjectMapper().readTree(lines.get(0));
    assertThat(finding.get("type").asText()).isEqualTo("finding");
    assertThat(finding.get("again").asText()).startsWith("./faultline soak --seed 0 --world ").endsWith("--mode naive");
    assertThat(finding.get("findings").get(0).get("message").asText()).isNotEmpty();
    JsonNode verdict = new ObjectMapper().readTree(lines.get(lines.size() - 1));
    assertThat(verdict.get("verdict").asText()).isEqualTo("finding");
  }
}
