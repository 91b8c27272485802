package dev.faultline.lin.lincheck;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A scenario's world for one invocation, and the strands of its actors.
 *
 * <p>Setting up and checking is nothing that the model checker is to look into; {@link ModelChecking} tells it so.
 */
final class ActorFlows {
  private static final long PATIENCE_MILLIS = 2_000;

  private final LincheckStrands strands = new LincheckStrands(true); // (C)
  private final ScenarioWorld world; // (C)
  private final List<ScenarioActor> actors; // (C)
  private final List<LincheckStrands.Flow> flows = new ArrayList<>(); // (C)

  /** Sets up a world of what {@link LincheckScenario} is about. */
  ActorFlows() {
    Strand none = Strand.currentOrNull();
    assert none == null;
    strands.attach("set-up");
    world = LincheckScenario.boot(strands);
    strands.detach();
    actors = world.actors();
    for (ScenarioActor a : actors) {
      LincheckStrands.Flow f = strands.make(a.name());
      flows.add(f);
      f.enter();
      a.prepare();
      f.leave();
    }
    strands.seal(true);
  }

  /**
   * Runs the actors of one world one after the other, without the model checker, to see whether they need a strand of
   * the world's own. An actor that waits for the next one is given up after a moment: nothing is said by that.
   *
   * @return how many actors there are; 0 if the model checker cannot run them
   */
  static int tryOut() {
    ActorFlows f = new ActorFlows();
    AtomicBoolean unseen = new AtomicBoolean();
    Thread t = new Thread(() -> unseen.set(f.meetsUnseen()), "try-out");
    t.setDaemon(true);
    t.start();
    try {
      t.join(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return unseen.get() ? 0 : f.actors.size();
  }

  private boolean meetsUnseen() {
    try {
      for (int i = 0; i < flows.size(); i++) {
        enter(i);
        actors.get(i).run();
        leave(i);
      }
      return false;
    } catch (Throwable t) {
      return isUnseen(t);
    } finally {
      strands.seal(false);
      world.kernel().machine().close();
    }
  }

  static boolean isUnseen(Throwable t) {
    for (Throwable c = t; c != null; c = c.getCause()) {
      if (c instanceof LincheckStrands.Unseen) {
        return true;
      }
    }
    return false;
  }

  /** Runs an actor on the calling thread. */
  void run(int actor) {
    enter(actor);
    try {
      actors.get(actor).run();
    } catch (Throwable t) {
      LincheckScenario.seen(t);
      throw t;
    } finally {
      leave(actor);
    }
  }

  private void enter(int actor) {
    flows.get(actor).enter();
  }

  private void leave(int actor) {
    flows.get(actor).leave();
  }

  /** Judges the world at the invocation's end, and ends it. */
  void settle() {
    strands.seal(false);
    try {
      for (int i = 0; i < flows.size(); i++) {
        enter(i);
        actors.get(i).finish();
        leave(i);
      }
      strands.attach("check");
      try {
        world.settle();
      } finally {
        strands.detach();
      }
    } catch (Throwable t) {
      LincheckScenario.seen(t);
      throw t;
    }
  }

  @Override
  public String toString() {
    return "flows of " + world;
  }
}
