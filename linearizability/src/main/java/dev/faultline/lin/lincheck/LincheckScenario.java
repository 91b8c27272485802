package dev.faultline.lin.lincheck;

import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioWorld;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jspecify.annotations.Nullable;

/**
 * Model checks a scenario with Lincheck: each actor is one operation on a thread of its own, and the scenario's check
 * the validation. Lincheck switches at every access to shared memory, not only at strands' steps.
 *
 * <p>Its model checker schedules the threads of operations only, so a scenario whose actors need the disk or a daemon
 * is none for it; that is seen when one is about to be woken.
 */
public final class LincheckScenario {
  /*
   * Implementation overview
   *
   * State     Lincheck makes the suite without arguments, so what it is about is static. One run at a time.
   * Time      Lincheck is asked for a number of invocations, so their pace is measured first. Its choices come from a
   *           seed of its own, which is fixed: a longer run repeats a shorter one.
   * Finding   The first throwable is noted, with its time; Lincheck then runs the schedule again for its report, which
   *           does not count.
   */
  private static final int FIRST = 5; // invocations to measure the pace
  private static final int MOST = 20_000;

  /**
   * What was seen.
   *
   * @param executions invocations, until the finding or all
   * @param nanos host time, likewise
   * @param finding in a line; null for nothing
   * @param fits whether the scenario can be run so at all
   */
  public record Result(long executions, long nanos, @Nullable String finding, boolean fits) {}

  private static @Nullable Scenario scenario;
  private static Mode mode = Mode.FIXED;
  private static Set<Defect> defects = Set.of();
  private static volatile long executions; // booted worlds; nobody counts at the same time as another
  private static volatile @Nullable Throwable first;
  private static volatile long firstNanos;
  private static volatile long firstExecution;

  private LincheckScenario() {}

  /**
   * Model checks a scenario. Not while another run is under way in this process, whose options must be those that
   * docs/lincheck.md lists.
   *
   * @param nanos how long, about
   */
  public static Result run(Scenario s, Mode m, Set<Defect> d, long nanos) {
    scenario = s;
    mode = m;
    defects = d;
    executions = 0;
    first = null;
    long began = System.nanoTime();
    int actors = ActorFlows.tryOut();
    if (actors == 0) {
      return new Result(0, System.nanoTime() - began, null, false);
    }
    executions = 0;
    Result r = check(actors, FIRST, began);
    if (r.finding == null && r.fits) {
      long each = Math.max(1, r.nanos / Math.max(1, r.executions));
      long more = Math.min(MOST, (nanos - r.nanos) / each);
      if (more > 0) {
        r = check(actors, (int) more, began);
      }
    }
    return r;
  }

  private static Result check(int actors, int invocations, long began) {
    String failure = null;
    try {
      ModelChecking.options(ActorFlows.class.getName())
          .sequentialSpecification(ScenarioSuite.AnyOrder.class)
          .addCustomScenario(allAtOnce(actors))
          .minimizeFailedScenario(false)
          .iterations(0)
          .invocationsPerIteration(invocations)
          .check(ScenarioSuite.class);
    } catch (LincheckAssertionError e) {
      failure = firstLines(String.valueOf(e.getMessage()));
    }
    Throwable t = first;
    if (t == null) {
      return new Result(executions, System.nanoTime() - began, failure, true);
    }
    if (ActorFlows.isUnseen(t)) {
      return new Result(0, System.nanoTime() - began, null, false);
    }
    return new Result(firstExecution, firstNanos - began, text(t), true);
  }

  private static ExecutionScenario allAtOnce(int actors) {
    List<List<Actor>> threads = new ArrayList<>();
    for (String name : List.of("first", "second", "third", "fourth").subList(0, actors)) {
      threads.add(List.of(new Actor(method(name), List.of())));
    }
    return new ExecutionScenario(List.of(), threads, List.of(), new Actor(method("settle"), List.of()));
  }

  private static Method method(String name) {
    try {
      return ScenarioSuite.class.getMethod(name);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String text(Throwable t) {
    return t instanceof ScenarioWorld.Broken ? String.valueOf(t.getMessage()) : t.toString();
  }

  private static String firstLines(String report) {
    return report.lines().map(String::strip).filter(l -> !l.isEmpty()).findFirst().orElse("failure");
  }

  /** Sets up a world of the scenario under way. The calling thread is a strand. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // Lincheck makes one suite at a time
  static ScenarioWorld boot(Strands strands) {
    executions = executions + 1;
    Scenario s = scenario;
    assert s != null;
    return ScenarioWorld.of(s, mode, defects, strands);
  }

  /** Hears of what an invocation ended with, if that was wrong. */
  static void seen(Throwable t) {
    if (first == null) {
      firstNanos = System.nanoTime();
      firstExecution = executions;
      first = t;
    }
  }
}
