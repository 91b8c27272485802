package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class MatrixCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int execute(String... args) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    return line.execute(args);
  }

  @Test
  void page_isInTheOrderOfTheScenarios_andSaysHowItWasMade() {
    int status =
        execute("matrix", "--engines", "explorer", "--scenarios", "fork-fork,fork-store", "--defects",
            "h-localflush", "--budget", "2m"); // far less is needed: all classes are few
    assertThat(status).as("%s%s", out, err).isEqualTo(Main.OK);
    assertThat(out.toString())
        .contains("./faultline matrix --budget 2m --scenarios fork-fork,fork-store --defects h-localflush --engines")
        .containsPattern("\\| H-LOCALFLUSH \\| [0-9,]+ in [0-9.]+ m?s, `fork-store`; 1 \\|")
        .containsSubsequence("## The correct kernel", "| fork-store | all 13 |", "| fork-fork | all 4 |");
    assertThat(err.toString()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "--budget 0 | must be a time above zero",
    "--budget soon | must be a time above zero",
    "--scenarios fork-fork,x | no scenario 'x'; there are two-faulters",
    "--defects H-NOTHING | no defect 'H-NOTHING'; there are H-COUNTERS",
    "--engines explorer,magic | no engine 'magic'; there are explorer, stress, lincheck, jcstress"
  })
  void badUsage_isOneLine_andNothingRuns(String args, String says) {
    String[] words = ("matrix " + args.strip()).split(" ", -1);
    assertThat(execute(words)).isEqualTo(Main.USAGE);
    assertThat(err.toString().lines()).singleElement().asString().contains(says);
    assertThat(out.toString()).isEmpty();
  }
}
