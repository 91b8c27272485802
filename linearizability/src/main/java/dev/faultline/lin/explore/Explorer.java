package dev.faultline.lin.explore;

import dev.faultline.lin.explore.Exploration.Found;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.dpor.Parts;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Session;
import dev.faultline.lin.explore.engine.Steps;
import dev.faultline.lin.explore.strategy.PreemptionBounded;
import dev.faultline.lin.explore.strategy.Replay;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Explores a program until something is found, nothing is left, or the budget is spent. */
public final class Explorer {
  private final Program program; // (C)
  private final Map<String, String> facts = new LinkedHashMap<>();
  private Session.Options options = Session.Options.DEFAULT;
  private long executionsMax = Long.MAX_VALUE;
  private long nanosMax = Long.MAX_VALUE;
  private Progress progress = (executions, chooser) -> {};
  private BooleanSupplier stop = () -> false;

  /** Hears how far an exploration is. Called on a thread of the explorer, now and then. */
  public interface Progress {
    /** So many executions are behind. */
    void at(long executions, Chooser chooser);
  }

  /** Creates an explorer without limits. */
  public Explorer(Program program) {
    this.program = program;
  }

  /** Returns another explorer of the same program, with the same facts and options but no limits. */
  public Explorer another() {
    Explorer e = new Explorer(program).options(options);
    e.facts.putAll(facts);
    return e;
  }

  /** Adds a line to the schedules of findings. */
  public Explorer fact(String key, String value) {
    facts.put(key, value);
    return this;
  }

  /** Replaces how executions are run. */
  public Explorer options(Session.Options o) {
    options = o;
    return this;
  }

  /** Limits the executions. */
  public Explorer executions(long n) {
    executionsMax = n;
    return this;
  }

  /** Limits the host time. */
  public Explorer nanos(long n) {
    nanosMax = n;
    return this;
  }

  /** Sets who hears how far it is. */
  public Explorer progress(Progress p) {
    progress = p;
    return this;
  }

  /** Sets who is asked after each execution whether it is time to stop. */
  public Explorer stopWhen(BooleanSupplier s) {
    stop = s;
    return this;
  }

  /** What all have spent that explore the same. */
  private record Spent(AtomicLong executions, long began) {
    static Spent nothing() {
      return new Spent(new AtomicLong(), System.nanoTime());
    }

    long nanos() {
      return System.nanoTime() - began;
    }
  }

  /** What one run counts. Belongs to whoever has the turn. */
  private final class Run {
    final long began = System.nanoTime();
    final Chooser chooser;
    final Spent spent;
    long done;
    long redundant;
    long steps;
    @Nullable Found found;
    boolean exhausted = true;

    Run(Chooser chooser, Spent spent) {
      this.chooser = chooser;
      this.spent = spent;
    }

    boolean executed(Execution e, Outcome o) {
      long all = spent.executions.incrementAndGet();
      if (all > executionsMax && !o.isFinding()) { // another's was the last
        exhausted = false;
        return false;
      }
      steps += e.steps().count();
      if (o.kind() == Outcome.Kind.COVERED || chooser.isElsewhere()) {
        redundant++;
      } else {
        done++;
      }
      if (o.isFinding()) {
        found = new Found(o, new Schedule(facts, choices(e.steps())), done + redundant, TraceText.of(e));
        return false;
      }
      if ((done + redundant & 63) == 0 || steps > 1000) {
        progress.at(all, chooser);
      }
      if (all >= executionsMax || spent.nanos() >= nanosMax || stop.getAsBoolean()) {
        exhausted = false;
        return false;
      }
      return true;
    }
  }

  /** Explores. */
  public Exploration run(Chooser chooser) {
    return run(chooser, Spent.nothing());
  }

  private Exploration run(Chooser chooser, Spent spent) {
    Run run = new Run(chooser, spent);
    Outcome escaped;
    try (Session s = new Session(program, chooser, options)) {
      escaped = s.run(run::executed);
    }
    Found found = run.found;
    if (escaped != null) {
      found = new Found(escaped, new Schedule(facts, List.of()), run.done + 1, "");
    }
    long nanos = System.nanoTime() - run.began;
    Verdict verdict = found != null ? Verdict.FINDING : verdict(chooser, run.exhausted);
    return new Exploration(verdict, run.done, run.redundant, run.steps, nanos, found, note(chooser));
  }

  /**
   * Explores every class, in parts that so many workers take in turn. The limits are those of all together.
   *
   * @return all together
   */
  public Exploration exhaust(int workers) throws InterruptedException {
    if (workers == 1) {
      return run(new OptimalDpor());
    }
    Spent spent = Spent.nothing();
    Parts parts = new Parts(workers);
    AtomicBoolean doubtful = new AtomicBoolean();
    List<Function<BooleanSupplier, Exploration>> all = new ArrayList<>();
    for (int i = 0; i < workers; i++) {
      Explorer e = another().executions(executionsMax).nanos(nanosMax).progress(i == 0 ? progress : (n, c) -> {});
      all.add(
          other -> {
            e.stopWhen(() -> doubtful.get() || other.getAsBoolean() || stop.getAsBoolean());
            return e.exhaust(parts, doubtful, spent);
          });
    }
    Exploration x = SideBySide.run(all);
    if (doubtful.get() && x.finding() == null) {
      // Parts that cannot be told apart cannot be explored apart: what was seen counts for nothing, but took its time.
      return run(new OptimalDpor(), new Spent(new AtomicLong(), spent.began));
    }
    return x;
  }

  /** Explores parts until there are none. */
  private Exploration exhaust(Parts parts, AtomicBoolean doubtful, Spent spent) {
    Exploration sum = new Exploration(Verdict.COMPLETE, 0, 0, 0, 0, null, "");
    try {
      for (OptimalDpor part = parts.take(); part != null; part = parts.take()) {
        sum = sum.and(run(part, spent));
        if (part.isDoubtful()) {
          doubtful.set(true);
        }
        if (sum.verdict() != Verdict.COMPLETE || doubtful.get()) {
          return sum;
        }
        parts.done(part);
      }
      return sum;
    } finally {
      parts.close(); // who waits for a part of this one's must not
    }
  }

  private static Verdict verdict(Chooser chooser, boolean exhausted) {
    if (!exhausted) {
      return Verdict.STOPPED;
    }
    if (chooser instanceof OptimalDpor d) { // steps that surprise it prove that it does not see all dependencies
      return d.divergences() == 0 ? Verdict.COMPLETE : Verdict.STOPPED;
    }
    if (chooser instanceof PreemptionBounded p) {
      return p.isComplete() ? Verdict.COMPLETE : Verdict.BOUNDED;
    }
    return Verdict.STOPPED;
  }

  private static String note(Chooser chooser) {
    if (chooser instanceof OptimalDpor d && d.divergences() > 0) {
      return d.divergences() + " steps did not do what they had done: something shared is not announced; first: "
          + d.firstDivergence();
    }
    return "";
  }

  /** Runs one schedule. Past its end, whoever ran goes on. */
  public Exploration replay(Schedule schedule) {
    return run(new Replay(schedule.array(), true));
  }

  static List<Integer> choices(Steps steps) {
    List<Integer> choices = new ArrayList<>(steps.count());
    for (int i = 0; i < steps.count(); i++) {
      choices.add(steps.strand(i));
    }
    return choices;
  }

  @Override
  public String toString() {
    return "explorer of " + facts;
  }
}
