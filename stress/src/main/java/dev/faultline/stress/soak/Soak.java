package dev.faultline.stress.soak;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.program.ProgramException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Runs the worlds of a plan, several side by side, until enough have run, the time is up, or a world has a finding.
 */
public final class Soak {
  /**
   * What is to be run.
   *
   * @param seed seed of the plan
   * @param first number of the first world
   * @param worlds how many worlds at most
   * @param nanos how long at most; worlds that run then are still ended properly
   * @param modes the modes to choose from
   * @param defects what every world boots with
   * @param workers worlds side by side
   * @param keepGoing whether to go on after a finding
   */
  public record Plan(
      long seed,
      int first,
      int worlds,
      long nanos,
      List<Mode> modes,
      Set<Defect> defects,
      int workers,
      boolean keepGoing) {}

  /**
   * What has been seen so far.
   *
   * @param trials runs of scenarios
   */
  public record Tally(
      int worlds,
      long judged,
      long compared,
      long trials,
      long faults,
      long killed,
      long swappedOut,
      int badWorlds,
      int traces,
      long nanos) {
    /** Returns whether anything was checked at all. */
    public boolean checkedSomething() {
      return worlds > 0 && (judged > 0 || trials > 0);
    }
  }

  private final Plan plan; // (C)
  private final Consumer<SoakRun.Outcome> onOutcome; // (C)
  private final AtomicInteger next; // (A) number of the next world
  private final List<SoakRun> runs = new ArrayList<>(); // (C) after construction
  private final long began = System.nanoTime();
  private volatile boolean stopping;

  // Guarded by this.
  private int worlds;
  private long judged;
  private long compared;
  private long trials;
  private long faults;
  private long killed;
  private long swappedOut;
  private int badWorlds;
  private int traces;
  private Throwable broken = NOTHING;

  private static final Throwable NOTHING = new Throwable("nothing", null, false, false) {};

  /**
   * Prepares a soak.
   *
   * @param onOutcome hears of each world that has ended, one at a time, on some worker's thread
   */
  public Soak(Plan plan, Consumer<SoakRun.Outcome> onOutcome) {
    this.plan = plan;
    this.onOutcome = onOutcome;
    this.next = new AtomicInteger(plan.first());
    for (int i = 0; i < plan.workers(); i++) {
      runs.add(new SoakRun());
    }
  }

  /**
   * Runs the plan on the calling thread and others, until it is done.
   *
   * @throws IllegalStateException if a world could not be made
   */
  public Tally run() throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (SoakRun r : runs) {
      Thread t = new Thread(() -> work(r), "soak-" + threads.size());
      threads.add(t);
      t.start();
    }
    for (Thread t : threads) {
      t.join();
    }
    synchronized (this) {
      if (broken != NOTHING) {
        throw new IllegalStateException("a world could not be run", broken);
      }
    }
    return tally();
  }

  /** Ends all worlds soon. Any thread may call it. */
  public void stop() {
    stopping = true;
    runs.forEach(SoakRun::stop);
  }

  private void work(SoakRun run) {
    Mode[] modes = plan.modes().toArray(new Mode[0]);
    while (!stopping && System.nanoTime() - began < plan.nanos()) {
      int i = next.getAndIncrement();
      if (i - plan.first() >= plan.worlds()) {
        return;
      }
      try {
        SoakRun.Outcome o = run.run(SoakWorld.draw(plan.seed(), i, modes, plan.defects()));
        if (ended(o) && !plan.keepGoing()) {
          stop();
        }
      } catch (ProgramException | IOException | RuntimeException | Error e) {
        synchronized (this) {
          broken = e;
        }
        stop();
        return;
      }
    }
  }

  /** Counts a world that has ended; returns whether it had a finding. */
  private synchronized boolean ended(SoakRun.Outcome o) {
    boolean bad = !o.findings().isEmpty();
    if (stopping && !bad) {
      return false; // cut short: neither good nor bad
    }
    worlds++;
    judged += o.judged();
    compared += o.compared();
    trials += o.trials();
    faults += o.faults();
    killed += o.killed();
    swappedOut += o.swappedOut();
    badWorlds += bad ? 1 : 0;
    traces += o.world().load().isTrace() ? 1 : 0;
    onOutcome.accept(o);
    return bad;
  }

  /** Returns what has been seen so far. */
  public synchronized Tally tally() {
    long nanos = System.nanoTime() - began;
    return new Tally(worlds, judged, compared, trials, faults, killed, swappedOut, badWorlds, traces, nanos);
  }
}
