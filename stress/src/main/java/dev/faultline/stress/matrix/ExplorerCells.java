package dev.faultline.stress.matrix;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.stress.matrix.Cell.State;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;

/**
 * The explorer. What is begun gets half of its time for every class of schedules once, in their order, and what is left
 * for a sample of all; what is gone on with, for another sample.
 */
final class ExplorerCells implements CellRunner {
  @Override
  public Cell run(Cell so, long nanos) {
    Cell c = so;
    if (c.state() == State.NOT_RUN) {
      c = explore(c, new OptimalDpor(), nanos / 2);
    }
    long left = nanos - (c.nanos() - so.nanos());
    return c.isOpen() && left > 0 ? explore(c, new Pos(1 + c.executions()), left) : c;
  }

  private static Cell explore(Cell so, Chooser chooser, long nanos) {
    Scenario s = Scenarios.named(so.scenario());
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + so.scenario());
    }
    Exploration x =
        new Explorer(new ScenarioProgram(s, so.variant().mode(), so.variant().defects())).nanos(nanos).run(chooser);
    Exploration.Found f = x.finding();
    State state = f != null ? State.FOUND : x.verdict() == Verdict.COMPLETE ? State.COMPLETE : State.NOTHING;
    return so.plus(state, x.executions(), x.nanos(), f == null ? null : f.outcome().message());
  }
}
