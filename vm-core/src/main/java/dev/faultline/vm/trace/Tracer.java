package dev.faultline.vm.trace;

import dev.faultline.hw.strand.Strand;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the parts of a kernel say what they do. One a kernel; {@link #OFF} where nobody listens: then an event is one
 * predictable branch and nothing else.
 *
 * <p>An event is said where its step is made: a lock's right after it is taken and right before it is given back, a
 * sleep's before it and after it, what changes something under a lock with that lock held. Arguments are numbers, and
 * things that become numbers ({@link TraceSubject}); recording them allocates nothing. By any strand; what other
 * threads do is not recorded.
 */
public final class Tracer {
  /** Listens to nothing. */
  public static final Tracer OFF = new Tracer(TraceOptions.NONE);

  private final boolean on; // (C)
  private final @Nullable EventRings rings; // (C)
  private final @Nullable FlightEvents flight; // (C)
  private final Names names = new Names();

  /** Creates what a kernel boots with. */
  public Tracer(TraceOptions options) {
    on = options.isOn();
    rings = options.eventsPerStrand() == 0 ? null : new EventRings(options.eventsPerStrand(), names);
    flight = options.flightRecorder() ? new FlightEvents(names) : null;
  }

  /** What a strand carries in {@link Strand#journal}: belongs to one tracer. */
  private static final class Journal {
    final Tracer owner;
    final @Nullable EventRing ring;
    final FlightEvents.@Nullable Open open;
    boolean silent; // (T)

    Journal(Tracer owner, @Nullable EventRing ring, FlightEvents.@Nullable Open open) {
      this.owner = owner;
      this.ring = ring;
      this.open = open;
    }
  }

  /** Returns whether events are recorded. For what costs more than an event. */
  public boolean isOn() {
    return on;
  }

  /** Returns the rings, or null if none are kept. */
  public @Nullable EventRings rings() {
    return rings;
  }

  /** Returns the last {@code n} events of each strand, a line each; see {@link EventRings#lastEvents}. Empty if off. */
  public Map<String, List<String>> lastEvents(int n) {
    return rings == null ? Map.of() : rings.lastEvents(n);
  }

  public void event(TraceEvent e) {
    if (on) {
      record(e, 0, 0, 0);
    }
  }

  public void event(TraceEvent e, long a) {
    if (on) {
      record(e, a, 0, 0);
    }
  }

  public void event(TraceEvent e, long a, long b) {
    if (on) {
      record(e, a, b, 0);
    }
  }

  public void event(TraceEvent e, long a, long b, long c) {
    if (on) {
      record(e, a, b, c);
    }
  }

  public void event(TraceEvent e, @Nullable TraceSubject a) {
    if (on) {
      record(e, TraceKind.codeOf(a), 0, 0);
    }
  }

  public void event(TraceEvent e, @Nullable TraceSubject a, long b) {
    if (on) {
      record(e, TraceKind.codeOf(a), b, 0);
    }
  }

  public void event(TraceEvent e, @Nullable TraceSubject a, long b, long c) {
    if (on) {
      record(e, TraceKind.codeOf(a), b, c);
    }
  }

  public void event(TraceEvent e, @Nullable TraceSubject a, @Nullable TraceSubject b) {
    if (on) {
      record(e, TraceKind.codeOf(a), TraceKind.codeOf(b), 0);
    }
  }

  public void event(TraceEvent e, @Nullable TraceSubject a, @Nullable TraceSubject b, long c) {
    if (on) {
      record(e, TraceKind.codeOf(a), TraceKind.codeOf(b), c);
    }
  }

  /** An event at an address that is about a thing: a lookup. */
  public void event(TraceEvent e, long a, @Nullable TraceSubject b, long c) {
    if (on) {
      record(e, a, TraceKind.codeOf(b), c);
    }
  }

  /** An event at an address in a thing: a fault. */
  public void event(TraceEvent e, long a, long b, @Nullable TraceSubject c) {
    if (on) {
      record(e, a, b, TraceKind.codeOf(c));
    }
  }

  /** An event with a word of the source: a call, why somebody sleeps. */
  public void word(TraceEvent e, String word) {
    if (on) {
      record(e, names.word(word), 0, 0);
    }
  }

  /** An event about a thing, with a word of the source. */
  public void word(TraceEvent e, @Nullable TraceSubject a, String word) {
    if (on) {
      record(e, TraceKind.codeOf(a), names.word(word), 0);
    }
  }

  /** An event with two words of the source. */
  public void words(TraceEvent e, String a, String b) {
    if (on) {
      record(e, names.word(a), names.word(b), 0);
    }
  }

  /** Tells what a thing is called. Without a name it is its kind and number. */
  public void name(TraceSubject s, String name) {
    if (on) {
      names.put(TraceKind.codeOf(s), name);
    }
  }

  /** The calling strand is no kernel thread any more. */
  public void ended() {
    if (on) {
      Strand me = Strand.currentOrNull();
      if (me != null && me.journal instanceof Journal j && j.ring != null) {
        j.ring.end();
      }
    }
  }

  /** Records nothing of the calling strand from here on: it looks at the kernel, and is no part of it. */
  public void silence() {
    Strand me = Strand.currentOrNull();
    if (on && me != null) {
      Journal j = new Journal(this, null, null);
      j.silent = true;
      me.journal = j;
    }
  }

  private void record(TraceEvent e, long a, long b, long c) {
    Strand me = Strand.currentOrNull();
    if (me == null) {
      return;
    }
    Journal j = me.journal instanceof Journal known && known.owner == this ? known : begin(me);
    if (j.silent) {
      return;
    }
    if (rings != null && j.ring != null) {
      j.ring.record(rings.nextPlace(), e.ordinal(), a, b, c);
    }
    if (flight != null && j.open != null) {
      flight.record(me, j.open, e, a, b, c);
    }
  }

  /** A strand's first event: the one that allocates. */
  private Journal begin(Strand me) {
    EventRing ring = rings == null ? null : rings.newRing(me.id(), me.name());
    Journal j = new Journal(this, ring, flight == null ? null : new FlightEvents.Open());
    me.journal = j;
    return j;
  }

  @Override
  public String toString() {
    return "tracer(" + (on ? String.valueOf(rings) : "off") + ")";
  }
}
