package dev.faultline.vm.detect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Collects findings: the first so many of them, and the count of all by kind. Anybody may add at any time, also under
 * T(cpu).
 */
public final class Findings {
  /** How many findings are kept unless said otherwise: what comes later is nearly always a consequence. */
  public static final int KEPT = 64;

  private final AtomicReferenceArray<@Nullable Finding> kept; // (A)
  // (A) by kind; last: all
  private final AtomicIntegerArray counts = new AtomicIntegerArray(Finding.Kind.values().length + 1);
  private final @Nullable LongSupplier steps; // (C)
  private volatile @Nullable Consumer<Finding> listener; // set before the run

  /** Creates an empty collection of at most {@link #KEPT} findings, numbered in order. */
  public Findings() {
    this(KEPT, null);
  }

  /**
   * Creates an empty collection.
   *
   * @param limit findings to keep; more are only counted
   * @param steps tells the number of the present step, or null if nobody counts them
   */
  public Findings(int limit, @Nullable LongSupplier steps) {
    this.kept = new AtomicReferenceArray<>(limit);
    this.steps = steps;
  }

  /** Sets who hears of each kept finding, on the thread and under the locks of whoever made it: it must not block. */
  public void listener(@Nullable Consumer<Finding> l) {
    listener = l;
  }

  /** Adds a finding. */
  public void add(Finding.Kind kind, String message) {
    add(kind, message, Map.of());
  }

  /** Adds a finding with details. */
  public void add(Finding.Kind kind, String message, Map<String, String> details) {
    counts.getAndIncrement(kind.ordinal());
    int n = counts.getAndIncrement(counts.length() - 1);
    if (n < 0 || n >= kept.length()) {
      return;
    }
    Finding f = new Finding(Finding.SCHEMA, kind, message, details, steps == null ? n : steps.getAsLong());
    kept.set(n, f);
    Consumer<Finding> l = listener;
    if (l != null) {
      l.accept(f);
    }
  }

  /** Returns whether there are none. */
  public boolean isEmpty() {
    return count() == 0;
  }

  /** Returns how many were added. */
  public int count() {
    return counts.get(counts.length() - 1);
  }

  /** Returns how many of a kind were added. */
  public int count(Finding.Kind kind) {
    return counts.get(kind.ordinal());
  }

  /** Returns the kept findings, oldest first. */
  public List<Finding> list() {
    List<Finding> l = new ArrayList<>();
    for (int i = 0; i < kept.length(); i++) {
      Finding f = kept.get(i);
      if (f != null) {
        l.add(f);
      }
    }
    return l;
  }

  @Override
  public String toString() {
    List<Finding> l = list();
    return count() + " findings" + (l.isEmpty() ? "" : ", first: " + l.get(0));
  }
}
