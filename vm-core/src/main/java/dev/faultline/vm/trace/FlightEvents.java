package dev.faultline.vm.trace;

import dev.faultline.hw.strand.Strand;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.AnnotationElement;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.EventFactory;
import jdk.jfr.EventType;
import jdk.jfr.Label;
import jdk.jfr.MemoryAddress;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.ValueDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The vocabulary as event types of the JDK's flight recorder: {@code vm.PageFault} and so on, made from {@link
 * TraceEvent}, so that the two cannot differ.
 */
final class FlightEvents {
  /*
   * Implementation overview
   *
   * Types      The first kernel that wants them registers them with the JVM, which knows them from then on. They are
   *            constants: what an event type is depends on nothing.
   * Durations  What begins with one event and ends with another is one event here, with the fields of both; begun ones
   *            wait with their strand, one of each sort. One that begins again without an end (a map lock waited for
   *            within a sleep's record, say) is dropped.
   * Cost       Where no recording wants an event's type, a look at the type. Else an object made through a method
   *            handle, and its fields, some of them strings: a recording is for looking, not for timing.
   */
  private static final String[] CATEGORY = {"Faultline", "VM"};

  private final Names names; // (C)

  FlightEvents(Names names) {
    this.names = names;
  }

  /** The events that a strand has begun and not ended. */
  static final class Open {
    private final @Nullable Event[] events = new @Nullable Event[TraceEvent.values().length]; // (T)
  }

  /** Makes the types when they are first needed, in one go: the JVM has them for good. */
  private static final class Types {
    private static final @Nullable EventFactory[] ALL = make();
    private static final @Nullable EventType[] TYPES = types();

    private static @Nullable EventType[] types() {
      @Nullable EventType[] types = new @Nullable EventType[ALL.length];
      for (int i = 0; i < ALL.length; i++) {
        EventFactory f = ALL[i];
        types[i] = f == null ? null : f.getEventType();
      }
      return types;
    }

    private static @Nullable EventFactory[] make() {
      @Nullable EventFactory[] all = new @Nullable EventFactory[TraceEvent.values().length];
      for (TraceEvent e : TraceEvent.values()) {
        if (e.role() != TraceEvent.Role.END) {
          all[e.ordinal()] = EventFactory.create(annotations(e), fields(e));
        }
      }
      return all;
    }

    private static List<AnnotationElement> annotations(TraceEvent e) {
      return List.of(
          new AnnotationElement(Name.class, "vm." + e.title()),
          new AnnotationElement(Label.class, label(e.title())),
          new AnnotationElement(Category.class, CATEGORY),
          new AnnotationElement(Description.class, e.text()),
          new AnnotationElement(StackTrace.class, false));
    }

    /** "PageFault" as "Page Fault". */
    private static String label(String title) {
      return title.replaceAll("(?<=[a-z])(?=[A-Z])", " ");
    }

    private static List<ValueDescriptor> fields(TraceEvent e) {
      List<ValueDescriptor> fields = new ArrayList<>();
      fields.add(new ValueDescriptor(int.class, "strand", labelled("Strand")));
      addFields(fields, e);
      if (e.role() == TraceEvent.Role.BEGIN && e.end().role() == TraceEvent.Role.END) {
        addFields(fields, e.end());
      }
      return fields;
    }

    private static void addFields(List<ValueDescriptor> fields, TraceEvent e) {
      for (TraceEvent.Arg a : e.args()) {
        String name = fieldName(fields, a.name());
        fields.add(new ValueDescriptor(type(a.type()), name, annotations(a)));
      }
    }

    /** What ends may say again what began said: "free" before, and "freeAtEnd". */
    private static String fieldName(List<ValueDescriptor> fields, String name) {
      return fields.stream().anyMatch(f -> f.getName().equals(name)) ? name + "AtEnd" : name;
    }

    private static List<AnnotationElement> labelled(String label) {
      return List.of(new AnnotationElement(Label.class, label));
    }

    private static List<AnnotationElement> annotations(TraceEvent.Arg a) {
      List<AnnotationElement> all = new ArrayList<>();
      all.add(new AnnotationElement(Label.class, a.name().substring(0, 1).toUpperCase(java.util.Locale.ROOT)
          + a.name().substring(1)));
      if (a.type() == ArgType.ADDRESS) {
        all.add(new AnnotationElement(MemoryAddress.class));
      } else if (a.type() == ArgType.BYTES) {
        all.add(new AnnotationElement(DataAmount.class, DataAmount.BYTES));
      }
      return all;
    }
  }

  private static Class<?> type(ArgType t) {
    return switch (t) {
      case ADDRESS, BYTES, COUNT, BLOCK, WORD -> long.class;
      case CPU, LINE, STRAND -> int.class;
      case FLAG -> boolean.class;
      default -> String.class;
    };
  }

  void record(Strand me, Open open, TraceEvent e, long a, long b, long c) {
    switch (e.role()) {
      case BEGIN -> begin(me, open, e, a, b, c);
      case STEP -> step(me, e, a, b, c);
      case END -> end(open, e, a, b, c);
      case END_AND_STEP -> {
        end(open, e, a, b, c);
        step(me, e, a, b, c);
      }
    }
  }

  /** Returns whether some recording wants these events: asked before one is made, as making one is what costs. */
  private static boolean isWanted(TraceEvent e) {
    EventType t = Types.TYPES[e.ordinal()];
    return t != null && t.isEnabled();
  }

  private static Event newEvent(TraceEvent e) {
    EventFactory f = Types.ALL[e.ordinal()];
    assert f != null;
    return f.newEvent();
  }

  private void step(Strand me, TraceEvent e, long a, long b, long c) {
    if (!isWanted(e)) {
      return;
    }
    Event v = newEvent(e);
    if (v.shouldCommit()) {
      v.set(0, me.id());
      fill(v, 1, e, a, b, c);
      v.commit();
    }
  }

  private void begin(Strand me, Open open, TraceEvent e, long a, long b, long c) {
    if (isWanted(e)) {
      Event v = newEvent(e);
      v.set(0, me.id());
      fill(v, 1, e, a, b, c);
      v.begin();
      open.events[e.ordinal()] = v;
    }
  }

  private void end(Open open, TraceEvent e, long a, long b, long c) {
    int i = e.ordinal() - 1; // what it ends is declared before it
    Event v = open.events[i];
    open.events[i] = null;
    if (v != null) {
      v.end();
      if (v.shouldCommit()) {
        if (e.role() == TraceEvent.Role.END) {
          fill(v, 1 + TraceEvent.of(i).args().size(), e, a, b, c);
        }
        v.commit();
      }
    }
  }

  private void fill(Event v, int first, TraceEvent e, long a, long b, long c) {
    for (int i = 0; i < e.args().size(); i++) {
      long value = i == 0 ? a : i == 1 ? b : c;
      ArgType t = e.args().get(i).type();
      v.set(first + i, field(t, value));
    }
  }

  private Object field(ArgType t, long value) {
    return switch (t) {
      case ADDRESS, BYTES, COUNT, BLOCK, WORD -> value;
      case CPU, LINE, STRAND -> (int) value;
      case FLAG -> value != 0;
      case SUBJECT -> names.name(value);
      default -> Trace.plainValue(t, value);
    };
  }
}
