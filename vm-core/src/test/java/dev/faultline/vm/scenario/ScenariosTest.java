package dev.faultline.vm.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.fault.Decision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is said of scenarios is true, as far as that can be seen without running them. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ScenariosTest {
  private static final Path SEMANTICS =
      Path.of(System.getProperty("basedir", "."), "..", "docs", "design", "vm-semantics.md");

  static Stream<Scenario> scenarios() {
    return Scenarios.all().stream();
  }

  @Test
  void thereAreManyOfThem_eachWithANameOfItsOwn() {
    assertThat(Scenarios.all()).hasSizeGreaterThanOrEqualTo(40);
    assertThat(Scenarios.all()).extracting(Scenario::name).doesNotHaveDuplicates();
    assertThat(Scenarios.all()).allSatisfy(s -> assertThat(Scenarios.named(s.name())).isNotNull());
    assertThat(Scenarios.named("no-such")).isNull();
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void whatItExercises_isInTheSemantics(Scenario s) throws IOException {
    Set<String> rows = rows();
    assertThat(s.exercises()).doesNotHaveDuplicates();
    for (String word : s.exercises()) {
      if (word.startsWith("D")) {
        assertThat(word).matches("D[0-9]+[ab]?[TF]");
        String decision = word.substring(0, word.length() - 1).toUpperCase(Locale.ROOT);
        assertThat(Stream.of(Decision.values()).map(Decision::name)).contains(decision);
      } else {
        assertThat(rows).contains(word);
      }
    }
  }

  /** Returns the numbers of races and invariants, from the first column of their tables. */
  private static Set<String> rows() throws IOException {
    Set<String> rows = new TreeSet<>();
    Pattern row = Pattern.compile("^\\| (R[0-9]+b?|I-[0-9]+) \\|");
    for (String line : Files.readAllLines(SEMANTICS)) {
      Matcher m = row.matcher(line);
      if (m.find()) {
        rows.add(m.group(1));
      }
    }
    return rows;
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void itIsWrittenAsTheListShowsIt(Scenario s) {
    assertThat(s.name()).matches("[a-z]+(-[a-z]+)+");
    assertThat(s.story()).endsWith(".").doesNotContain("\n");
    ThreadStrands strands = new ThreadStrands();
    strands.attach("test");
    try {
      ScenarioWorld w = ScenarioWorld.of(s, Mode.FIXED, Set.of(), strands);
      assertThat(w.actors()).hasSizeBetween(1, 4);
      w.kernel().close();
    } finally {
      strands.detach();
    }
  }
}
