package dev.faultline.stress.matrix;

import dev.faultline.stress.matrix.Cell.State;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Runs cells within a budget of time, so that each has its share. Belongs to one thread. */
public final class Matrix {
  /*
   * Implementation overview
   *
   * First pass    Every cell has an equal share of half the budget. Most need less: something is found, or there is
   *               nothing left to explore.
   * Second pass   What is left of the budget is shared by the cells where more time could tell more.
   * In a pass     A cell's share is what is left of the pass, divided by the cells to come, so that what one leaves
   *               goes to all that follow, and one that takes longer does not make the whole longer. NAIVE comes last:
   *               what hangs there takes longer than its share. If cells take so much longer that the first pass is
   *               over too soon, those to come get the least there is, so that each is begun.
   * Engines       Each has its own part of the budget, for the same reason.
   */
  private static final long LEAST_NANOS = 10_000_000; // less is not worth a world

  private final CellRunner engine; // (C)
  private final Consumer<String> progress; // (C)
  private final LongSupplier clock; // (C) nanoseconds

  /**
   * Prepares a matrix.
   *
   * @param engine what runs the cells
   * @param progress hears what is being run
   * @param clock tells nanoseconds
   */
  public Matrix(CellRunner engine, Consumer<String> progress, LongSupplier clock) {
    this.engine = engine;
    this.progress = progress;
    this.clock = clock;
  }

  /** Returns the cells of scenarios on kernels, in the order of the scenarios, then of the kernels. */
  public static List<Cell> cells(List<String> scenarios, List<Variant> variants, Engine engine) {
    List<Cell> cells = new ArrayList<>();
    for (String s : scenarios) {
      for (Variant v : variants) {
        cells.add(Cell.of(s, v, engine));
      }
    }
    return cells;
  }

  /**
   * Returns cells, those marked whose defect their scenario cannot show.
   *
   * @param reach the kernels with a defect that each scenario could show
   */
  public static List<Cell> mark(List<Cell> cells, Map<String, Set<Variant>> reach) {
    List<Cell> marked = new ArrayList<>();
    for (Cell c : cells) {
      boolean isReached = c.variant().defects().isEmpty()
          || reach.getOrDefault(c.scenario(), Set.of()).contains(c.variant());
      marked.add(isReached ? c : c.plus(State.NOT_REACHED, 0, 0, null));
    }
    return marked;
  }

  /** Returns the kernels with a defect that each scenario could show, as a sample of its schedules tells. */
  public static Map<String, Set<Variant>> reach(List<String> scenarios, String classPath) {
    return SwitchLoader.reach(scenarios, classPath);
  }

  /**
   * Returns the cells, for an engine that is slower, where others have found something: of each broken kernel the
   * scenarios that took the least time, and those scenarios on the correct kernel.
   *
   * @param known what others found
   * @param scenarios all, in the order wanted
   * @param most how many of a kernel
   */
  public static List<Cell> soonest(List<Cell> known, List<String> scenarios, Engine engine, int most) {
    Map<String, Set<Variant>> chosen = new HashMap<>();
    known.stream()
        .filter(Cell::isFound)
        .sorted(Comparator.comparingLong(Cell::nanos))
        .filter(c -> !c.variant().isHealthy())
        .forEach(c -> {
          long have = chosen.values().stream().filter(v -> v.contains(c.variant())).count();
          if (have < most) {
            chosen.computeIfAbsent(c.scenario(), s -> new HashSet<>(Set.of(Variant.HEALTHY))).add(c.variant());
          }
        });
    List<Variant> kernels = new ArrayList<>(List.of(Variant.HEALTHY));
    kernels.addAll(Variant.broken());
    return cells(scenarios, kernels, engine).stream()
        .filter(c -> chosen.getOrDefault(c.scenario(), Set.of()).contains(c.variant()))
        .toList();
  }

  /**
   * Runs the cells of one engine.
   *
   * @param budgetNanos for all of them
   * @return what was seen, in the same order
   */
  public List<Cell> run(List<Cell> cells, long budgetNanos) throws InterruptedException {
    List<Cell> all = new ArrayList<>(cells);
    long ends = clock.getAsLong() + budgetNanos;
    pass("1", all, ends - budgetNanos / 2, ends);
    pass("2", all, ends, ends);
    return all;
  }

  private void pass(String name, List<Cell> all, long ends, long last) throws InterruptedException {
    List<Integer> open = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).isOpen()) {
        open.add(i);
      }
    }
    open.sort(Comparator.comparing(i -> all.get(i).variant().equals(Variant.NAIVE))); // stable: else in order
    for (int n = 0; n < open.size(); n++) {
      Cell c = all.get(open.get(n));
      long now = clock.getAsLong();
      long share = Math.max(LEAST_NANOS, (ends - now) / (open.size() - n));
      if (last - now >= LEAST_NANOS) {
        progress.accept("matrix: pass " + name + ", " + n + " of " + open.size() + ": " + c.engine().label() + " "
            + c.scenario() + " " + c.variant().label());
        all.set(open.get(n), engine.run(c, share));
      }
    }
  }

  /** Returns whether the correct kernel is as it should be: run wherever that is possible, and nothing found. */
  public static boolean isHealthy(List<Cell> cells) {
    return cells.stream()
        .filter(c -> c.variant().isHealthy())
        .allMatch(c -> c.state() == State.NOTHING || c.state() == State.COMPLETE || c.state() == State.UNFIT);
  }
}
