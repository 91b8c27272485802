package dev.faultline.stress.cli;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.SideBySide;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** Explorations of many scenarios, several at a time, until one has a finding. */
final class ExploreAll {
  /*
   * Implementation overview
   *
   * Workers   each takes the next scenario that nobody has taken. Scenarios differ in size by four orders, so that a
   *           fixed share of them would leave one worker with most of the work.
   * Reports   one at a time, as scenarios complete. A finding makes the others stop, and is reported when they have:
   *           its schedule is simplified first. What the others were at is not reported.
   */
  /** Explores one scenario. */
  interface Each {
    Exploration explore(ScenarioProgram p, BooleanSupplier stop);
  }

  /** Tells the result; returns the status to exit with. */
  interface Report {
    int tell(ScenarioProgram p, Exploration x);
  }

  private record Result(ScenarioProgram program, Exploration exploration) {}

  private static final Exploration NOTHING = new Exploration(Verdict.STOPPED, 0, 0, 0, 0, null, "");

  private final List<ScenarioProgram> programs; // (C)
  private final Each each; // (C)
  private final Report report; // (C) called with this object's monitor held
  private final AtomicInteger next = new AtomicInteger(); // to be taken

  @GuardedBy("this")
  private final List<Result> found = new ArrayList<>();

  private ExploreAll(List<ScenarioProgram> programs, Each each, Report report) {
    this.programs = programs;
    this.each = each;
    this.report = report;
  }

  /** Explores all, and returns the status to exit with. */
  static int run(List<ScenarioProgram> programs, int workers, Each each, Report report) throws InterruptedException {
    ExploreAll all = new ExploreAll(programs, each, report);
    List<Function<BooleanSupplier, Exploration>> work = new ArrayList<>();
    for (int i = 0; i < Math.min(workers, programs.size()); i++) {
      work.add(all::work);
    }
    SideBySide.run(work);
    return all.findings();
  }

  private synchronized int findings() {
    int status = Main.OK;
    for (Result r : found) {
      status = Math.max(status, report.tell(r.program, r.exploration));
    }
    return status;
  }

  private Exploration work(BooleanSupplier stop) {
    for (int i = next.getAndIncrement(); i < programs.size() && !stop.getAsBoolean(); i = next.getAndIncrement()) {
      ScenarioProgram p = programs.get(i);
      Exploration x = each.explore(p, stop);
      synchronized (this) {
        if (x.finding() != null) {
          found.add(new Result(p, x));
          return x;
        }
        if (!stop.getAsBoolean()) {
          report.tell(p, x);
        }
      }
    }
    return NOTHING;
  }
}
