package dev.faultline.lin.explore.engine;

import org.jspecify.annotations.Nullable;

/**
 * How an execution ended.
 *
 * @param kind what happened
 * @param message one line; empty if all is well
 * @param cause what was thrown, if anything
 */
public record Outcome(Kind kind, String message, @Nullable Throwable cause) {
  /** All is well. */
  public static final Outcome DONE = new Outcome(Kind.DONE, "", null);

  /** Given up, as all that may follow is covered by other executions. */
  public static final Outcome COVERED = new Outcome(Kind.COVERED, "", null);

  /** What can happen. */
  public enum Kind {
    /** Everything ran to its end, and the check was content. */
    DONE,
    /** The chooser gave it up. */
    COVERED,
    /** An actor, a strand of the world or the check threw. */
    FAILURE,
    /** Work is left and no strand can go on. */
    DEADLOCK,
    /** Strands wait for words that nobody is left to change. */
    LIVELOCK,
    /** It took more steps than allowed. */
    STEP_LIMIT,
    /** A strand blocked or ran on outside the interface of strands. */
    ESCAPED,
    /** A schedule could not be followed, or a second run differed from the first. */
    DIVERGED
  }

  /** Returns whether somebody should look at it. */
  public boolean isFinding() {
    return kind != Kind.DONE && kind != Kind.COVERED;
  }
}
