package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;

/** Stub. */
public final class Clock {
  private final Strands strands;
  private final long tick;

  public Clock(Strands strands, long tick) {
    this.strands = strands;
    this.tick = tick;
  }

  public long now() {
    return strands.nanoTime() / tick;
  }

  public Callout after(long ticks, Runnable r) {
    Callout c = new Callout();
    strands.start(
        "callout",
        () -> {
          long until = strands.nanoTime() + ticks * tick;
          while (strands.nanoTime() < until) {
            Strand.current().parkNanos(until - strands.nanoTime());
          }
          if (!c.cancelled) {
            r.run();
          }
        });
    return c;
  }

  public boolean cancel(Callout c) {
    c.cancelled = true;
    return true;
  }
}
