package dev.faultline.vm.detect;

import dev.faultline.vm.base.KernelPanic;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Collects what checks report: some messages for each invariant, and the number of the others. */
final class InvariantReport implements Consumer<String> {
  private static final int EACH = 5;

  private final List<String> messages = new ArrayList<>();
  private final Map<String, Integer> counts = new HashMap<>();

  @Override
  public void accept(String message) {
    int blank = message.indexOf(' ');
    String number = blank < 0 ? message : message.substring(0, blank);
    if (counts.merge(number, 1, Integer::sum) <= EACH) {
      messages.add(message);
    }
  }

  /** Reports unless {@code holds}; the message is only made then. */
  void check(boolean holds, String invariant, @Nullable Object... state) {
    if (holds) {
      return;
    }
    StringBuilder b = new StringBuilder(invariant);
    for (Object o : state) {
      b.append(" | ").append(o);
    }
    accept(b.toString());
  }

  /** Runs a check that panics at the first violation. */
  void guard(Runnable check) {
    try {
      check.run();
    } catch (KernelPanic e) {
      accept(String.valueOf(e.getMessage()));
    } catch (RuntimeException e) { // walking what is broken
      accept("I-64 check failed: " + e);
    }
  }

  /** Returns the messages, each of which begins with its invariant's number. */
  List<String> messages() {
    List<String> all = new ArrayList<>(messages);
    counts.forEach(
        (number, n) -> {
          if (n > EACH) {
            all.add(number + " and " + (n - EACH) + " more");
          }
        });
    return all;
  }
}
