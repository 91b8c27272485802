package dev.faultline.lin.explore;

import dev.faultline.lin.explore.Exploration.Found;
import dev.faultline.lin.explore.strategy.Replay;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a finding's schedule simpler: fewer switches, then fewer steps. */
public final class Shrinker {
  private final Explorer explorer; // (C)
  private int triesLeft;
  private Found best;

  /** So many steps of one strand. */
  private record Stretch(int strand, int length) {}

  private Shrinker(Explorer explorer, Found found, int tries) {
    this.explorer = explorer;
    this.best = found;
    this.triesLeft = tries;
  }

  /**
   * Returns the simplest found schedule that ends in the same way; each candidate was run.
   *
   * @param explorer of the same program
   * @param tries executions to spend
   */
  public static Found shrink(Explorer explorer, Found found, int tries) {
    if (found.schedule().choices().isEmpty()) {
      return found; // a strand escaped: there is nothing to follow
    }
    Shrinker s = new Shrinker(explorer, found, tries);
    while (s.improve()) {
      continue;
    }
    return s.best;
  }

  private boolean improve() {
    List<Stretch> stretches = stretches(best.schedule());
    int n = stretches.size();
    for (int keep = 0; keep < n - 1; keep = 2 * keep + 1) { // a prefix, then whoever ran goes on
      if (accept(stretches.subList(0, keep))) {
        return true;
      }
    }
    for (int i = 0; i < n; i++) { // without one stretch
      List<Stretch> s = new ArrayList<>(stretches);
      s.remove(i);
      if (accept(s)) {
        return true;
      }
    }
    for (int i = 0; i + 2 < n; i++) { // joined with the next stretch of the same strand, later or earlier
      for (int j = i + 2; j < n; j++) {
        if (stretches.get(j).strand == stretches.get(i).strand) {
          if (accept(moved(stretches, i, j)) || accept(moved(stretches, j, i))) {
            return true;
          }
          break;
        }
      }
    }
    return false;
  }

  private static List<Stretch> moved(List<Stretch> all, int from, int to) {
    List<Stretch> s = new ArrayList<>(all);
    Stretch both = new Stretch(all.get(to).strand, all.get(to).length + all.get(from).length);
    s.set(to, both);
    s.remove(from);
    return s;
  }

  private static List<Stretch> stretches(Schedule schedule) {
    List<Stretch> s = new ArrayList<>();
    for (int strand : schedule.choices()) {
      int last = s.size() - 1;
      if (last >= 0 && s.get(last).strand == strand) {
        s.set(last, new Stretch(strand, s.get(last).length + 1));
      } else {
        s.add(new Stretch(strand, 1));
      }
    }
    return s;
  }

  private boolean accept(List<Stretch> candidate) {
    if (triesLeft <= 0) {
      return false;
    }
    triesLeft--;
    int[] choices = candidate.stream().flatMapToInt(
        s -> java.util.stream.IntStream.generate(() -> s.strand).limit(s.length)).toArray();
    @Nullable Found f = explorer.run(new Replay(choices, false)).finding();
    if (f == null || !isSame(f, best) || !isSimpler(f.schedule(), best.schedule())) {
      return false;
    }
    best = new Found(f.outcome(), f.schedule(), best.execution(), f.trace());
    return true;
  }

  private static boolean isSame(Found a, Found b) {
    return a.outcome().kind() == b.outcome().kind() && head(a).equals(head(b));
  }

  /** Returns what a message says before its numbers. */
  private static String head(Found f) {
    Throwable cause = f.outcome().cause();
    String m = cause == null || cause.getMessage() == null ? "" : cause.getMessage();
    int end = 0;
    while (end < m.length() && end < 24 && (!Character.isDigit(m.charAt(end)) || m.startsWith("I-"))) {
      if (m.startsWith("I-") && m.charAt(end) == ' ') {
        break;
      }
      end++;
    }
    return (cause == null ? "" : cause.getClass().getName()) + m.substring(0, end);
  }

  private static boolean isSimpler(Schedule a, Schedule b) {
    int d = a.switches() - b.switches();
    return d < 0 || (d == 0 && a.choices().size() < b.choices().size());
  }
}
