package dev.faultline.stress.free;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.WatchedTime;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.detect.WaitForGraph;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import dev.faultline.vm.trace.TraceOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One world of a scenario, run once. */
public final class FreeTrial {
  /*
   * Implementation overview
   *
   * Together   Every actor has a strand of its own. They wait for each other at a counter, then each wastes a few
   *            turns, as many as the seed says, so that their beginnings shift against each other.
   * Watched    The set-up and the check are kernel code too, and may hang as well as any actor: they have strands of
   *            their own, and the caller, who enters no kernel, looks on.
   * The end    Whoever is not done after some seconds, or at several looks in which nobody in the kernel runs and all
   *            sleep the same sleeps without end, is a finding with the wait-for graph; so is a kernel that does not
   *            come to rest. Such a world is left as it is, its threads are lost.
   */
  /** What the message of a hang begins with. */
  public static final String HANG = "hang: ";

  private static final long PATIENCE_NANOS = 10_000_000_000L;
  private static final long LOOK_NANOS = 200_000_000;
  private static final int STILL_LOOKS = 10; // a host under load may take so long to run a thread that was woken
  private static final int DELAY_MAX = 2_000; // turns of a loop: a few microseconds

  /**
   * What a trial runs on.
   *
   * @param strands of the set-up, of the check, and of the one who looks on
   * @param kernels of what runs in the world
   * @param probe stands at the fault handler's injection points, or null
   * @param onKernel hears of the world's kernel before the set-up
   */
  public record Stage(Strands strands, Strands kernels, @Nullable FaultProbe probe, Consumer<Kernel> onKernel) {
    /** Returns one where nobody interferes. */
    public static Stage of(Strands strands) {
      return new Stage(strands, strands, null, k -> {});
    }
  }

  private final Stage stage; // (C)
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final AtomicInteger waiting = new AtomicInteger(); // (A) actors that have not come to the start
  private volatile @Nullable ScenarioWorld world; // set by the set-up's strand
  private volatile boolean resting; // the check waits for the kernel to come to rest, with a patience of its own

  /** Creates one, to be run once. */
  public FreeTrial(Stage stage) {
    this.stage = stage;
  }

  /**
   * Runs it. The caller is a strand that is no kernel thread.
   *
   * @return what was found, or null
   */
  public @Nullable String run(Scenario s, Mode mode, Set<Defect> defects, long seed) {
    Scenario watched = new Scenario(s.name(), s.story(), s.exercises(), s.shape(), w -> {
      world = w;
      stage.onKernel().accept(w.kernel());
      s.script().accept(w);
    });
    String wrong = runWatched("the set-up",
        () -> ScenarioWorld.of(watched, mode, defects, stage.kernels(), TraceOptions.NONE, stage.probe()));
    ScenarioWorld w = world;
    if (wrong != null || w == null) {
      return wrong;
    }
    wrong = runActors(w, new SplittableRandom(seed));
    return wrong != null ? wrong : runWatched("the check", () -> w.settle(() -> awaitRest(w.kernel())));
  }

  /** Returns what a thread of the world died of, if that is what was found. */
  public @Nullable Throwable death() {
    Throwable t = failure.get();
    ScenarioWorld w = world;
    Throwable root = t == null && w != null ? w.kernel().death() : t;
    while (root != null && root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return root instanceof ScenarioWorld.Broken ? null : root;
  }

  /** Runs one part of the trial on a strand of its own; returns what is wrong with it, or null. */
  private @Nullable String runWatched(String part, Runnable body) {
    return outcome(stage.strands().start(part, () -> attempt(body)), part);
  }

  private @Nullable String runActors(ScenarioWorld w, SplittableRandom random) {
    List<ScenarioActor> actors = w.actors();
    List<Strand> running = new ArrayList<>();
    waiting.set(actors.size());
    for (ScenarioActor a : actors) {
      int delay = random.nextInt(DELAY_MAX);
      running.add(w.kernel().machine().strands().start(a.name(), () -> act(a, delay)));
    }
    String wrong = null;
    for (int i = 0; i < running.size() && wrong == null; i++) {
      wrong = outcome(running.get(i), actors.get(i).toString());
    }
    return wrong;
  }

  private void awaitRest(Kernel k) {
    resting = true;
    if (!Quiescence.await(k, PATIENCE_NANOS)) {
      throw new ScenarioWorld.Broken(stuck(k, "the kernel does not come to rest"));
    }
    resting = false;
  }

  /** Waits for the end of what {@code strand} does; returns what is wrong, or null. Not for long after a death. */
  private @Nullable String outcome(Strand strand, String who) {
    WaitForGraph before = null;
    WatchedTime time = new WatchedTime(LOOK_NANOS);
    long since = time.at(stage.strands().nanoTime());
    int still = 0;
    while (!stage.strands().join(strand, LOOK_NANOS)) {
      long now = time.at(stage.strands().nanoTime());
      ScenarioWorld w = world;
      Kernel k = w == null ? null : w.kernel();
      if (failure.get() != null || (k != null && k.death() != null)) {
        return whyStuck(k, who);
      }
      if (resting) {
        since = now;
        still = 0;
      } else if (k != null) {
        WaitForGraph g = WaitForGraph.of(k.domain());
        still = before != null && isStill(k, g) && g.sameAs(before) ? still + 1 : 0;
        before = g;
      }
      if (still >= STILL_LOOKS || now - since > PATIENCE_NANOS) {
        return whyStuck(k, who);
      }
    }
    Throwable t = failure.get();
    return t == null ? null : text(t);
  }

  /** Returns whether all that are in the kernel sleep, somebody not for want of work, and no sleep ends by itself. */
  private static boolean isStill(Kernel k, WaitForGraph g) {
    return g.running() == 0 && k.domain().starting() == 0 && k.machine().disk().idle()
        && g.waits().stream().allMatch(w -> w.end() == 0)
        && g.waits().stream().anyMatch(w -> !w.waiter().isDaemonAtRest());
  }

  private void act(ScenarioActor a, int delay) {
    a.prepare();
    waiting.decrementAndGet();
    Strand me = Strand.current();
    for (int i = 0; waiting.get() > 0; i++) {
      me.pause(i);
    }
    for (int i = 0; i < delay; i++) {
      Thread.onSpinWait();
    }
    attempt(() -> {
      a.run();
      a.finish();
    });
  }

  private void attempt(Runnable body) {
    try {
      body.run();
    } catch (Throwable t) { // a panic, a broken check, whatever a torn structure leads to
      failure.compareAndSet(null, t);
    }
  }

  private String whyStuck(@Nullable Kernel k, String who) {
    Throwable t = failure.get() == null && k != null ? k.death() : failure.get();
    return t != null ? text(t) : stuck(k, who + " is not done");
  }

  private static String stuck(@Nullable Kernel k, String what) {
    return HANG + what + (k == null ? "" : "; " + WaitForGraph.of(k.domain()).waits());
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
