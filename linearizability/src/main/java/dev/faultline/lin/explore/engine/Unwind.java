package dev.faultline.lin.explore.engine;

/** Ends a strand of an execution that is given up. Thrown where the strand would wait. */
final class Unwind extends Error {
  private static final long serialVersionUID = 1L;
  static final Unwind NOW = new Unwind();

  private Unwind() {
    super("execution given up", null, false, false);
  }
}
