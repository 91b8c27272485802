package dev.faultline.lin.lincheck;

import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/**
 * One run of a scenario on threads that the model checker schedules: the actors, and the strands of the world's own
 * (the disk, the page daemon, the clock).
 */
final class ScenarioThreads {
  /*
   * Implementation overview
   *
   * Set-up     In the constructor: Lincheck makes a suite before it looks (LincheckStrands). Under runConcurrentTest
   *            it looks into the set-up like into the rest.
   * Run        The caller's thread starts the actors', waits for them, and judges the world when its own strands have
   *            come to rest.
   */
  private final LincheckStrands strands = new LincheckStrands(true); // (C)
  private final ScenarioWorld world; // (C)
  private final List<ScenarioActor> actors; // (C)
  private final List<LincheckStrands.Flow> flows = new ArrayList<>(); // (C)
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /**
   * Sets up a world.
   *
   * @param seen whether the model checker looks
   */
  ScenarioThreads(LincheckScenario.Subject s, boolean seen) {
    if (!seen) {
      strands.beginSetUp();
    }
    strands.attach("set-up");
    world = ScenarioWorld.of(s.scenario(), s.mode(), s.defects(), strands);
    strands.detach();
    actors = world.actors();
    for (ScenarioActor a : actors) {
      LincheckStrands.Flow f = strands.make(a.name());
      flows.add(f);
      f.enter();
      a.prepare();
      f.leave();
    }
    if (seen) {
      strands.rest();
    } else {
      strands.endSetUp();
    }
  }

  /** Runs the actors, then judges the world and ends it. Throws what was wrong. */
  void run() {
    LincheckScenario.begins();
    strands.beginDaemons();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < flows.size(); i++) {
      threads.add(thread(i));
    }
    for (Thread t : threads) {
      t.start();
    }
    for (Thread t : threads) {
      LincheckStrands.join(t);
    }
    Throwable t = failure.get();
    if (t != null) {
      throw new AssertionError("an actor died", t);
    }
    try {
      settle();
    } catch (Throwable wrong) {
      LincheckScenario.seen(wrong);
      throw wrong;
    }
  }

  private Thread thread(int actor) {
    LincheckStrands.Flow f = flows.get(actor);
    ScenarioActor a = actors.get(actor);
    return new Thread(
        () -> {
          f.enter();
          try {
            a.run();
          } catch (Throwable t) {
            LincheckScenario.seen(t);
            failure.compareAndSet(null, t);
            throw t;
          } finally {
            f.leave();
          }
        },
        a.name());
  }

  private void settle() {
    for (int i = 0; i < flows.size(); i++) {
      flows.get(i).enter();
      actors.get(i).finish();
      flows.get(i).leave();
    }
    strands.attach("check");
    try {
      world.settle(strands::rest);
    } finally {
      strands.detach();
    }
  }

  @Override
  public String toString() {
    return "threads of " + world;
  }
}
