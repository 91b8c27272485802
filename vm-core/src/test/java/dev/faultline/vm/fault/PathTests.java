package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.World;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/**
 * Tests that take the end-to-end paths of vm-semantics 4.6, row by row of {@link PathTable}. A test has to take each
 * row that names it, and takes it in FIXED and in UP mode; {@link PathTableTest} makes docs/paths.md of the same rows.
 */
abstract class PathTests extends FaultTests {
  private static final Map<String, EnumSet<Mode>> MODES = new HashMap<>();

  private final Set<String> taken = new HashSet<>();
  private String test = "";

  @BeforeEach
  void begins(TestInfo info) {
    test = getClass().getSimpleName() + "." + info.getTestMethod().orElseThrow().getName();
  }

  /** Begins the record of the fault that is to take a path. */
  static void record(World w) {
    w.gates().record();
  }

  /** Asserts that the test's thread has decided, since {@link #record}, what the row says, and nothing else. */
  void takes(String row, World w) {
    takes(row, w, "test");
  }

  /** Asserts that the actor {@code thread} has decided, since {@link #record}, what the row says, and nothing else. */
  void takes(String row, World w, String thread) {
    PathTable.Row r = PathTable.row(row);
    assertThat(r.test()).as("the test that row %s names", row).isEqualTo(test);
    Mode mode = w.kernel().config().mode();
    String path = w.gates().path(thread);
    assertThat(r.pattern().matcher(path).matches())
        .as("%s in %s mode:%n  %s%nshould be%n  %s%n", row, mode, path, r.sequence()).isTrue();
    taken.add(row);
    MODES.computeIfAbsent(row, x -> EnumSet.noneOf(Mode.class)).add(mode);
  }

  @AfterEach
  void everyRowOfTheTest_wasTaken() {
    assertThat(taken).isEqualTo(PathTable.rowsOf(test));
  }

  @AfterAll
  static void everyRow_wasTakenInBothModes() {
    MODES.forEach((row, modes) -> assertThat(modes).as(row).isEqualTo(EnumSet.of(Mode.FIXED, Mode.UP)));
    MODES.clear();
  }
}
