package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.Strand;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One execution of a {@link Program}, set up. */
public interface Trial {
  /**
   * One of the strands whose interleavings are explored.
   *
   * @param name for traces
   * @param prepare what it does first, under the set-up's fixed schedule; null for nothing
   * @param body what it does; what it throws is a finding
   * @param finish what it does last, under the check's fixed schedule and before the check; null for nothing
   */
  record Actor(String name, @Nullable Runnable prepare, Runnable body, @Nullable Runnable finish) {
    /** Creates an actor with neither preparation nor aftermath. */
    public Actor(String name, Runnable body) {
      this(name, null, body, null);
    }
  }

  /** Returns the actors. They start together. */
  List<Actor> actors();

  /**
   * Judges the end, when all actors have ended and nothing else can happen, and ends what the execution leaves behind.
   * What it throws is a finding. Not called when something was found before. Runs under a fixed schedule.
   */
  default void check() {}

  /** Returns what a strand that waits waits for, as the program sees it; empty if it has nothing to say. */
  default String describe(Strand strand) {
    return "";
  }
}
