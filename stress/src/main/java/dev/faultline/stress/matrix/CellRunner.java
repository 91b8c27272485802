package dev.faultline.stress.matrix;

/** An engine's way to run a cell for a while. */
@FunctionalInterface
public interface CellRunner {
  /**
   * Runs a cell on.
   *
   * @param so what has been seen of it before
   * @param nanos for how long at most, about
   * @return {@code so} and what was seen now
   */
  Cell run(Cell so, long nanos) throws InterruptedException;
}
