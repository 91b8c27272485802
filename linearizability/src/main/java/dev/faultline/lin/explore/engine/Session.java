package dev.faultline.lin.explore.engine;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Runs one execution of a program after another, on threads that it keeps for all of them. */
public final class Session implements AutoCloseable {
  /*
   * Implementation overview
   *
   * The caller's thread only waits and watches: whichever thread ends an execution's last strand judges it and begins
   * the next, so that a small program needs no handing over at all. A second run of an execution follows the recorded
   * choices and is compared step by step.
   */
  private static final int LOOKS = 4; // in the time of one patience

  private final Program program; // (C)
  private final Chooser chooser; // (C)
  private final Options options; // (C)
  private final Controller controller; // (C)
  private final CountDownLatch over = new CountDownLatch(1);
  private final Chooser again = new Again();
  private Listener listener = (e, o) -> false;
  private volatile @Nullable Throwable broken; // the explorer itself threw
  private volatile boolean stop;

  // Belongs to whoever has the turn.
  private long executions;
  private @Nullable Steps firstRun;
  private Outcome firstOutcome = Outcome.DONE;
  private boolean repeating;

  /**
   * How executions are run.
   *
   * @param fine whether every schedule point is a place to switch, or only those that others can tell apart
   * @param stepLimit steps of one execution
   * @param repeatEvery every so many executions, one is run twice and compared; 0 for never
   * @param patienceNanos host time without a step after which a strand counts as escaped, unless it has no processor
   * @param hostThreads whether each strand has a thread of the host's, or one may do for all where the JVM can
   */
  public record Options(boolean fine, int stepLimit, int repeatEvery, long patienceNanos, boolean hostThreads) {
    private static final boolean HOST_THREADS = Boolean.getBoolean("faultline.explore.hostThreads");

    /** Options with the threads that the system property {@code faultline.explore.hostThreads} says; false if unset. */
    public Options(boolean fine, int stepLimit, int repeatEvery, long patienceNanos) {
      this(fine, stepLimit, repeatEvery, patienceNanos, HOST_THREADS);
    }

    /** Coarse, 20,000 steps, one in 256 run twice, five seconds. */
    public static final Options DEFAULT = new Options(false, 20_000, 256, 5_000_000_000L);
  }

  /** Hears of executions. */
  public interface Listener {
    /**
     * An execution has ended.
     *
     * @return whether to go on
     */
    boolean executed(Execution e, Outcome o);
  }

  /** Creates a session; it runs nothing yet. */
  public Session(Program program, Chooser chooser, Options options) {
    this.program = program;
    this.chooser = chooser;
    this.options = options;
    controller = new Controller(this, options);
  }

  Program program() {
    return program;
  }

  /** Returns who chooses in this execution. */
  Chooser chooser() {
    return repeating ? again : chooser;
  }

  /** Ends the session after the execution that is under way. May be called by any thread. */
  public void stop() {
    stop = true;
  }

  /**
   * Runs executions until the chooser has nothing left, the listener says so, or a strand escapes.
   *
   * @return null, or what is to be said of a strand that escaped
   */
  public @Nullable Outcome run(Listener l) {
    listener = l;
    if (!chooser.begin(controller)) {
      return null;
    }
    controller.pool().handTo(controller.beginExecution());
    Silence silence = new Silence(options.patienceNanos());
    try {
      while (!over.await(options.patienceNanos() / LOOKS + 1, TimeUnit.NANOSECONDS)) {
        if (silence.isEscape(controller.progress.get(), controller.running)) {
          return escaped();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stop = true;
      throw new IllegalStateException("interrupted while exploring", e);
    }
    Throwable t = broken;
    if (t != null) {
      throw new IllegalStateException("the explorer failed", t);
    }
    return null;
  }

  private Outcome escaped() {
    ControlledStrand s = controller.running;
    StringBuilder b = new StringBuilder();
    b.append(s == null ? "the explorer" : s.name()).append(" made no step in ");
    b.append(options.patienceNanos() / 1_000_000).append(" ms; it blocks or runs on outside the strands' interface");
    Carrier c = s == null ? null : s.carrier;
    if (c != null) {
      StackTraceElement[] stack = c.thread.getStackTrace();
      int i = 0;
      while (i < stack.length - 1 && "java.base".equals(stack[i + 1].getModuleName())) {
        i++; // how the JDK waits says nothing
      }
      for (int n = 0; i < stack.length && n < 6; i++, n++) {
        b.append(n == 0 ? ": at " : " < ").append(stack[i]);
      }
    }
    return new Outcome(Outcome.Kind.ESCAPED, b.toString(), null);
  }

  /** Judges an execution that has ended; returns the first strand of the next, or null. */
  @Nullable ControlledStrand finished() {
    try {
      if (repeating) {
        repeating = false;
        if (differs()) {
          listener.executed(controller, controller.outcome());
          return null;
        }
      } else {
        executions++;
        Outcome o = controller.outcome();
        chooser.end(controller);
        if (!listener.executed(controller, o) || stop) {
          return null;
        }
        int every = options.repeatEvery();
        if (every > 0 && executions % every == 1 % every && o.kind() != Outcome.Kind.COVERED) {
          firstRun = controller.steps.copy();
          firstOutcome = o;
          repeating = true;
          return controller.beginExecution();
        }
      }
      return chooser.begin(controller) ? controller.beginExecution() : null;
    } catch (Throwable t) {
      broken = t;
      return null;
    }
  }

  /** Follows the first run. */
  private final class Again implements Chooser {
    @Override
    public boolean begin(Execution e) {
      return true;
    }

    @Override
    public int choose(Execution e, long enabled, int last) {
      int step = e.steps().count();
      Steps recorded = firstRun;
      return recorded == null || step >= recorded.count() ? -2 : recorded.strand(step);
    }
  }

  private boolean differs() {
    Steps recorded = firstRun;
    Outcome now = controller.outcome();
    if (recorded == null) {
      return false;
    }
    int at = recorded.firstDifference(controller.steps);
    if (at < 0 && now.kind() == firstOutcome.kind()) {
      return false;
    }
    controller.outcome(
        new Outcome(
            Outcome.Kind.DIVERGED,
            at < 0
                ? "a second run of the same schedule ended " + now + " instead of " + firstOutcome
                : "a second run of the same schedule differs at step " + at + ": " + controller.steps.describe(at)
                    + " instead of " + recorded.describe(at),
            now.cause()));
    return true;
  }

  void over() {
    over.countDown();
  }

  /** Ends the threads, if none of their strands escaped. */
  @Override
  public void close() {
    controller.pool().close();
  }

  @Override
  public String toString() {
    return "session of " + executions + " executions";
  }
}
