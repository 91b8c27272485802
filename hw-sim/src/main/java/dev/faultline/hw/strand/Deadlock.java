package dev.faultline.hw.strand;

/**
 * No strand of a serial supply can go on, and none waits for a time to come. Thrown where a thread waits that was
 * attached, as it waits in vain.
 */
public final class Deadlock extends IllegalStateException {
  private static final long serialVersionUID = 1;

  Deadlock(String who) {
    super("no strand can go on: " + who);
  }
}
