package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Subject;

/** A shared word for small programs: each access is one step, and the engine knows reads from changes. */
public final class SharedWord implements Subject {
  private final long subjectName = Strand.nameOfNew(); // (C)
  private final String label; // (C)
  private volatile long value;

  /** Creates a word. */
  public SharedWord(String label, long value) {
    this.label = label;
    this.value = value;
  }

  @Override
  public long subjectName() {
    return subjectName;
  }

  /** Reads. */
  public long get() {
    Strand.current().point(StepKind.READ, this);
    return value;
  }

  /** Writes. */
  public void set(long v) {
    Strand.current().point(StepKind.ATOMIC, this);
    value = v;
  }

  /** Adds, and returns what it was. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one strand at a time
  public long getAndAdd(long d) {
    Strand.current().point(StepKind.ATOMIC, this);
    long v = value;
    value = v + d;
    return v;
  }

  /** Writes {@code v} if the word is {@code expected}; if not it is a read. */
  public boolean compareAndSet(long expected, long v) {
    if (Strand.current() instanceof ControlledStrand s) {
      return s.cas(
          this,
          () -> {
            boolean is = value == expected;
            if (is) {
              value = v;
            }
            return is;
          });
    }
    throw new IllegalStateException("for controlled strands");
  }

  /** Reads without a step: for checks at the end. */
  public long peek() {
    return value;
  }

  @Override
  public String toString() {
    return label;
  }
}
