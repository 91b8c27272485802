package dev.faultline.lin.explore.engine;

/** Chooses the schedule of one execution after another. Called on whichever thread has the turn. */
public interface Chooser {
  /** What {@link #choose} returns to give an execution up, as all that may follow is covered elsewhere. */
  int COVERED = -1;

  /**
   * Begins an execution.
   *
   * @return false if there is nothing left to explore
   */
  boolean begin(Execution e);

  /**
   * Chooses the strand that makes the next step.
   *
   * @param enabled bit i: strand i can make a step; not 0
   * @param last the strand that made the last step, or -1
   * @return its index, or {@link #COVERED}
   */
  int choose(Execution e, long enabled, int last);

  /** Ends an execution, whatever its outcome. */
  default void end(Execution e) {}

  /** Returns whether the execution that has ended counts elsewhere, where the same is explored in parts. */
  default boolean isElsewhere() {
    return false;
  }
}
