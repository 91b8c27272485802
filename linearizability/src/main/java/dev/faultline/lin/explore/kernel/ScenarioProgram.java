package dev.faultline.lin.explore.kernel;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Trial;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A scenario as a program of the explorer. */
public record ScenarioProgram(Scenario scenario, Mode mode, Set<Defect> defects) implements Program {
  /** The correct kernel. */
  public static ScenarioProgram of(Scenario s) {
    return new ScenarioProgram(s, Mode.FIXED, Set.of());
  }

  @Override
  public Trial begin(Strands strands) {
    return trial(ScenarioWorld.of(scenario, mode, defects, strands), () -> {});
  }

  /**
   * Returns the trial of a world that is set up.
   *
   * @param beforeCheck what is done when the actors have ended
   */
  static Trial trial(ScenarioWorld world, Runnable beforeCheck) {
    List<Trial.Actor> actors = new ArrayList<>();
    for (ScenarioActor a : world.actors()) {
      actors.add(new Trial.Actor(a.name(), a::prepare, a::run, a::finish));
    }
    return new Trial() {
      @Override
      public List<Trial.Actor> actors() {
        return actors;
      }

      @Override
      public void check() {
        beforeCheck.run();
        world.settle();
      }

      @Override
      public String describe(Strand strand) {
        if (strand.context instanceof KThread t && t.sleepChannel() != null) {
          return "sleeps on " + t.sleepChannel() + " for " + t.sleepTag();
        }
        return "";
      }
    };
  }
}
