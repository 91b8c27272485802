package dev.faultline.lin.explore;

import dev.faultline.lin.explore.engine.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * What an exploration saw.
 *
 * @param verdict how it ended
 * @param executions executions carried through; under optimal reduction one for each class
 * @param redundant executions that were given up as covered
 * @param steps steps of all executions
 * @param nanos host time
 * @param finding the first finding, or null
 * @param note what else a reader should know; empty for nothing
 */
public record Exploration(
    Verdict verdict,
    long executions,
    long redundant,
    long steps,
    long nanos,
    @Nullable Found finding,
    String note) {

  /** How an exploration ended. */
  public enum Verdict {
    /** Something was found. */
    FINDING,
    /** Every class of schedules was explored, and nothing found. */
    COMPLETE,
    /** All within the bound was explored, and nothing found; there is more beyond. */
    BOUNDED,
    /** The budget ran out. */
    STOPPED
  }

  /**
   * A finding.
   *
   * @param outcome what happened
   * @param schedule how to make it happen again
   * @param execution its number, from 1
   * @param trace the steps, a line each
   */
  public record Found(Outcome outcome, Schedule schedule, long execution, String trace) {}

  /** Returns this and another, of another part or by another worker, together. */
  Exploration and(Exploration o) {
    Found f = finding != null ? finding : o.finding;
    Verdict v = f != null ? Verdict.FINDING : verdict == o.verdict ? verdict : Verdict.STOPPED;
    return new Exploration(v, executions + o.executions, redundant + o.redundant, steps + o.steps, nanos + o.nanos, f,
        note.isEmpty() ? o.note : note);
  }

  /** Returns executions a second. */
  public double rate() {
    return nanos == 0 ? 0 : (executions + redundant) * 1e9 / nanos;
  }
}
