package dev.faultline.vm.detect;

import dev.faultline.vm.base.KernelPanic;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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

  private static final String WITNESS = "witness: ";
  private static final String OWNERSHIP = "ownership: ";
  private static final int STACK_SHOWN = 12;

  private final AtomicReferenceArray<@Nullable Finding> kept; // (A)
  // (A) by kind; last: all
  private final AtomicIntegerArray counts = new AtomicIntegerArray(Finding.Kind.values().length + 1);
  private final @Nullable LongSupplier steps; // (C)
  private volatile @Nullable Consumer<Finding> listener; // set before the run
  private volatile FindingContext context = FindingContext.NONE; // set before the run

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

  /** Tells what runs, for the findings to say so. */
  public void context(FindingContext c) {
    context = c;
  }

  /**
   * Adds what a kernel's strand died of. A panic of the witness or of the ownership registry is what these have found;
   * any other is I-64. The state that the panic names is the finding's.
   */
  public void addDeath(Throwable death) {
    addDeath(death, Map.of());
  }

  /** Adds what a kernel's strand died of, as {@link #addDeath(Throwable)}, with more details. */
  public void addDeath(Throwable death, Map<String, String> more) {
    String all = String.valueOf(death instanceof KernelPanic ? death.getMessage() : death);
    String[] parts = all.split(" \\| ", -1);
    Finding.Kind kind = Finding.Kind.PANIC;
    String message = "I-64 " + (death instanceof KernelPanic ? "panic: " : "a kernel thread died: ") + parts[0];
    if (parts[0].startsWith(WITNESS)) {
      kind = Finding.Kind.ORDER;
      message = parts[0].substring(WITNESS.length());
    } else if (parts[0].startsWith(OWNERSHIP)) {
      kind = Finding.Kind.OWNERSHIP;
      message = parts[0].substring(OWNERSHIP.length());
    }
    Map<String, String> details = new LinkedHashMap<>();
    for (int i = 1; i < parts.length; i++) {
      details.put("state " + i, parts[i]);
    }
    StringBuilder at = new StringBuilder();
    StackTraceElement[] frames = death.getStackTrace();
    for (int i = 0; i < Math.min(STACK_SHOWN, frames.length); i++) {
      at.append(i == 0 ? "" : " < ").append(frames[i]);
    }
    details.put("at", at.toString());
    details.putAll(more);
    add(kind, message, details);
  }

  /** Adds a finding as a detector has made it. */
  public void add(Finding f) {
    add(f.kind(), f.message(), f.details());
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
    FindingContext c = context;
    Finding f = Finding.of(kind, message, details).at(steps == null ? n : steps.getAsLong(), c.tick().getAsLong())
        .in(c.configuration(), "", c.lastEvents().get(), c.again());
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
