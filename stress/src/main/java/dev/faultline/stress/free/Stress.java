package dev.faultline.stress.free;

import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs one scenario again and again on real threads until something is found or the budget is spent. */
public final class Stress {
  /**
   * What is to be run.
   *
   * @param seed of the first iteration; each has the next
   * @param iterations how many at most
   * @param nanos how long at most; iterations under way are ended properly
   * @param workers worlds side by side
   */
  public record Plan(
      Scenario scenario, Mode mode, Set<Defect> defects, long seed, long iterations, long nanos, int workers) {}

  /**
   * A finding.
   *
   * @param seed of the iteration
   * @param iteration its number, from 1
   * @param nanos since the beginning
   * @param message what was seen
   */
  public record Found(long seed, long iteration, long nanos, String message) {}

  /**
   * What has been seen.
   *
   * @param iterations that were carried through
   * @param nanos host time
   * @param found the first finding, or null
   */
  public record Result(long iterations, long nanos, @Nullable Found found) {
    /** Returns iterations a second. */
    public double rate() {
      return nanos == 0 ? 0 : iterations * 1e9 / nanos;
    }
  }

  private final Plan plan; // (C)
  private final Consumer<Result> progress; // (C)
  private final Strands strands = new ThreadStrands(); // (C) all worlds' threads
  private final AtomicLong next = new AtomicLong(); // (A) number of the next iteration, from 0
  private final AtomicLong done = new AtomicLong(); // (A)
  private final long began = System.nanoTime();
  private volatile boolean stopping;
  private volatile @Nullable Found found; // written under this

  /**
   * Prepares a run.
   *
   * @param progress hears now and then, on some worker's thread
   */
  public Stress(Plan plan, Consumer<Result> progress) {
    this.plan = plan;
    this.progress = progress;
  }

  /**
   * Returns the command that runs a scenario by itself.
   *
   * @param engine stress or explore
   */
  public static String command(String engine, Scenario s, Mode mode, Set<Defect> defects) {
    StringBuilder b = new StringBuilder("./faultline ").append(engine).append(' ').append(s.name());
    Set<Defect> others = defects.isEmpty() ? Set.of() : EnumSet.copyOf(defects);
    if (others.containsAll(Defect.historical())) {
      b.append(" --defect ").append(Defect.HISTORICAL);
      others.removeAll(Defect.historical());
    }
    others.forEach(d -> b.append(" --defect ").append(d.label()));
    return b.append(mode == Mode.FIXED ? "" : " --mode " + mode.name().toLowerCase(Locale.ROOT)).toString();
  }

  /** Runs it on threads of its own, and waits for them. */
  public Result run() throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < plan.workers(); i++) {
      Thread t = ThreadStrands.newThread(this::work, "stress-" + i);
      t.setDaemon(true);
      threads.add(t);
      t.start();
    }
    for (Thread t : threads) {
      t.join();
    }
    return result();
  }

  /** Ends it soon. Any thread may call it. */
  public void stop() {
    stopping = true;
  }

  private Result result() {
    return new Result(done.get(), System.nanoTime() - began, found);
  }

  private void work() {
    strands.attach("worker");
    try {
      while (!stopping && System.nanoTime() - began < plan.nanos()) {
        long i = next.getAndIncrement();
        if (i >= plan.iterations()) {
          return;
        }
        FreeTrial trial = new FreeTrial(FreeTrial.Stage.of(strands));
        String message = trial.run(plan.scenario(), plan.mode(), plan.defects(), plan.seed() + i);
        done.incrementAndGet();
        if (message != null) {
          found(new Found(plan.seed() + i, i + 1, System.nanoTime() - began, message));
        } else if ((i & 1023) == 1023) {
          progress.accept(result());
        }
      }
    } finally {
      strands.detach();
    }
  }

  private synchronized void found(Found f) {
    if (found == null) {
      found = f;
    }
    stopping = true;
  }

  @Override
  public String toString() {
    return "stress of " + plan.scenario().name() + ": " + done;
  }
}
