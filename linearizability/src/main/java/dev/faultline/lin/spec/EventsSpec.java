package dev.faultline.lin.spec;

/**
 * A counter of events.
 *
 * @see "vm-semantics 1.8"
 */
public class EventsSpec {
  private long events;

  /** Counts one. */
  public void count() {
    events++;
  }

  /** Returns how many there have been. */
  public long total() {
    return events;
  }
}
