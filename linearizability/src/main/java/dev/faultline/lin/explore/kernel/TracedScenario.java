package dev.faultline.lin.explore.kernel;

import dev.faultline.hw.strand.Strands;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Schedule;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Trial;
import dev.faultline.vm.scenario.ScenarioWorld;
import dev.faultline.vm.trace.EventRings;
import dev.faultline.vm.trace.Trace;
import dev.faultline.vm.trace.TraceOptions;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A scenario whose kernel records what it does, from the actors' start to their end: set-up and check are left out.
 * Recording is no schedule point, so a schedule is followed as without.
 */
public final class TracedScenario implements Program {
  private static final int EVENTS = 1 << 14; // of each strand: more than a scenario makes

  private final ScenarioProgram program; // (C)
  private final TraceOptions options; // (C)
  private @Nullable EventRings rings; // of the execution begun last; belongs to whoever has the turn, as all below
  private long setUpEnds;
  private @Nullable Trace ended;

  /** Creates a program that keeps all events. */
  public TracedScenario(ScenarioProgram program) {
    this(program, EVENTS);
  }

  /**
   * Creates a program that keeps the last events.
   *
   * @param events of each strand
   */
  public TracedScenario(ScenarioProgram program, int events) {
    this.program = program;
    this.options = TraceOptions.rings(events);
  }

  /** Returns what happens under a schedule, as far as it goes. */
  public static Trace of(ScenarioProgram program, Schedule schedule, int events) {
    TracedScenario traced = new TracedScenario(program, events);
    new Explorer(traced).replay(schedule);
    return traced.trace();
  }

  @Override
  public Trial begin(Strands strands) {
    ended = null;
    ScenarioWorld world =
        ScenarioWorld.of(program.scenario(), program.mode(), program.defects(), strands, options);
    EventRings r = world.kernel().tracer().rings();
    rings = r;
    setUpEnds = r == null ? 0 : r.lastPlace();
    return ScenarioProgram.trial(world, () -> ended = now());
  }

  private Trace now() {
    EventRings r = rings;
    return r == null ? new Trace(List.of(), List.of(), 1, Map.of()) : r.trace().after(setUpEnds);
  }

  /** Returns the trace of the execution that was begun last: up to its check, or to where something was found. */
  public Trace trace() {
    Trace t = ended;
    return t == null ? now() : t;
  }

  @Override
  public String toString() {
    return "traced " + program;
  }
}
