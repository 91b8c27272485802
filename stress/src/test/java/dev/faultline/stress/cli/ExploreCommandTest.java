package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class ExploreCommandTest {
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
  void scenarios_areListedAndShown() {
    assertThat(execute("scenarios")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("two-faulters", "munmap-access");
    assertThat(execute("scenarios", "show", "fork-store")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("story", "I-62", "16 frames");
    refuses("no scenario 'x'; there are two-faulters", "scenarios", "show", "x");
  }

  @Test
  void exploration_isComplete() {
    assertThat(execute("explore", "fault-munmap")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("complete: all", "classes of schedules, nothing found");
  }

  @Test
  void finding_isSavedAndReplayed(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("schedule");
    String[] args = {
      "explore", "munmap-access", "--defect", "h-localflush", "--strategy", "pct", "--json", "--save", file.toString()
    };
    assertThat(execute(args)).isEqualTo(Main.FINDING);
    JsonNode found = new ObjectMapper().readTree(out.toString());
    assertThat(found.get("verdict").asText()).isEqualTo("finding");
    assertThat(found.get("finding").get("message").asText()).contains("I-");
    assertLastEvents(found);
    assertThat(execute("explore", "munmap-access", "--replay", file.toString())).isEqualTo(Main.FINDING);
    assertThat(out.toString()).contains("found again", found.get("finding").get("message").asText());
    assertThat(execute("explore", "munmap-access", "--json", "--replay", file.toString())).isEqualTo(Main.FINDING);
    assertThat(lastEvents(new ObjectMapper().readTree(out.toString()))).isEqualTo(lastEvents(found));
    refuses("a schedule of scenario munmap-access", "explore", "fork-store", "--replay", file.toString());
    Files.writeString(file, Files.readString(file).replace("schedule 1", "schedule 9"));
    refuses("a schedule of version 9", "explore", "munmap-access", "--replay", file.toString());
  }

  private static JsonNode lastEvents(JsonNode found) {
    return found.get("finding").get("finding").get("last_events");
  }

  /** Each actor's last steps, those of the picture. */
  private static void assertLastEvents(JsonNode found) {
    JsonNode events = lastEvents(found);
    List<String> strands = new ArrayList<>();
    events.fieldNames().forEachRemaining(strands::add);
    assertThat(strands).containsExactly("load#1", "munmap#2");
    assertThat(events).allSatisfy(e -> assertThat(e.size()).isBetween(1, FindingContext.EVENTS));
    assertThat(events.get("load#1").toString()).contains(" loads 0x1 from 0x400\"");
    assertThat(events.get("munmap#2").toString()).contains(" frees page 0\"");
  }

  @Test
  void allScenarios_areSharedByTwoWorkers() {
    String[] args = {"explore", "all", "--strategy", "random", "--executions", "2", "--workers", "2"};
    assertThat(execute(args)).isEqualTo(Main.OK);
    assertThat(out.toString().lines().map(l -> l.substring(0, l.indexOf(':'))))
        .containsExactlyInAnyOrderElementsOf(Scenarios.all().stream().map(Scenario::name).toList());
  }

  @Test
  void firstFinding_endsAllScenarios() {
    String[] args = {
      "explore", "all", "--strategy", "pct", "--executions", "50", "--workers", "2", "--defect", "H-LOCALFLUSH"
    };
    assertThat(execute(args)).isEqualTo(Main.FINDING);
    assertThat(out.toString()).contains("finding (", "--defect H-LOCALFLUSH --replay FILE");
    assertThat(out.toString()).contains("two-faulters: ").doesNotContain("file-end-dead: "); // the first, the last
  }

  @Test
  void badUsage_getsOneLine() {
    refuses("--replay, --save and --trace are of one scenario", "explore", "all", "--save", "x");
    refuses("no strategy 'luck'", "explore", "all", "--strategy", "luck");
    refuses("--workers 0: must be 1 or more", "explore", "all", "--workers", "0");
    refuses("no scenario 'nope'", "explore", "nope");
    refuses("no strategy 'luck'", "explore", "fork-store", "--strategy", "luck");
    refuses("no defect 'H-NOPE'; there are HISTORICAL, H-COUNTERS", "explore", "fork-store", "--defect", "H-NOPE");
    refuses("--executions 0: must be 1 or more", "explore", "fork-store", "--executions", "0");
    refuses("--seconds 0: must be 1 or more", "explore", "fork-store", "--seconds", "0");
    refuses("--bound", "explore", "fork-store", "--bound", "2");
    refuses("cannot be read", "explore", "fork-store", "--replay", "/no/such/file");
  }

  @Test
  void budget_stopsSampling() {
    assertThat(execute("explore", "cow-both", "--strategy", "pos", "--executions", "20", "--json"))
        .isEqualTo(Main.OK);
    assertThat(out.toString()).contains("\"verdict\":\"stopped\"", "\"executions\":20");
  }

  @Test
  void aFinding_isDrawn_andAgainWhenItIsReplayed(@TempDir Path dir) throws Exception {
    Path schedule = dir.resolve("s.txt");
    Path first = dir.resolve("first.txt");
    Path again = dir.resolve("again.txt");
    Path picture = dir.resolve("p.svg");
    assertThat(execute("explore", "munmap-access", "--defect", "H-LOCALFLUSH", "--save", schedule.toString(), "--trace",
            first.toString()))
        .isEqualTo(Main.FINDING);
    assertThat(out.toString()).contains("What the strands did:", "frees page");
    assertThat(execute("explore", "munmap-access", "--replay", schedule.toString(), "--trace", again.toString()))
        .isEqualTo(Main.FINDING);
    assertThat(Files.readAllLines(again).stream().skip(1).toList())
        .isEqualTo(Files.readAllLines(first).stream().skip(1).toList());
    assertThat(execute("explore", "munmap-access", "--replay", schedule.toString(), "--trace", picture.toString()))
        .isEqualTo(Main.FINDING);
    assertThat(Files.readString(picture)).startsWith("<svg ").contains("frees page");
    refuses("in no real time", "explore", "munmap-access", "--trace", dir.resolve("p.jfr").toString());
    refuses("must end in .txt, .svg or .jfr", "explore", "munmap-access", "--trace", dir.resolve("p").toString());
  }

  @Test
  void workers_exploreTheClassesInParts() throws Exception {
    assertThat(execute("explore", "map-upgrade", "--workers", "2")).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("complete: all 624 classes of schedules, nothing found");
    assertThat(execute("explore", "two-faulters", "--workers", "2", "--executions", "100", "--json"))
        .isEqualTo(Main.OK);
    assertThat(new ObjectMapper().readTree(out.toString()).get("executions").asInt()).isEqualTo(100);
    assertThat(execute("explore", "munmap-access", "--workers", "2", "--defect", "h-localflush"))
        .isEqualTo(Main.FINDING);
    assertThat(out.toString()).contains("munmap-access: finding", "faultline-schedule 1");
    refuses("preemptions runs alone", "explore", "munmap-access", "--strategy", "preemptions", "--workers", "2");
  }

  @Test
  void workers_shareTheBudgetAndStopAtTheFirstFinding() throws Exception {
    String[] healthy = {
      "explore", "munmap-access", "--strategy", "pos", "--workers", "3", "--executions", "100", "--json"
    };
    assertThat(execute(healthy)).isEqualTo(Main.OK);
    assertThat(new ObjectMapper().readTree(out.toString()).get("executions").asInt()).isEqualTo(100);
    String[] defective = {
      "explore", "munmap-access", "--strategy", "random", "--workers", "2", "--defect", "h-localflush"
    };
    assertThat(execute(defective)).isEqualTo(Main.FINDING);
    assertThat(out.toString()).contains("munmap-access: finding", "faultline-schedule 1");
    refuses("--workers 0: must be 1 or more", "explore", "munmap-access", "--workers", "0");
  }
}
