package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.Strands;

/** What is explored. Each execution sets it up anew. */
public interface Program {
  /**
   * Sets up one execution. Runs on a strand of its own, under a fixed schedule; what it leaves behind must be the same
   * each time.
   *
   * @param strands where the execution's strands and its time come from
   */
  Trial begin(Strands strands);
}
