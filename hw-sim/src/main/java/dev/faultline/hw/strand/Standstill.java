package dev.faultline.hw.strand;

/**
 * Nothing moves any more in a serial supply: no strand can go on and none waits for a time to come, or the one that has
 * the turn makes no step. Thrown where a thread waits that was attached, as it waits in vain.
 */
public final class Standstill extends IllegalStateException {
  private static final long serialVersionUID = 1;

  Standstill(String why) {
    super(why);
  }
}
