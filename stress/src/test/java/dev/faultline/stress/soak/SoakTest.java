package dev.faultline.stress.soak;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.scenario.Scenarios;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(300)
final class SoakTest {
  private static final List<Mode> BOTH = List.of(Mode.FIXED, Mode.UP);

  private final List<SoakRun.Outcome> outcomes = new ArrayList<>();

  private Soak.Tally soak(int worlds, List<Mode> modes, Defect... defects) throws InterruptedException {
    return soak(0, worlds, modes, defects);
  }

  private Soak.Tally soak(int first, int worlds, List<Mode> modes, Defect... defects) throws InterruptedException {
    EnumSet<Defect> d = EnumSet.noneOf(Defect.class);
    d.addAll(List.of(defects));
    return new Soak(new Soak.Plan(7, first, worlds, Long.MAX_VALUE / 2, modes, d, 2, false), outcomes::add).run();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void run_kernelAsShipped_findsNothingAndChecksEverything(Mode mode) throws Exception {
    Soak.Tally t = soak(25, List.of(mode));
    assertThat(outcomes).allMatch(o -> o.findings().isEmpty(), "no finding");
    assertThat(t.worlds()).isEqualTo(25);
    assertThat(t.badWorlds()).isZero();
    assertThat(t.judged()).isGreaterThan(10_000);
    assertThat(t.compared()).isGreaterThan(100);
    assertThat(t.trials()).isGreaterThan(100);
    assertThat(t.checkedSomething()).isTrue();
  }

  /** What two runs of one world have in common, if the seed says all of them. */
  private static String seen(SoakRun.Outcome o) {
    List<String> findings = new ArrayList<>();
    o.findings().list().forEach(f -> findings.add(f.message() + f.details().get("wait 0") + f.lastEvents()));
    return o.judged() + " judged, " + o.faults() + " faults, " + o.killed() + " killed, " + o.swappedOut() + " out, "
        + findings;
  }

  /** Returns the worlds of a plan in UP mode that run a program. */
  private static List<SoakWorld> programsInUpMode(int count, Set<Defect> defects) {
    List<SoakWorld> worlds = new ArrayList<>();
    for (int i = 0; worlds.size() < count; i++) {
      SoakWorld w = SoakWorld.draw(7, i, new Mode[] {Mode.UP}, defects);
      if (w.load() != Load.SCENARIO) {
        worlds.add(w);
      }
    }
    return worlds;
  }

  @Test
  void run_ofOneWorldInUpMode_isTheSameEachTime() throws Exception {
    SoakRun run = new SoakRun();
    for (SoakWorld w : programsInUpMode(12, Set.of())) {
      assertThat(seen(run.run(w))).as("%s", w).isEqualTo(seen(run.run(w)));
    }
  }

  @Test
  void run_ofAWorldInUpMode_withAFinding_findsTheSameAgain() throws Exception {
    SoakRun run = new SoakRun();
    for (SoakWorld w : programsInUpMode(60, Set.of(Defect.H_UNCOND_WAIT))) {
      SoakRun.Outcome first = run.run(w);
      if (!first.findings().isEmpty()) {
        for (int i = 0; i < 3; i++) {
          assertThat(seen(new SoakRun().run(w))).isEqualTo(seen(first));
        }
        return;
      }
    }
    throw new AssertionError("no world has a finding");
  }

  @Test
  void run_kernelThatPurgesOnlyItsOwnTlb_findsItAndNamesTheWorld() throws Exception {
    Soak.Tally t = soak(400, List.of(Mode.FIXED), Defect.H_LOCALFLUSH);
    assertThat(t.badWorlds()).isPositive();
    SoakRun.Outcome bad = outcomes.get(outcomes.size() - 1);
    assertThat(bad.findings().list()).isNotEmpty();
    assertThat(bad.findings().list().get(0).lastEvents().isEmpty()).isNotEqualTo(bad.world().recorded());
    assertThat(bad.world().command())
        .isEqualTo("./faultline soak --seed 7 --world " + bad.world().index() + " --mode fixed --defect H-LOCALFLUSH");
  }

  /** Switches that a program's first faults show to who looks at what they own: in 3 worlds, with the seeds tried. */
  @ParameterizedTest
  @EnumSource(value = Defect.class, names = {"H_NOUNQUEUE", "H_COWCLEAN"})
  void run_kernelThatLeavesAPageAsItWas_findsIt(Defect d) throws Exception {
    assertThat(soak(60, List.of(Mode.FIXED), d).badWorlds()).isPositive();
  }

  @Test
  void run_scenarioThatShowsTheDefect_findsItAndSaysHowToRunItAlone() throws Exception {
    int first = worldOf("swap-error");
    Soak.Tally t = soak(first, 1, List.of(Mode.FIXED), Defect.H_SWERR);
    assertThat(t.badWorlds()).isEqualTo(1);
    assertThat(t.checkedSomething()).isTrue();
    Finding f = outcomes.get(0).findings().list().get(0);
    assertThat(f.message()).contains("a block counts as written that was not");
    assertThat(f.details().get("alone")).startsWith("./faultline stress swap-error --defect H-SWERR --seed ");
    assertThat(f.again()).isEqualTo("./faultline soak --seed 7 --world " + first + " --mode fixed --defect H-SWERR");
  }

  /** Switches that no program comes by, or that do no harm where it does. */
  @ParameterizedTest
  @CsvSource({
    "cached-munmap, H_CACHE_WAIT, busy",
    "pager-release, H_STEAL, I-1",
    "munmap-hole, H_MUNMAP_HOLE, munmap of a range with a hole: EINVAL",
    "vfork-store, H_VFORK_COPY, what the parent sees is 1"
  })
  void run_scenarioMadeForTheDefect_findsIt(String scenario, Defect d, String message) throws Exception {
    Soak.Tally t = soak(worldOf(scenario), 1, List.of(Mode.FIXED), d);
    assertThat(t.badWorlds()).isEqualTo(1);
    assertThat(outcomes.get(0).findings().list().get(0).message()).contains(message);
  }

  private static int worldOf(String scenario) {
    for (int i = 0; ; i++) {
      SoakWorld w = SoakWorld.draw(7, i, new Mode[] {Mode.FIXED}, Set.of());
      if (w.load() == Load.SCENARIO && w.theScenario().name().equals(scenario)) {
        return i;
      }
    }
  }

  @Test
  void draw_everyThirdWorld_isAScenario_eachInTurn() {
    Set<String> seen = new HashSet<>();
    int all = Scenarios.all().size();
    for (int i = 0; i < 3 * all; i++) {
      SoakWorld w = SoakWorld.draw(9, i, BOTH.toArray(Mode[]::new), Set.of());
      if (w.load() == Load.SCENARIO) {
        seen.add(w.theScenario().name());
      }
    }
    assertThat(seen).hasSize(all);
  }

  @Test
  void run_kernelWithoutLocks_failsSoon() throws Exception {
    assertThat(soak(60, List.of(Mode.NAIVE)).badWorlds()).isPositive();
  }

  @Test
  void draw_neighbouringSeeds_haveNothingInCommon() {
    Set<String> seen = new HashSet<>();
    for (int seed = 0; seed < 20; seed++) {
      for (int i = 0; i < 20; i++) {
        SoakWorld w = SoakWorld.draw(seed, i, BOTH.toArray(Mode[]::new), Set.of());
        seen.add(w.programSeed() + " " + w.mmu() + w.diskFaults() + w.unrest());
      }
    }
    assertThat(seen).hasSize(400);
  }

  @Test
  void draw_sameSeedAndNumber_sameWorldWhateverTheModes() {
    for (int i = 0; i < 200; i++) {
      SoakWorld both = SoakWorld.draw(3, i, BOTH.toArray(Mode[]::new), Set.of());
      SoakWorld one = SoakWorld.draw(3, i, new Mode[] {both.mode()}, Set.of());
      assertThat(one).isEqualTo(both);
    }
  }

  @Test
  void draw_manyWorlds_haveSomeOfEverything() {
    Set<Object> seen = new HashSet<>();
    for (int i = 0; i < 500; i++) {
      SoakWorld w = SoakWorld.draw(5, i, BOTH.toArray(Mode[]::new), Set.of());
      seen.addAll(List.of(w.load(), w.mode(), w.cpus() + " cpus", w.frames() + " frames", w.tlb() + " tlb",
          w.disk().name(), w.diskFaults() > 0 ? "disk faults" : "", w.allocFail() > 0 ? "refusals" : "",
          w.mmu().shootDelay() > 0 ? "late" : "", w.mmu().shootMerge() ? "merged" : "", w.swapPages() + " swap"));
    }
    assertThat(seen).contains((Object[]) Load.values());
    assertThat(seen).contains(Mode.FIXED, Mode.UP, "2 cpus", "4 cpus", "40 frames", "4096 frames", "1 tlb",
        "adversarial", "disk faults", "refusals", "late", "merged", "8 swap", "8192 swap");
  }

  @Test
  void checkedSomething_emptySoak_isFalse() throws Exception {
    Soak s = new Soak(new Soak.Plan(7, 0, 5, 0, BOTH, Set.of(), 1, false), outcomes::add);
    assertThat(s.run().checkedSomething()).isFalse();
  }
}
