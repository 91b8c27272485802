package dev.faultline.vm.detect;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a detector has found: one thing that a correct kernel cannot do. A value that goes into a report as it is.
 *
 * @param schema version of this record's shape
 * @param kind which detector
 * @param message one line; that of an invariant begins with its number
 * @param details what proves it, name to text, in order
 * @param step when: the number of the step that a scheduler made, or of the finding where nobody counts steps
 */
public record Finding(int schema, Kind kind, String message, Map<String, String> details, long step) {
  /** The schema version of findings made now. */
  public static final int SCHEMA = 1;

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
    /** Work outstanding and nobody able to do it (I-58). */
    HANG,
    /** The kernel panicked (I-64). */
    PANIC
  }

  /** Copies the details, in their order. */
  public Finding {
    details = Collections.unmodifiableMap(new LinkedHashMap<>(details));
  }

  /** Returns a finding of the present schema without details. */
  public static Finding of(Kind kind, String message, long step) {
    return new Finding(SCHEMA, kind, message, Map.of(), step);
  }

  @Override
  public String toString() {
    return kind + " " + message + (details.isEmpty() ? "" : " " + details);
  }
}
