package dev.faultline.stress.free;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.detect.WaitForGraph;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** One world of a scenario, run once. */
final class FreeTrial {
  /*
   * Implementation overview
   *
   * Together   Every actor has a strand of its own. They wait for each other at a counter, then each wastes a few
   *            turns, as many as the seed says, so that their beginnings shift against each other.
   * The end    An actor that is not done after some seconds, or a kernel that does not come to rest, is a finding with
   *            the wait-for graph; such a world is left as it is, its threads are lost.
   */
  private static final long PATIENCE_NANOS = 10_000_000_000L;
  private static final long LOOK_NANOS = 200_000_000;
  private static final int SPINS = 10_000;
  private static final int DELAY_MAX = 2_000; // turns of a loop: a few microseconds

  private final Strands strands; // (C)
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final AtomicInteger waiting = new AtomicInteger();

  FreeTrial(Strands strands) {
    this.strands = strands;
  }

  /**
   * Runs it. The caller is a strand that is no kernel thread.
   *
   * @return what was found, or null
   */
  @Nullable String run(Scenario s, Mode mode, Set<Defect> defects, long seed) {
    try {
      ScenarioWorld w = ScenarioWorld.of(s, mode, defects, strands);
      String stuck = runActors(w, new SplittableRandom(seed));
      if (stuck != null) {
        return stuck;
      }
      w.settle(() -> awaitRest(w.kernel()));
      return null;
    } catch (Throwable t) { // a panic, a broken check, whatever a torn structure leads to
      return text(t);
    }
  }

  private @Nullable String runActors(ScenarioWorld w, SplittableRandom random) {
    Kernel k = w.kernel();
    List<ScenarioActor> actors = w.actors();
    List<Strand> running = new ArrayList<>();
    waiting.set(actors.size());
    for (ScenarioActor a : actors) {
      int delay = random.nextInt(DELAY_MAX);
      running.add(k.machine().strands().start(a.name(), () -> act(a, delay)));
    }
    for (int i = 0; i < running.size(); i++) {
      if (!isDone(k, running.get(i))) {
        return whyStuck(k, actors.get(i) + " is not done");
      }
    }
    Throwable t = failure.get();
    if (t != null) {
      return text(t);
    }
    return null;
  }

  private void awaitRest(Kernel k) {
    if (!isAlone(k) && !Quiescence.await(k, PATIENCE_NANOS)) {
      throw new ScenarioWorld.Broken(whyStuck(k, "the kernel does not come to rest"));
    }
  }

  /** Waits for an actor's end; not for long where another died, perhaps with its locks. */
  private boolean isDone(Kernel k, Strand actor) {
    int looks = (int) (PATIENCE_NANOS / LOOK_NANOS);
    for (int i = 0; i < looks; i++) {
      if (strands.join(actor, LOOK_NANOS)) {
        return true;
      }
      if (failure.get() != null || k.death() != null) {
        return false;
      }
    }
    return false;
  }

  /** Returns whether no thread of the kernel's own has ever been needed. */
  private static boolean isAlone(Kernel k) {
    int[] threads = {0};
    k.domain().forEachThread(t -> threads[0]++);
    return threads[0] == 0 && k.domain().starting() == 0 && k.machine().disk().idle() && !k.swapPager().isBusy();
  }

  private void act(ScenarioActor a, int delay) {
    a.prepare();
    waiting.decrementAndGet();
    for (int spins = 0; waiting.get() > 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield(); // there are more threads than processors, and the others want this one
      }
    }
    for (int i = 0; i < delay; i++) {
      Thread.onSpinWait();
    }
    try {
      a.run();
      a.finish();
    } catch (Throwable t) {
      failure.compareAndSet(null, t);
    }
  }

  private String whyStuck(Kernel k, String what) {
    Throwable t = failure.get() == null ? k.death() : failure.get();
    return t != null ? text(t) : "hang: " + what + " after " + PATIENCE_NANOS / 1_000_000_000 + " s; "
        + WaitForGraph.of(k.domain()).waits();
  }

  private static String text(Throwable t) {
    Throwable root = t;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    if (root instanceof ScenarioWorld.Broken) {
      return String.valueOf(root.getMessage());
    }
    StackTraceElement[] stack = root.getStackTrace();
    return root + (stack.length == 0 ? "" : " at " + stack[0]);
  }

  @Override
  public String toString() {
    return "trial, " + waiting + " to come";
  }
}
