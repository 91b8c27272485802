package dev.faultline.vm.trace;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** The rings of all strands of one kernel, and the one order of their events. */
public final class EventRings {
  /*
   * Implementation overview
   *
   * Order     Each event takes the next number of one counter, by an atomic add, right where its step is made. All adds
   *           of one counter stand in one order, which agrees with happens-before: where one step happens before
   *           another (the same strand, a lock handed over, a wakeup and its return), so do their adds, and the numbers
   *           rise. So the merged trace is one that could have been seen, and what happens with a lock held stands
   *           between that lock's two events. What it does not say: of two steps that nothing orders (a page table word
   *           changed here, a queue moved there) the numbers may stand the other way round than the steps, by what a
   *           strand does between its step and its add.
   * Cost      The counter's cache line goes from processor to processor: some 5 ns an event for one strand, tens where
   *           several record at once. The add is a full fence: with rings on, a race that needs a store buffer to show
   *           may hide. Off, nothing of this is there.
   * Memory    A ring for every strand that has recorded something. Beyond so many words, rings of strands that have
   *           ended are given up, those with the oldest last event first.
   */
  private static final long RECORD_BYTES = 40;
  private static final long BYTES_MAX = 64L << 20;
  private static final int RINGS_MIN = 64;

  private final int events; // (C) a ring's size
  private final int ringsMax; // (C)
  private final AtomicLong places = new AtomicLong(); // (A)
  private final AtomicInteger count = new AtomicInteger(); // (A) rings in the queue
  private final ConcurrentLinkedQueue<EventRing> rings = new ConcurrentLinkedQueue<>(); // (A)
  private final Names names; // (C)

  EventRings(int events, Names names) {
    this.events = events;
    this.names = names;
    this.ringsMax = (int) Math.max(RINGS_MIN, BYTES_MAX / (RECORD_BYTES * events));
  }

  long nextPlace() {
    return places.incrementAndGet();
  }

  /** Returns the place of the last event so far. */
  public long lastPlace() {
    return places.get();
  }

  /** Returns a new ring for a strand that records its first event. */
  EventRing newRing(int strand, String name) {
    if (count.get() >= ringsMax) {
      giveUpOne();
    }
    EventRing r = new EventRing(strand, name, events);
    rings.add(r);
    count.incrementAndGet();
    return r;
  }

  private void giveUpOne() {
    EventRing oldest = null;
    for (EventRing r : rings) {
      if (r.isEnded() && (oldest == null || r.youngest() < oldest.youngest())) {
        oldest = r;
      }
    }
    if (oldest != null && rings.remove(oldest)) {
      count.decrementAndGet(); // for reports: without, as many rings would go, one for each that comes
    }
  }

  /** Returns everything that the rings hold at about this instant. May be called by any thread at any time. */
  public Trace trace() {
    List<TraceRecord> records = new ArrayList<>();
    List<Trace.Lane> lanes = new ArrayList<>();
    long completeFrom = 1;
    for (EventRing r : rings) {
      int before = records.size();
      r.addTo(records);
      List<TraceRecord> own = records.subList(before, records.size());
      if (own.isEmpty()) {
        continue;
      }
      lanes.add(new Trace.Lane(r.strand(), r.name()));
      if (r.overwritten() > 0) {
        completeFrom = Math.max(completeFrom, own.stream().mapToLong(TraceRecord::place).min().orElse(1));
      }
    }
    records.sort(Comparator.comparingLong(TraceRecord::place));
    lanes.sort(Comparator.comparingInt(Trace.Lane::strand));
    return new Trace(lanes, records, completeFrom, names.copy());
  }

  /** As {@link Trace#lastEvents} of what the rings hold. May be called by any thread at any time. */
  public Map<String, List<String>> lastEvents(int n) {
    return trace().lastEvents(n);
  }

  @Override
  public String toString() {
    return "rings(" + count + ", " + places + " events)";
  }
}
