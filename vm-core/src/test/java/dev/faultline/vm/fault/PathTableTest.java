package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * docs/paths.md says of each end-to-end path of vm-semantics 4.6 which decisions it is and which test takes it. The
 * page is made here, from {@link PathTable}; that a test takes just this path, in both modes, {@link PathTests} sees
 * to.
 *
 * <p>{@code -Dfaultline.writeDocs=true} writes the page anew.
 */
final class PathTableTest {
  private static final Path ROOT = Path.of("..");
  private static final Path PAGE = ROOT.resolve("docs/paths.md");
  private static final Path SPECIFICATION = ROOT.resolve("docs/design/vm-semantics.md");
  private static final Pattern OUTCOME = Pattern.compile("(D\\d+[AB]?)([TF])");

  /** A path as the specification has it. */
  private record Specified(String words, String decisions) {}

  private static Map<String, Specified> specified() {
    Map<String, Specified> paths = new LinkedHashMap<>();
    Pattern line = Pattern.compile("\\| (P\\d+) \\| ([^|]*) \\| ([^|]*) \\|");
    try {
      for (String l : Files.readAllLines(SPECIFICATION)) {
        Matcher m = line.matcher(l);
        if (m.matches()) {
          paths.put(m.group(1), new Specified(m.group(2), m.group(3)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return paths;
  }

  /** A decision that the specification names for a path, or one of several: which outcomes will do. */
  private record Named(String text, List<Predicate<String>> alternatives) {
    boolean isIn(String sequence) {
      return alternatives.stream().anyMatch(a -> a.test(sequence));
    }
  }

  /** Reads D11T, D36 (either outcome), D31T/F and D25aT / D25aF (one of them). */
  private static List<Named> named(String decisions) {
    Matcher m =
        Pattern.compile("(D\\d+[ab]?)([TF]?)(?: ?/ ?(D\\d+[ab]?)?([TF]))?").matcher(decisions);
    return m.results().map(r -> new Named(r.group(), r.group(4) == null ? List.of(took(r.group(1), r.group(2)))
        : List.of(took(r.group(1), r.group(2)), took(r.group(3) == null ? r.group(1) : r.group(3), r.group(4)))))
        .toList();
  }

  /**
   * Returns whether a sequence has that outcome. Of a decision in halves, A then B, T of either is T; F is F of the
   * last one asked.
   */
  private static Predicate<String> took(String decision, String outcome) {
    String o = outcome.isEmpty() ? "[TF]" : outcome;
    String row = decision.toUpperCase(Locale.ROOT);
    boolean halves = Arrays.stream(Decision.values()).noneMatch(d -> d.name().equals(row));
    String wanted = halves ? "\\b" + row + "(A" + o + "\\b(?! " + row + "B)|B" + o + "\\b)" : "\\b" + row + o + "\\b";
    return Pattern.compile(wanted).asPredicate();
  }

  private static String shown(PathTable.Row r, List<Named> named) {
    String text = r.sequence().replaceAll("\\( ", "(").replaceAll(" \\)", ")").replaceAll("(\\d)\\*\\(", "$1 × (")
        .replaceAll("\\+\\(", "once or more × (");
    Set<String> keys = new LinkedHashSet<>();
    Matcher m = Pattern.compile("D\\d+[ab]?[TF]?(?: ?/ ?[TF])?").matcher(named.stream().map(Named::text)
        .collect(Collectors.joining(" ")));
    while (m.find()) {
      keys.add(m.group().toUpperCase(Locale.ROOT).replaceAll("[ABTF/ ]", ""));
    }
    return OUTCOME.matcher(text).replaceAll(d -> keys.contains(d.group(1).replaceAll("[AB]", "")) ? "**" + d.group()
        + "**" : d.group());
  }

  private static String page() {
    StringBuilder b = new StringBuilder("""
        # The end-to-end paths of the fault handler, and the tests that take them

        Made and kept true by `PathTableTest`; after a change in `PathTable`,
        `./mvnw -pl vm-core -am test -Dtest=PathTableTest -Dsurefire.failIfNoSpecifiedTests=false \
        -Dfaultline.writeDocs=true`
        writes it anew.

        The paths are those of [vm-semantics 4.6](design/vm-semantics.md), the decisions those of its table in 4.3, of
        which [decisions.md](decisions.md) is the other view. A row has *every* decision of the fault, or of the call,
        from begin to end and in order, as the test records it on the faulting thread: one more, one less or one the
        other way fails it. The decisions that the specification names for the path are bold. The test looks at the
        result, too: the value, the page, the mapping, the counters.

        FIXED and UP say that the test takes just this sequence in that mode. The two never differ: with one thread in
        the kernel at a time or with locks, a fault decides the same.

        | path | in words | decisions | test | FIXED | UP |
        | --- | --- | --- | --- | --- | --- |
        """);
    Map<String, Specified> specified = specified();
    for (PathTable.Row r : PathTable.ROWS) {
      Specified s = specified.get(r.path());
      b.append("| ").append(r.path()).append(" | ").append(s.words());
      if (!r.how().isEmpty()) {
        b.append(": *").append(r.how()).append('*');
      }
      if (!r.remark().isEmpty()) {
        b.append(". ").append(r.remark());
      }
      b.append(" | ").append(shown(r, named(s.decisions()))).append(" | `").append(r.test())
          .append("` | yes | yes |\n");
    }
    return b.toString();
  }

  @Test
  void thePage_isWhatThisTestMakes() throws IOException {
    if (Boolean.getBoolean("faultline.writeDocs")) {
      Files.writeString(PAGE, page());
    }
    assertThat(Files.readString(PAGE)).isEqualTo(page());
  }

  @Test
  void everyPathOfTheSpecification_hasARow() {
    Set<String> rows = new LinkedHashSet<>();
    PathTable.ROWS.forEach(r -> rows.add(r.path()));
    assertThat(rows).containsExactlyElementsOf(specified().keySet()).hasSize(25);
    assertThat(PathTable.ROWS.stream().map(PathTable.Row::name).toList()).doesNotHaveDuplicates();
  }

  @Test
  void everyRow_hasTheDecisionsThatTheSpecificationNames() {
    specified().forEach((path, s) -> {
      List<PathTable.Row> rows = PathTable.ROWS.stream().filter(r -> r.path().equals(path) && r.all()).toList();
      assertThat(rows).as(path).isNotEmpty();
      for (Named n : named(s.decisions())) {
        for (PathTable.Row r : rows) {
          assertThat(n.isIn(r.sequence())).as("%s has %s", r.name(), n.text()).isTrue();
        }
        for (Predicate<String> a : n.alternatives()) {
          assertThat(rows).as("%s: each of %s", path, n.text()).anyMatch(r -> a.test(r.sequence()));
        }
      }
    });
  }

  @Test
  void everyRow_isMadeOfDecisions_andMatchesItself() {
    for (PathTable.Row r : PathTable.ROWS) {
      Matcher m = OUTCOME.matcher(r.sequence());
      StringBuilder rest = new StringBuilder();
      while (m.find()) {
        Decision.valueOf(m.group(1));
        m.appendReplacement(rest, "");
      }
      m.appendTail(rest);
      assertThat(rest.toString()).as(r.name()).matches("[ 0-9*+()]*");
      if (!r.sequence().contains("(")) {
        assertThat(r.pattern().matcher(r.sequence() + " ").matches()).as(r.name()).isTrue();
      }
    }
  }

  @Test
  void repetitions_areCounted() {
    PathTable.Row r = new PathTable.Row("P0", "", true, "", "D1T 2*(D2T D3F) +( D4T D5F ) D6F", "");
    assertThat(r.pattern().matcher("D1T D2T D3F D2T D3F D4T D5F D6F ").matches()).isTrue();
    assertThat(r.pattern().matcher("D1T D2T D3F D2T D3F D4T D5F D4T D5F D6F ").matches()).isTrue();
    assertThat(r.pattern().matcher("D1T D2T D3F D4T D5F D6F ").matches()).isFalse();
    assertThat(r.pattern().matcher("D1T D2T D3F D2T D3F D6F ").matches()).isFalse();
  }

  @Test
  void everyRow_hasATest_thatRunsInBothModes() throws ReflectiveOperationException {
    assertThat(FaultTests.modes().toList()).containsExactlyElementsOf(EnumSet.of(Mode.FIXED, Mode.UP));
    for (PathTable.Row r : PathTable.ROWS) {
      int dot = r.test().indexOf('.');
      Class<?> c = Class.forName(getClass().getPackageName() + "." + r.test().substring(0, dot));
      Method m = c.getDeclaredMethod(r.test().substring(dot + 1), Mode.class);
      assertThat(c).as(r.name()).isAssignableTo(PathTests.class);
      assertThat(m.isAnnotationPresent(ParameterizedTest.class)).as(r.test()).isTrue();
      assertThat(m.getAnnotation(MethodSource.class).value()).as(r.test()).containsExactly("modes");
      assertThat(m.isAnnotationPresent(Disabled.class) || c.isAnnotationPresent(Disabled.class)).as(r.test())
          .isFalse();
      assertThat(m.isAnnotationPresent(Tag.class) || c.isAnnotationPresent(Tag.class)).as(r.test()).isFalse();
    }
  }
}
