package dev.faultline.lin.explore;

import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.lin.explore.Exploration.Found;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Several explorations of one program at the same time, each with a strategy and threads of its own. Ends as soon as
 * one has found something. Strategies that sample go each its own way by its seed, so that what is explored does not
 * depend on how the threads run, only how much of it; those that explore everything do so in parts.
 */
public final class SideBySide {
  private final AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();
  private final AtomicReference<@Nullable Found> found = new AtomicReference<>(); // the first

  private SideBySide() {}

  /**
   * Explores on threads of its own, and waits for them.
   *
   * @param explorations each is given what its explorer is to ask whether it is time to stop; called on its thread
   * @return all together: executions and steps are sums, the finding is the first
   */
  public static Exploration run(List<Function<BooleanSupplier, Exploration>> explorations) throws InterruptedException {
    return new SideBySide().runAll(explorations);
  }

  private Exploration runAll(List<Function<BooleanSupplier, Exploration>> explorations) throws InterruptedException {
    long began = System.nanoTime();
    @Nullable Exploration[] results = new Exploration[explorations.size()];
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < results.length; i++) {
      int n = i;
      Thread t = ThreadStrands.newThread(() -> results[n] = runOne(explorations.get(n)), "exploration-" + i);
      t.setDaemon(true);
      threads.add(t);
      t.start();
    }
    for (Thread t : threads) {
      t.join();
    }
    Throwable cause = broken.get();
    if (cause != null) {
      throw new IllegalStateException("an exploration failed", cause);
    }
    Exploration all = null;
    for (Exploration x : results) {
      if (x != null) {
        all = all == null ? x : all.and(x);
      }
    }
    if (all == null) {
      throw new IllegalStateException("no exploration");
    }
    Found first = found.get();
    return new Exploration(all.verdict(), all.executions(), all.redundant(), all.steps(), System.nanoTime() - began,
        first, all.note());
  }

  private @Nullable Exploration runOne(Function<BooleanSupplier, Exploration> exploration) {
    try {
      Exploration x = exploration.apply(() -> found.get() != null || broken.get() != null);
      if (x.finding() != null) {
        found.compareAndSet(null, x.finding());
      }
      return x;
    } catch (Throwable t) {
      broken.compareAndSet(null, t);
      return null;
    }
  }
}
