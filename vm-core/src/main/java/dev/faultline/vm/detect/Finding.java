package dev.faultline.vm.detect;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a detector has found: one thing that a correct kernel cannot do. A value that goes into a report as it is; the
 * same for all detectors and all engines. docs/findings.md describes its JSON.
 *
 * @param schema version of this record's shape
 * @param kind which detector
 * @param invariant the number of what does not hold, such as I-58; empty if it is none of vm-semantics section 7
 * @param message one line; that of an invariant begins with its number
 * @param step when: the number of the step that a scheduler made, or of the finding where nobody counts steps
 * @param tick when, by the machine's clock
 * @param configuration what ran: mode, machine, defects, options, seed; name to text, in order
 * @param schedule the schedule that an engine chose, as text; empty where threads ran freely
 * @param details the state that proves it, name to text, in order
 * @param lastEvents the last events of each strand, by its name, oldest first; empty where nobody recorded them
 * @param again the one command that shows it again; empty where there is none
 */
public record Finding(
    int schema,
    Kind kind,
    String invariant,
    String message,
    long step,
    long tick,
    Map<String, String> configuration,
    String schedule,
    Map<String, String> details,
    Map<String, List<String>> lastEvents,
    String again) {
  /** The schema version of findings made now. */
  public static final int SCHEMA = 2;

  /** Which detector a finding is from. */
  public enum Kind {
    /** An access returned what no legal order of the accesses gives (I-48, I-61, I-62). */
    CONTENT,
    /** An access went through that the address space does not allow (I-63). */
    PROTECTION,
    /** An access was refused that the address space allows. */
    REFUSAL,
    /** An invariant of vm-semantics section 7 does not hold. */
    INVARIANT,
    /** A stale translation was used (I-42). */
    STALE,
    /** Locks or waits out of order (I-56). */
    ORDER,
    /** Something held, released or touched by whom it is not (I-12, I-22, I-31, I-57). */
    OWNERSHIP,
    /** Work outstanding and nobody able to do it, or one strand unable to get on (I-58 to I-60). */
    HANG,
    /** The kernel panicked (I-64). */
    PANIC
  }

  /** Copies the maps, in their order. */
  public Finding {
    configuration = Collections.unmodifiableMap(new LinkedHashMap<>(configuration));
    details = Collections.unmodifiableMap(new LinkedHashMap<>(details));
    lastEvents = Collections.unmodifiableMap(new LinkedHashMap<>(lastEvents));
  }

  /** Returns a finding of the present schema that says only what was found. */
  public static Finding of(Kind kind, String message, Map<String, String> details) {
    return new Finding(
        SCHEMA, kind, numberOf(message), message, 0, 0, Map.of(), "", details, Map.of(), "");
  }

  /** Returns a finding of the present schema without details. */
  public static Finding of(Kind kind, String message, long step) {
    return of(kind, message, Map.of()).at(step, 0);
  }

  /** Returns the number of the invariant that a message begins with, or nothing. */
  static String numberOf(String message) {
    int end = 2;
    while (end < message.length() && Character.isDigit(message.charAt(end))) {
      end++;
    }
    return message.startsWith("I-") && end > 2 ? message.substring(0, end) : "";
  }

  /** Returns this finding with its time. */
  public Finding at(long newStep, long newTick) {
    return new Finding(schema, kind, invariant, message, newStep, newTick, configuration, schedule, details, lastEvents,
        again);
  }

  /** Returns this finding with its circumstances. */
  public Finding in(
      Map<String, String> ofWhat, String newSchedule, Map<String, List<String>> events, String command) {
    return new Finding(schema, kind, invariant, message, step, tick, ofWhat, newSchedule, details, events, command);
  }

  @Override
  public String toString() {
    return kind + " " + message + (details.isEmpty() ? "" : " " + details);
  }
}
