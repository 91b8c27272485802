package dev.faultline.lin.explore.dpor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Programs;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Session;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * As many executions as there are classes, by the numbers of the literature. The larger sizes run with {@code
 * -Dfaultline.explore.large=true}.
 */
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class LiteratureTest {
  private static final boolean LARGE = Boolean.getBoolean("faultline.explore.large");

  static Stream<Arguments> sizes() {
    Stream.Builder<Arguments> b = Stream.builder();
    for (int n = 1; n <= (LARGE ? 13 : 10); n++) {
      add(b, "readers", n, 1L << n, Programs::readers);
    }
    for (int n = 2; n <= (LARGE ? 15 : 9); n++) {
      add(b, "lastzero", n, (n + 3) * (1L << n) / 4, Programs::lastZero);
    }
    for (int n = 11; n <= (LARGE ? 15 : 13); n++) {
      add(b, "indexer", n, 1L << (3 * (n - 11)), Programs::indexer);
    }
    for (int n = 13; n <= (LARGE ? 19 : 17); n++) {
      add(b, "filesystem", n, 1L << (n - 13), Programs::fileSystem);
    }
    return b.build();
  }

  private static void add(Stream.Builder<Arguments> b, String name, int n, long classes, IntFunction<Program> of) {
    b.add(Arguments.of(name, n, classes, of.apply(n)));
  }

  @ParameterizedTest(name = "{0}({1}) has {2} classes")
  @MethodSource("sizes")
  void exploration_makesOneExecutionPerClass(String name, int n, long classes, Program program) {
    OptimalDpor dpor = new OptimalDpor();
    try (Session s = new Session(program, dpor, Session.Options.DEFAULT)) {
      assertNull(
          s.run(
              (e, o) -> {
                if (o.isFinding()) {
                  throw new AssertionError(o);
                }
                return o.kind() != Outcome.Kind.COVERED || dpor.redundant() < 1000;
              }));
    }
    assertEquals(classes, dpor.classes(), dpor.toString());
    assertEquals(0, dpor.redundant(), dpor.toString());
    assertEquals(0, dpor.divergences(), dpor.toString());
  }

  /** Parts that several workers explore have nothing in common and leave nothing out. */
  @ParameterizedTest(name = "{0}({1}) has {2} classes")
  @MethodSource("sizes")
  void parts_haveOneExecutionPerClassTogether(String name, int n, long classes, Program program)
      throws InterruptedException {
    for (int workers = 2; workers <= 3; workers++) {
      Exploration x = new Explorer(program).exhaust(workers);
      assertNull(x.finding());
      assertEquals("", x.note());
      assertEquals(classes, x.executions());
      assertEquals(0, x.redundant());
      assertEquals(Verdict.COMPLETE, x.verdict());
    }
  }
}
