package dev.faultline.stress.matrix;

import dev.faultline.stress.free.Stress;
import dev.faultline.stress.matrix.Cell.State;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;

/** The stress engine; each iteration has a seed of its own. */
final class StressCells implements CellRunner {
  private final int workers; // (C)

  /**
   * Creates one.
   *
   * @param workers worlds side by side
   */
  StressCells(int workers) {
    this.workers = workers;
  }

  @Override
  public Cell run(Cell so, long nanos) throws InterruptedException {
    Scenario s = Scenarios.named(so.scenario());
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + so.scenario());
    }
    Stress.Plan plan =
        new Stress.Plan(
            s, so.variant().mode(), so.variant().defects(), 1 + so.executions(), Long.MAX_VALUE, nanos, workers);
    Stress.Result r = new Stress(plan, x -> {}).run();
    Stress.Found f = r.found();
    return f == null
        ? so.plus(State.NOTHING, r.iterations(), r.nanos(), null)
        : so.plus(State.FOUND, f.iteration(), f.nanos(), f.message());
  }
}
