package dev.faultline.stress.matrix;

import org.jspecify.annotations.Nullable;

/**
 * What one engine made of one scenario on one kernel.
 *
 * @param executions until the finding, or all of them
 * @param nanos host time, likewise
 * @param finding what was seen; null for nothing
 */
public record Cell(
    String scenario, Variant variant, Engine engine, State state, long executions, long nanos,
    @Nullable String finding) {

  /** How far it came. */
  public enum State {
    /** Not begun: the budget was spent before. */
    NOT_RUN,
    /** Not to be begun: nothing in the scenario asks whether the kernel has this defect. */
    NOT_REACHED,
    /** Run for all its time, and nothing found. */
    NOTHING,
    /** Every class of schedules was explored, and nothing found. */
    COMPLETE,
    /** Something was found. */
    FOUND,
    /** The process that ran it did not answer in time and was killed. */
    NO_ANSWER,
    /** The engine cannot run the scenario. */
    UNFIT
  }

  /** One that has not been begun. */
  public static Cell of(String scenario, Variant variant, Engine engine) {
    return new Cell(scenario, variant, engine, State.NOT_RUN, 0, 0, null);
  }

  /** The same after some more of it. */
  public Cell plus(State then, long moreExecutions, long moreNanos, @Nullable String found) {
    return new Cell(scenario, variant, engine, then, executions + moreExecutions, nanos + moreNanos, found);
  }

  /** Returns whether more time could tell more. */
  public boolean isOpen() {
    return state == State.NOT_RUN || state == State.NOTHING;
  }

  /** Returns whether something was found. */
  public boolean isFound() {
    return state == State.FOUND;
  }
}
