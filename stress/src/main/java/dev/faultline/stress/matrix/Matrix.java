package dev.faultline.stress.matrix;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.stress.free.Stress;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs scenarios under engines, on the correct kernel and on kernels with a defect. */
public final class Matrix {
  /** What runs a scenario. */
  public enum Engine {
    /** The explorer, every class of schedules once. */
    DPOR,
    /** The explorer, partial order sampling. */
    POS,
    /** Real threads that run freely. */
    STRESS
  }

  /**
   * What one engine made of one scenario on one kernel.
   *
   * @param defect null for the correct kernel
   * @param executions until the finding, or all of them
   * @param nanos host time, likewise
   * @param finding what was seen; null for nothing
   * @param complete whether every class of schedules was explored
   */
  public record Cell(
      Scenario scenario,
      @Nullable Defect defect,
      Engine engine,
      long executions,
      long nanos,
      @Nullable String finding,
      boolean complete) {}

  private final long budget; // (C)
  private final long stressBudget; // (C)
  private final int workers; // (C)
  private final Consumer<String> progress; // (C)

  /**
   * Prepares a matrix.
   *
   * @param budget nanoseconds of exploration for a cell
   * @param stressBudget nanoseconds of stress for a cell
   * @param workers worlds side by side under stress
   * @param progress hears what is being run
   */
  public Matrix(long budget, long stressBudget, int workers, Consumer<String> progress) {
    this.budget = budget;
    this.stressBudget = stressBudget;
    this.workers = workers;
    this.progress = progress;
  }

  /** Runs one cell. */
  public Cell run(Scenario s, @Nullable Defect d, Engine engine) throws InterruptedException {
    progress.accept(engine.name().toLowerCase(java.util.Locale.ROOT) + " " + s.name() + " "
        + (d == null ? "" : d.label()));
    Set<Defect> defects = d == null ? Set.of() : Set.of(d);
    return engine == Engine.STRESS ? stress(s, d, defects) : explore(s, d, defects, engine);
  }

  private Cell stress(Scenario s, @Nullable Defect d, Set<Defect> defects) throws InterruptedException {
    Stress.Plan plan = new Stress.Plan(s, Mode.FIXED, defects, 1, Long.MAX_VALUE, stressBudget, workers);
    Stress.Result r = new Stress(plan, x -> {}).run();
    Stress.Found f = r.found();
    return f == null
        ? new Cell(s, d, Engine.STRESS, r.iterations(), r.nanos(), null, false)
        : new Cell(s, d, Engine.STRESS, f.iteration(), f.nanos(), f.message(), false);
  }

  private Cell explore(Scenario s, @Nullable Defect d, Set<Defect> defects, Engine engine) {
    Chooser chooser = engine == Engine.DPOR ? new OptimalDpor() : new Pos(1);
    Exploration x = new Explorer(new ScenarioProgram(s, Mode.FIXED, defects)).nanos(budget).run(chooser);
    Exploration.Found f = x.finding();
    return new Cell(s, d, engine, x.executions(), x.nanos(), f == null ? null : f.outcome().message(),
        x.verdict() == Verdict.COMPLETE);
  }

  /** Runs every scenario on the correct kernel, under every engine. */
  public List<Cell> healthy(List<Scenario> scenarios) throws InterruptedException {
    List<Cell> cells = new ArrayList<>();
    for (Scenario s : scenarios) {
      for (Engine e : Engine.values()) {
        cells.add(run(s, null, e));
      }
    }
    return cells;
  }

  /**
   * Runs every scenario on a kernel with each defect under the exploring engines, and under stress where one of those
   * found something.
   *
   * @return the cells of those pairs where something was found
   */
  public List<Cell> defective(List<Scenario> scenarios, List<Defect> defects) throws InterruptedException {
    List<Cell> cells = new ArrayList<>();
    for (Defect d : defects) {
      for (Scenario s : scenarios) {
        Cell dpor = run(s, d, Engine.DPOR);
        Cell pos = run(s, d, Engine.POS);
        if (dpor.finding != null || pos.finding != null) {
          cells.add(dpor);
          cells.add(pos);
          cells.add(run(s, d, Engine.STRESS));
        }
      }
    }
    return cells;
  }

  @Override
  public String toString() {
    return "matrix of " + budget / 1_000_000 + " ms a cell";
  }
}
