package dev.faultline.vm.trace;

/**
 * What a kernel records of its strands; chosen at boot.
 *
 * @param eventsPerStrand the last so many events of each strand are kept, rounded up to a power of two; 0 for none
 * @param flightRecorder whether events go to the JDK's flight recorder, while a recording wants them
 */
public record TraceOptions(int eventsPerStrand, boolean flightRecorder) {
  /** Nothing is recorded. */
  public static final TraceOptions NONE = new TraceOptions(0, false);

  /** As many events as a strand's ring may hold. */
  public static final int EVENTS_MAX = 1 << 20;

  /** Checks the number of events. */
  public TraceOptions {
    if (eventsPerStrand < 0 || eventsPerStrand > EVENTS_MAX) {
      throw new IllegalArgumentException("trace events " + eventsPerStrand + ": must be 0 to " + EVENTS_MAX);
    }
  }

  /** Returns options that keep the last {@code n} events of each strand. */
  public static TraceOptions rings(int n) {
    return new TraceOptions(n, false);
  }

  /** Returns whether anything is recorded. */
  public boolean isOn() {
    return eventsPerStrand > 0 || flightRecorder;
  }
}
