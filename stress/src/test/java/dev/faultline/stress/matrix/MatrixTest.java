package dev.faultline.stress.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.stress.matrix.Matrix.Cell;
import dev.faultline.stress.matrix.Matrix.Engine;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each engine finds at least eight defects: the part of docs/matrix.md that every build shows. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class MatrixTest {
  private static final Matrix MATRIX = new Matrix(60_000_000_000L, 60_000_000_000L, 2, what -> {});

  private static Scenario named(String name) {
    return Objects.requireNonNull(Scenarios.named(name));
  }

  @ParameterizedTest
  @CsvSource({
    "partial-page, H_PARTIAL",
    "cow-protect, H_COWCLEAN",
    "cow-placeholder, H_QCOLL",
    "share-copy, H_SHAREPROT",
    "cow-coherence, H_LOCALFLUSH",
    "protect-store, H_PTE_RMW",
    "pageout-done, H_DONE_SLEEP",
    "swap-error, H_SWERR",
    "memory-exit, H_UNCOND_WAIT",
    "msync-error, H_VNPUT_OK",
    "file-end-store, H_EOFTAIL",
    "wired-file, H_STEALWIRED"
  })
  void explorer_findsTwelve(String scenario, Defect d) throws InterruptedException {
    assertThat(MATRIX.run(named(scenario), d, Engine.DPOR).finding()).isNotNull();
    assertThat(MATRIX.run(named(scenario), d, Engine.POS).finding()).isNotNull();
  }

  @ParameterizedTest
  @CsvSource({
    "partial-page, H_PARTIAL",
    "cow-protect, H_COWCLEAN",
    "share-copy, H_SHAREPROT",
    "munmap-access, H_LOCALFLUSH",
    "swap-error, H_SWERR",
    "msync-error, H_VNPUT_OK",
    "file-end-store, H_EOFTAIL",
    "wired-file, H_STEALWIRED"
  })
  void stress_findsEight(String scenario, Defect d) throws InterruptedException {
    assertThat(MATRIX.run(named(scenario), d, Engine.STRESS).finding()).isNotNull();
  }

  @Test
  void page_saysWhatWasFoundAndWhatNot() throws InterruptedException {
    Matrix m = new Matrix(1_000_000_000L, 50_000_000L, 2, what -> {});
    List<Scenario> scenarios = List.of(named("fork-store"), named("fork-fork"));
    List<Defect> defects = List.of(Defect.H_LOCALFLUSH, Defect.H_QCOLL);
    List<Cell> found = m.defective(scenarios, defects);
    String page = MatrixText.page("How.", m.healthy(scenarios), found, defects);
    assertThat(page).contains("| fork-store | all 13 classes | ", "| fork-fork | all 4 classes | ");
    assertThat(page).contains("| H-LOCALFLUSH | fork-store | 1 in ").doesNotContain("| H-LOCALFLUSH | fork-fork");
    assertThat(page).contains("dpor finds 1 of 2 defects", "found by none here: H-QCOLL");
  }
}
