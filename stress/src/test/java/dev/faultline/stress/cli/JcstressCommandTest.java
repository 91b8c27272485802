package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openjdk.jcstress.infra.Status;
import org.openjdk.jcstress.infra.TestInfo;
import org.openjdk.jcstress.infra.collectors.TestResult;
import picocli.CommandLine;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
class JcstressCommandTest {
  /** The class path with the real tests first, and with the seeded ones first: jcstress reads the first list. */
  private static final String REAL = classPath(true);
  private static final String SEEDED = classPath(false);

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  @TempDir private Path dir;

  private static String classPath(boolean realFirst) {
    String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> entries = new ArrayList<>(List.of(all.split(File.pathSeparator)));
    String real = entries.stream().filter(e -> e.endsWith(File.separator + "classes")).findFirst().orElseThrow();
    if (realFirst) {
      entries.remove(real);
      entries.add(0, real);
    }
    return String.join(File.pathSeparator, entries);
  }

  private int run(String classPath, String... args) {
    return new CommandLine(new JcstressCommand(classPath))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(Main::refuse)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(args);
  }

  private List<JsonNode> json() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      lines.add(new ObjectMapper().readTree(line));
    }
    return lines;
  }

  @Test
  void healthyTests_pass_andEveryOneHasSamples() throws IOException {
    Path results = dir.resolve("run");

    int status = run(REAL, "--tests", "LeafAttachments|StrandPermit", "--mode", "sanity", "--one-jvm", "--json",
        "--results", results.toString());

    assertThat(status).as("%s%s", out, err).isEqualTo(Main.OK);
    List<JsonNode> lines = json();
    assertThat(lines).hasSize(3);
    for (JsonNode test : lines.subList(0, 2)) {
      assertThat(test.get("verdict").asText()).isEqualTo("passed");
      assertThat(test.get("samples").asLong()).isPositive();
    }
    assertThat(lines.get(1).get("outcomes").get(0).get("outcome").asText()).isEqualTo("TERMINATED");
    assertThat(lines.get(2).get("passed").asInt()).isEqualTo(2);
    assertThat(lines.get(2).get("samples_per_second").asDouble()).isPositive();
    assertThat(results.resolve("index.html")).isRegularFile();
    assertThat(results.resolve("jcstress.jsonl")).isRegularFile();
  }

  @Test
  void seededTests_fail() {
    int status = run(SEEDED, "--tests", "SeededJcstress", "--mode", "sanity", "--one-jvm", "--results",
        dir.resolve("run").toString());

    assertThat(status).as("%s%s", out, err).isEqualTo(Main.FINDING);
    assertThat(out.toString())
        .contains("FORBIDDEN")
        .contains("[13] Loaded through a translation that is gone.")
        .contains("ERROR")
        .contains("seeded")
        .contains("0 passed")
        .contains("1 forbidden, 1 errors, 0 without samples");
  }

  @Test
  void testWithoutResults_isNotGreen() throws IOException {
    Map<String, TestInfo> asked = JcstressTests.matching(REAL, Pattern.compile("LeafAttachments"));

    List<JcstressResults.Test> outcome = JcstressResults.read(dir, asked);

    assertThat(outcome).hasSize(1);
    assertThat(outcome.get(0).verdict()).isEqualTo(JcstressResults.Verdict.NO_SAMPLES);
  }

  @Test
  void grading_takesTheSpelledOutcomeBeforeThePattern_andTheDefaultLast() throws IOException {
    TestInfo test = JcstressTests.matching(REAL, Pattern.compile("R02_LastReference.Naive")).values().iterator().next();
    TestInfo strict = JcstressTests.matching(REAL, Pattern.compile("R02_LastReference.Fixed")).values().iterator()
        .next();
    TestResult r = new TestResult(Status.NORMAL);
    r.addState("done, done, 0 0 8", 5);
    r.addState("done, panic, 0 0 8", 1);

    assertThat(JcstressResults.grade(test, List.of(r)).verdict()).isEqualTo(JcstressResults.Verdict.PASSED);
    assertThat(JcstressResults.grade(test, List.of(r)).isInteresting()).isTrue();
    assertThat(JcstressResults.grade(strict, List.of(r)).verdict()).isEqualTo(JcstressResults.Verdict.FORBIDDEN);
    assertThat(JcstressResults.grade(strict, List.of(new TestResult(Status.TIMEOUT_ERROR))).verdict())
        .isEqualTo(JcstressResults.Verdict.ERROR);
  }

  @Test
  void plan_fitsTheBudget_byWhatMattersLeastFirst() throws IOException {
    var all = JcstressTests.matching(REAL, Pattern.compile(".*")).values();
    JcstressPlan.Mode quick = JcstressPlan.Mode.QUICK;

    JcstressPlan plenty = JcstressPlan.fit(quick, all, false, 24 * 3_600_000L, 300);
    JcstressPlan less = JcstressPlan.fit(quick, all, false, plenty.jvms() * 600L, 300);
    JcstressPlan little = JcstressPlan.fit(quick, all, false, plenty.jvms() * 150L, 300);
    JcstressPlan none = JcstressPlan.fit(quick, all, false, 1, 300);

    assertThat(all.size()).isGreaterThanOrEqualTo(80);
    assertThat(plenty.iterations() * plenty.millis()).isEqualTo(1000);
    assertThat(less.split()).isTrue();
    assertThat(less.iterations() * less.millis()).isBetween(200, 300);
    assertThat(little.split()).isFalse();
    assertThat(none.oneJvm()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "--tests nothing.is.called.that | matches none of the tests",
    "--tests ( | Unclosed group",
    "--mode silly | expected one of",
    "--budget 0 | must be a time above zero",
    "--budget soon | must be a time above zero",
    "--results pom.xml | must be a new or empty directory"
  })
  void badUsage_isOneLine_andNothingRuns(String args, String says) {
    int status = run(REAL, args.split(" "));

    assertThat(status).isEqualTo(Main.USAGE);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains(says);
    assertThat(out.toString()).isEmpty();
  }
}
