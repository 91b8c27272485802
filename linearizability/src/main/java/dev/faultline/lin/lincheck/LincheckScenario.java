package dev.faultline.lin.lincheck;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioWorld;
import java.util.List;
import java.util.Set;
import kotlin.Unit;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.LinChecker;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.kotlinx.lincheck.strategy.LincheckFailure;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jspecify.annotations.Nullable;

/**
 * Model checks a scenario with Lincheck: actors, disk and daemons are threads of its model checker. Lincheck switches
 * at every access to shared memory, not only at strands' steps.
 */
public final class LincheckScenario {
  /*
   * Implementation overview
   *
   * State     Lincheck makes the suite without arguments, so what it is about is static. One run at a time.
   * Time      Lincheck can be asked for a number of invocations only. When the time is over the next one fails, which
   *           is how it ends. Its choices come from a seed of its own, which is fixed: a longer run begins like a
   *           shorter.
   * Finding   The first throwable is noted, with its time; Lincheck then runs the schedule again for its report, which
   *           does not count.
   */
  private static final int MOST = 1_000_000; // invocations
  private static final int BOUND = 1_000; // of a loop's turns, beyond which it is said to have no end
  private static final String LINCHECK = "org.jetbrains.lincheck."; // its own errors, which end its threads

  /**
   * What was seen.
   *
   * @param executions invocations, until the finding or all
   * @param nanos host time, likewise
   * @param finding in a line; null for nothing
   */
  public record Result(long executions, long nanos, @Nullable String finding) {}

  /** What worlds are of. */
  record Subject(Scenario scenario, Mode mode, Set<Defect> defects) {}

  /** Ends a run that has found nothing. */
  private static final class TimeOver extends Error {
    private static final long serialVersionUID = 1L;

    TimeOver() {
      super(null, null, false, false);
    }
  }

  private static volatile @Nullable Subject subject;
  private static volatile long deadline = Long.MAX_VALUE; // by System.nanoTime
  private static volatile long executions; // nobody counts at the same time as another
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
    long began = System.nanoTime();
    subject = new Subject(s, m, d);
    executions = 0;
    first = null;
    deadline = began + nanos;
    try {
      return check(began);
    } finally {
      deadline = Long.MAX_VALUE;
    }
  }

  @SuppressWarnings("deprecation") // Options.check writes a report of every step, for minutes where there are many
  private static Result check(long began) {
    ModelCheckingOptions options =
        ModelChecking.options()
            .loopBound(BOUND)
            .sequentialSpecification(ScenarioSuite.Quietly.class)
            .addCustomScenario(oneOperation())
            .minimizeFailedScenario(false)
            .iterations(0)
            .invocationsPerIteration(MOST);
    LincheckFailure failure = new LinChecker(ScenarioSuite.class, options).checkImpl$lincheck(f -> Unit.INSTANCE);
    Throwable t = first;
    if (t instanceof TimeOver) {
      return new Result(firstExecution, firstNanos - began, null);
    }
    if (t != null) {
      return new Result(firstExecution, firstNanos - began, text(t));
    }
    String what = failure == null ? null : failure.getClass().getSimpleName();
    return new Result(executions, System.nanoTime() - began, what);
  }

  private static ExecutionScenario oneOperation() {
    try {
      Actor run = new Actor(ScenarioSuite.class.getMethod("run"), List.of());
      return new ExecutionScenario(List.of(), List.of(List.of(run)), List.of(), null);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String text(Throwable t) {
    return t instanceof ScenarioWorld.Broken ? String.valueOf(t.getMessage()) : t.toString();
  }

  /** Returns what worlds are of. */
  static Subject subject() {
    Subject s = subject;
    assert s != null;
    return s;
  }

  /** Hears that an invocation begins. Throws what ends the run when its time is over. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // Lincheck runs one invocation at a time
  static void begins() {
    if (executions > 0 && deadline != Long.MAX_VALUE && System.nanoTime() - deadline >= 0) {
      TimeOver t = new TimeOver();
      seen(t);
      throw t;
    }
    executions = executions + 1;
  }

  /** Hears of what an invocation ended with, if that was wrong. */
  static void seen(Throwable t) {
    if (first == null && !t.getClass().getName().startsWith(LINCHECK)) {
      firstNanos = System.nanoTime();
      firstExecution = executions;
      first = t;
    }
  }
}
