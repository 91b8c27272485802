package dev.faultline.stress.cli;

import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Says how far along an exploration is: of all classes, as far as they are known, and of its budget. */
final class ExploreProgress {
  private static final long INTERVAL_NANOS = 250_000_000;

  private final Progress line;
  private final String name;
  private final long nanosMax;
  private final @Nullable Long executionsMax;
  private final long began = System.nanoTime();
  private long shown = began; // belongs to whoever has the turn

  ExploreProgress(Progress line, String name, long nanosMax, @Nullable Long executionsMax) {
    this.line = line;
    this.name = name;
    this.nanosMax = nanosMax;
    this.executionsMax = executionsMax;
  }

  void at(long executions, Chooser chooser) {
    long now = System.nanoTime();
    if (now - shown < INTERVAL_NANOS) {
      return;
    }
    shown = now;
    double spent = nanosMax == Long.MAX_VALUE ? 0 : (double) (now - began) / nanosMax;
    if (executionsMax != null) {
      spent = Math.max(spent, (double) executions / executionsMax);
    }
    StringBuilder b = new StringBuilder();
    b.append(String.format(Locale.ROOT, "%s: %,d executions, %.0f a second", name, executions,
        executions * 1e9 / Math.max(1, now - began)));
    if (chooser instanceof OptimalDpor d) {
      b.append(String.format(Locale.ROOT, ", about %.0f%% of what is known", 100 * d.share()));
    }
    b.append(String.format(Locale.ROOT, ", %.0f%% of the budget", 100 * Math.min(1, spent)));
    line.show(b.toString());
  }
}
