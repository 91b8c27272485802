package dev.faultline.lin.explore;

import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Steps;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** An execution's steps as text, a line each. */
final class TraceText {
  private TraceText() {}

  static String of(Execution e) {
    Steps s = e.steps();
    Map<Long, Integer> numbers = new HashMap<>(); // of what steps are about, in order
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < s.count(); i++) {
      int strand = s.strand(i);
      b.append(String.format("%4d  %d %-14s %-14s", i, strand, e.name(strand), what(s, i)));
      if (s.primary(i) != 0) {
        int number = numbers.getOrDefault(s.primary(i), numbers.size());
        numbers.put(s.primary(i), number);
        b.append(' ').append(s.label(i)).append('#').append(number);
      }
      b.append('\n');
    }
    return b.toString();
  }

  private static String what(Steps s, int i) {
    return switch (s.wait(i)) {
      case START, GATE -> "begins";
      case LOCK -> "lock";
      case PARK -> "woken";
      case PARK_TIMED -> "woken or timed";
      case PAUSE -> "spins on";
      case JOIN -> "joins";
      default -> s.kind(i).toString().toLowerCase(Locale.ROOT);
    };
  }
}
