package dev.faultline.lin.explore.kernel;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Trial;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A scenario as a program of the explorer.
 *
 * @param probe hears of the fault handler's decisions, or null
 */
public record ScenarioProgram(Scenario scenario, Mode mode, Set<Defect> defects, @Nullable FaultProbe probe)
    implements Program {
  /** One without a probe. */
  public ScenarioProgram(Scenario scenario, Mode mode, Set<Defect> defects) {
    this(scenario, mode, defects, null);
  }

  /** The correct kernel. */
  public static ScenarioProgram of(Scenario s) {
    return new ScenarioProgram(s, Mode.FIXED, Set.of());
  }

  @Override
  public Trial begin(Strands strands) {
    return trial(ScenarioWorld.of(scenario, mode, defects, strands, TraceOptions.NONE, probe), () -> {});
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
