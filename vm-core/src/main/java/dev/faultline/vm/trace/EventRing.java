package dev.faultline.vm.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The last events of one strand, in an array of numbers. Written by its strand alone, read by anybody at any time. */
final class EventRing {
  /*
   * Implementation overview
   *
   * A record      five words: the event's place in the order of all (never 0), what it is, three arguments.
   * Reading       while the strand goes on writing. A record is marked as being written (place 0) before its other
   *               words change, and gets its new place after them. A reader takes the place, the words, and the place
   *               again: the same number twice means that the words belong to it. Opaque stores and loads with a
   *               store-store fence behind the mark, a release store of the place, an acquire load of it, and a
   *               load-load fence before the second look; on an x86 none of these is an instruction.
   * Cost          five stores to memory that only this strand writes, so the cache lines stay with its processor.
   */
  private static final int WORDS = 5;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle ENDED;
  private static final VarHandle WRITTEN;

  static {
    try {
      MethodHandles.Lookup l = MethodHandles.lookup();
      ENDED = l.findVarHandle(EventRing.class, "ended", boolean.class);
      WRITTEN = l.findVarHandle(EventRing.class, "written", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int strand; // (C)
  private final String name; // (C)
  private final long[] words; // (A) as the overview says
  private final int capacity; // (C) records, a power of two

  @SuppressWarnings("UnusedVariable") // through WRITTEN
  private long written; // (T) to write, opaque

  @SuppressWarnings("UnusedVariable") // through ENDED
  private boolean ended; // opaque: a hint

  /**
   * Creates an empty ring.
   *
   * @param strand the strand's number
   * @param events how many events it is to hold at least
   */
  EventRing(int strand, String name, int events) {
    this.strand = strand;
    this.name = name;
    this.capacity = Integer.highestOneBit(Math.max(1, 2 * events - 1));
    this.words = new long[WORDS * capacity];
  }

  int strand() {
    return strand;
  }

  String name() {
    return name;
  }

  /**
   * Keeps an event in place of the oldest. Only by the ring's strand.
   *
   * @param place where the event stands in the order of all, not 0
   */
  void record(long place, int event, long a, long b, long c) {
    long n = written;
    int at = WORDS * ((int) n & capacity - 1);
    WORD.setOpaque(words, at, 0L);
    VarHandle.storeStoreFence();
    WORD.setOpaque(words, at + 1, (long) event);
    WORD.setOpaque(words, at + 2, a);
    WORD.setOpaque(words, at + 3, b);
    WORD.setOpaque(words, at + 4, c);
    WORD.setRelease(words, at, place);
    WRITTEN.setOpaque(this, n + 1);
  }

  /** Returns how many events are gone because later ones took their place. */
  long overwritten() {
    return Math.max(0, (long) WRITTEN.getOpaque(this) - capacity);
  }

  /** Says that the strand has ended, or is no kernel thread any more: the ring may be given up before others. */
  void end() {
    ENDED.setOpaque(this, true);
  }

  boolean isEnded() {
    return (boolean) ENDED.getOpaque(this);
  }

  /** Returns the place of the youngest event; 0 if there is none. Racy. */
  long youngest() {
    long n = (long) WRITTEN.getOpaque(this);
    return n == 0 ? 0 : (long) WORD.getAcquire(words, WORDS * ((int) (n - 1) & capacity - 1));
  }

  /** Adds the events that the ring holds to {@code to}, in any order. */
  void addTo(List<TraceRecord> to) {
    for (int at = 0; at < words.length; at += WORDS) {
      TraceRecord r = read(at);
      if (r != null) {
        to.add(r);
      }
    }
  }

  private @Nullable TraceRecord read(int at) {
    long place = (long) WORD.getAcquire(words, at);
    if (place == 0) {
      return null;
    }
    int event = (int) (long) WORD.getOpaque(words, at + 1);
    long a = (long) WORD.getOpaque(words, at + 2);
    long b = (long) WORD.getOpaque(words, at + 3);
    long c = (long) WORD.getOpaque(words, at + 4);
    VarHandle.loadLoadFence();
    if ((long) WORD.getOpaque(words, at) != place) {
      return null; // overwritten while we read: it is not among the last any more
    }
    return new TraceRecord(place, strand, TraceEvent.of(event), a, b, c);
  }

  @Override
  public String toString() {
    return "ring of " + name + "#" + strand;
  }
}
