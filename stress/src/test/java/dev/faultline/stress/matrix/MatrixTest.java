package dev.faultline.stress.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.stress.matrix.Cell.State;
import dev.faultline.vm.base.Defect;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Explorer, stress and jcstress each find at least eight defects: the part of docs/matrix.md that every build shows. Of
 * Lincheck, its suites and ScenarioSuiteTest show it.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class MatrixTest {
  private static final long MINUTE = 60_000_000_000L;

  private long now;

  private static Cell run(CellRunner runner, String scenario, Variant v, Engine e) throws InterruptedException {
    return runner.run(Cell.of(scenario, v, e), MINUTE);
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
    "wired-file, H_STEALWIRED",
    "cached-munmap, H_CACHE_WAIT",
    "pager-release, H_STEAL",
    "munmap-hole, H_MUNMAP_HOLE",
    "vfork-store, H_VFORK_COPY",
    "chain-collapse, H_PIPORDER",
    "memory-kill, H_KILLWAIT"
  })
  void explorer_findsEighteen(String scenario, Defect d) throws InterruptedException {
    assertThat(run(new ExplorerCells(), scenario, Variant.of(d), Engine.EXPLORER).isFound()).isTrue();
    Cell second = Cell.of(scenario, Variant.of(d), Engine.EXPLORER).plus(State.NOTHING, 0, 0, null);
    assertThat(new ExplorerCells().run(second, MINUTE).isFound()).as("by sampling").isTrue();
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
    "wired-file, H_STEALWIRED",
    "cached-munmap, H_CACHE_WAIT",
    "pager-release, H_STEAL",
    "munmap-hole, H_MUNMAP_HOLE",
    "vfork-store, H_VFORK_COPY"
  })
  void stress_findsTwelve(String scenario, Defect d) throws InterruptedException {
    assertThat(run(new StressCells(2), scenario, Variant.of(d), Engine.STRESS).isFound()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "partial-page, H_PARTIAL",
    "cow-protect, H_COWCLEAN",
    "share-copy, H_SHAREPROT",
    "fork-store, H_LOCALFLUSH",
    "fork-wired, H_COPYENT_CLEAN",
    "mlock-fault, H_UNWIRE0",
    "two-faulters, H_NOUNQUEUE",
    "swap-error, H_SWERR",
    "msync-error, H_VNPUT_OK",
    "file-end-store, H_EOFTAIL",
    "wired-file, H_STEALWIRED",
    "cached-munmap, H_CACHE_WAIT",
    "pager-release, H_STEAL",
    "munmap-hole, H_MUNMAP_HOLE",
    "vfork-store, H_VFORK_COPY"
  })
  void jcstress_findsFifteen(String scenario, Defect d) throws InterruptedException {
    assertThat(run(new JcstressCells(), scenario, Variant.of(d), Engine.JCSTRESS).isFound()).isTrue();
  }

  @Test
  void jcstress_onTheCorrectKernel_findsNothing_andNeedsTwoActors() throws InterruptedException {
    Cell begun = Cell.of("fork-store", Variant.HEALTHY, Engine.JCSTRESS);
    Cell c = new JcstressCells().run(begun, 50_000_000);
    assertThat(c.state()).isEqualTo(State.NOTHING);
    assertThat(c.executions()).isPositive();
    Cell three = Cell.of("three-faulters", Variant.HEALTHY, Engine.JCSTRESS);
    assertThat(new JcstressCells().run(three, MINUTE).state()).isEqualTo(State.UNFIT);
  }

  @Test
  void explorer_ofASmallScenario_isComplete() throws InterruptedException {
    Cell c = run(new ExplorerCells(), "fork-store", Variant.HEALTHY, Engine.EXPLORER);
    assertThat(c.state()).isEqualTo(State.COMPLETE);
    assertThat(c.executions()).isEqualTo(13);
  }

  /** A runner whose cells take all their time, or as little as their scenario's name says. */
  private Cell pretend(Cell so, long nanos, List<Long> shares) {
    shares.add(nanos);
    boolean found = so.scenario().equals("soon");
    long taken = found ? 1_000_000 : nanos;
    now += taken;
    return so.plus(found ? State.FOUND : State.NOTHING, 1, taken, found ? "seen" : null);
  }

  @Test
  void budget_isShared_andWhatIsLeftGoesToThoseThatNeedIt() throws InterruptedException {
    List<Long> shares = new ArrayList<>();
    List<Variant> kernels = List.of(Variant.HEALTHY, Variant.of(Defect.H_QCOLL));
    List<Cell> cells =
        new Matrix((so, nanos) -> pretend(so, nanos, shares), s -> {}, () -> now)
            .run(Matrix.cells(List.of("soon", "late"), kernels, Engine.STRESS), 800_000_000);
    // 400 ms for four cells, of which two leave theirs; then what is left of 800 ms for those two.
    assertThat(shares)
        .containsExactly(100_000_000L, 133_000_000L, 199_000_000L, 199_000_000L, 200_000_000L, 200_000_000L);
    assertThat(now).isEqualTo(800_000_000);
    assertThat(cells).extracting(Cell::scenario).containsExactly("soon", "soon", "late", "late");
    assertThat(cells).extracting(Cell::executions).containsExactly(1L, 1L, 2L, 2L);
  }

  @Test
  void noTimeLeft_isNotRun_andNotHealthy() throws InterruptedException {
    List<Cell> cells =
        new Matrix((so, nanos) -> pretend(so, nanos, new ArrayList<>()), s -> {}, () -> now)
            .run(Matrix.cells(List.of("late"), List.of(Variant.HEALTHY), Engine.STRESS), 1);
    assertThat(cells.get(0).state()).isEqualTo(State.NOT_RUN);
    assertThat(Matrix.isHealthy(cells)).isFalse();
  }

  @Test
  void page_saysWhatWasFoundAndWhatNot() {
    Variant flush = Variant.of(Defect.H_LOCALFLUSH);
    Variant qcoll = Variant.of(Defect.H_QCOLL);
    String page =
        MatrixText.page(
            "How.",
            List.of(
                Cell.of("a", Variant.HEALTHY, Engine.EXPLORER).plus(State.COMPLETE, 13, 5_000_000, null),
                Cell.of("a", flush, Engine.EXPLORER).plus(State.FOUND, 1234, 2_500_000_000L, "stale"),
                Cell.of("a", qcoll, Engine.EXPLORER).plus(State.COMPLETE, 4, 1, null),
                Cell.of("b", Variant.HEALTHY, Engine.EXPLORER).plus(State.FOUND, 4, 1, "I-7 broken"),
                Cell.of("b", flush, Engine.EXPLORER).plus(State.FOUND, 1, 3_000_000_000L, "stale"),
                Cell.of("b", qcoll, Engine.EXPLORER).plus(State.NO_ANSWER, 0, 15_000_000_000L, null),
                Cell.of("c", qcoll, Engine.EXPLORER).plus(State.NOT_REACHED, 0, 0, null),
                Cell.of("a", Variant.HEALTHY, Engine.STRESS).plus(State.NOTHING, 1000, 1, null),
                Cell.of("a", flush, Engine.STRESS).plus(State.NOTHING, 77, 1, null)));
    assertThat(page)
        .contains("| kernel | explorer | stress |\n")
        .contains("| H-LOCALFLUSH | 1,234 in 2.5 s, `a`; 2 | - |\n")
        .contains("| found, of 2 | 1 | 0 |\n")
        .contains("| a | H-LOCALFLUSH | 1,234 in 2.5 s | not in 77 |\n")
        .contains("| b | H-LOCALFLUSH | 1 in 3.0 s |  |\n")
        .doesNotContain("| a | H-QCOLL")
        .contains("| a | all 13 | 1,000 |\n")
        .contains("| b | **I-7 broken** |  |\n")
        .contains("| H-LOCALFLUSH | 2 | 2 / 0 / 0 / 0 | 0 / 0 / 1 / 0 |\n")
        .contains("| H-QCOLL | 2 | 0 / 1 / 0 / 1 | 0 / 0 / 0 / 0 |\n");
  }

  @Test
  void defectsThatAScenarioDoesNotReach_areNotTried() {
    List<String> scenarios = List.of("fork-store", "swap-error");
    Map<String, Set<Variant>> reach = Matrix.reach(scenarios, System.getProperty("java.class.path"));
    assertThat(reach.get("fork-store")).contains(Variant.of(Defect.H_LOCALFLUSH)).doesNotContain(
        Variant.of(Defect.H_SWERR), Variant.of(Defect.H_VNPUT_OK));
    assertThat(reach.get("swap-error")).contains(Variant.of(Defect.H_SWERR));
    List<Variant> kernels = List.of(Variant.HEALTHY, Variant.of(Defect.H_SWERR), Variant.NAIVE);
    assertThat(Matrix.mark(Matrix.cells(scenarios, kernels, Engine.STRESS), reach))
        .extracting(Cell::state)
        .containsExactly(
            State.NOT_RUN, State.NOT_REACHED, State.NOT_RUN, State.NOT_RUN, State.NOT_RUN, State.NOT_RUN);
  }

  /** Every defect that can be tried has a switch that the kernel's fields are named for. */
  @Test
  void everyDefect_hasASwitch() throws IOException {
    Set<String> fields = new TreeSet<>();
    try (SwitchLoader loader = new SwitchLoader(System.getProperty("java.class.path"))) {
      for (String c : List.of("fault.VmFault", "fault.FaultSearch", "fault.FaultPagein", "fault.VmFaultWire",
          "page.FreeList", "page.VmPageQueues", "map.VmMaps", "object.VmObjects", "pmap.PmapModule",
          "proc.MemoryCalls", "proc.LifeCalls", "pager.SwapPageout", "pager.FileIo", "sync.SleepQueues", "sync.KThread",
          "pageout.PageoutClean")) {
        for (var f : loader.loadClass("dev.faultline.vm." + c).getDeclaredFields()) {
          if (Reach.isSwitch(f.getName())) {
            fields.add(f.getName());
          }
        }
      }
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
    assertThat(fields).hasSize(Defect.values().length);
  }

  @Test
  void slowEngines_runWhereOthersFoundSomethingSoonest() {
    Variant flush = Variant.of(Defect.H_LOCALFLUSH);
    List<Cell> known = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      known.add(Cell.of("s" + i, flush, Engine.EXPLORER).plus(State.FOUND, 1, 30 - 10 * i, "stale"));
      known.add(Cell.of("s" + i, Variant.NAIVE, Engine.EXPLORER).plus(State.NOTHING, 1, 1, null));
    }
    assertThat(Matrix.soonest(known, List.of("s0", "s1", "s2"), Engine.JCSTRESS, 2))
        .extracting(c -> c.scenario() + " " + c.variant())
        .containsExactly("s1 healthy", "s1 H-LOCALFLUSH", "s2 healthy", "s2 H-LOCALFLUSH");
  }

  @ParameterizedTest
  @ValueSource(strings = {"h-qcoll", "naive", "Healthy"})
  void kernels_areNamedInAnyCase(String name) {
    assertThat(Variant.named(name).label()).isEqualToIgnoringCase(name);
  }

  /** A process answers; one that is killed, or asked for what it cannot do, is no finding, and the next one answers. */
  @Test
  void process_thatDies_isReplaced() throws InterruptedException {
    try (CellProcess p = new CellProcess(Engine.EXPLORER, System.getProperty("java.class.path"))) {
      Cell c = run(p, "fork-store", Variant.HEALTHY, Engine.EXPLORER);
      assertThat(c.state()).isEqualTo(State.COMPLETE);
      assertThat(run(p, "no such", Variant.HEALTHY, Engine.EXPLORER).state()).isEqualTo(State.NO_ANSWER);
      Cell broken = run(p, "partial-page", Variant.of(Defect.H_PARTIAL), Engine.EXPLORER);
      assertThat(broken.isFound()).isTrue();
      assertThat(broken.finding()).isNotBlank();
    }
  }
}
