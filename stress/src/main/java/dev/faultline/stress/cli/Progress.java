package dev.faultline.stress.cli;

import java.io.PrintWriter;
import java.util.Locale;

/**
 * One line on a terminal that says how far a long run has come; nothing where there is no terminal, or the run is
 * short.
 */
final class Progress {
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private static final int NAME_MAX = 24;

  private final PrintWriter err;
  private final boolean shown;
  private final long began = System.nanoTime();
  private int width;

  Progress(PrintWriter err, boolean shown) {
    this.err = err;
    this.shown = shown;
  }

  /** Shows {@code text} instead of what was shown before. */
  void show(String text) {
    if (!shown || System.nanoTime() - began < PATIENCE_NANOS) {
      return;
    }
    String padded = text.length() >= width ? text : text + " ".repeat(width - text.length());
    width = text.length();
    err.print("\r" + padded);
    err.flush();
  }

  /** Takes the line away, before something else is printed. */
  void clear() {
    if (width > 0) {
      err.print("\r" + " ".repeat(width) + "\r");
      err.flush();
      width = 0;
    }
  }

  /** Returns how the reading of {@code what} looks after so many lines. */
  static String reading(String what, long lines) {
    return String.format(Locale.ROOT, "%s: reading, %,d lines", shortened(what), lines);
  }

  /** Returns how a run of {@code total} commands looks after {@code done} of them. */
  static String text(String what, long done, long total, long faults) {
    long percent = total == 0 ? 100 : Math.min(100, 100 * done / total);
    return String.format(Locale.ROOT, "%s: %d%%, %,d of %,d commands, %,d faults", shortened(what), percent, done,
        total, faults);
  }

  /** Returns the end of a name that would not leave room for anything else; a line that wraps cannot be taken away. */
  private static String shortened(String what) {
    String printable = what.replaceAll("\\p{C}", "?");
    int from = printable.length() - NAME_MAX;
    return from <= 0 ? printable : "..." + printable.substring(from + 3);
  }
}
