package dev.faultline.hw.strand;

/** Takes a strand out of whatever it waits for when its supply is closed. */
final class Unwind extends Error {
  private static final long serialVersionUID = 1;

  static final Unwind NOW = new Unwind();

  private Unwind() {
    super("the supply of strands is closed", null, false, false);
  }
}
