package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A small engine for tests: one strand at a time, switched only where it parks, pauses or waits for a lock; schedule
 * points are written down, and time is virtual. The calling thread is strand 0 and runs the others by {@link
 * #runOthers}.
 */
final class ScriptedStrands extends Strands implements AutoCloseable {
  /** Schedule points, as {@code strand KIND}. */
  final List<String> points = new ArrayList<>();

  private final Deque<Scripted> ready = new ArrayDeque<>();
  private final Map<Scripted, Long> sleeping = new HashMap<>();
  private final Scripted main = new Scripted(0, "main");
  private final Semaphore back = new Semaphore(0);
  private int ids = 1;
  private int live;
  private long nanos;

  private final class Scripted extends Strand {
    final Semaphore turn = new Semaphore(0);
    boolean permit;
    boolean ended;

    Scripted(int id, String name) {
      super(id, name, true);
    }

    void yieldTurn() {
      if (this == main) {
        throw new AssertionError("the test's strand would have to wait");
      }
      back.release();
      turn.acquireUninterruptibly();
    }

    @Override
    public void park() {
      if (!permit) {
        sleeping.put(this, Long.MAX_VALUE);
        yieldTurn();
      }
      permit = false;
    }

    @Override
    public void parkNanos(long n) {
      if (!permit) {
        sleeping.put(this, nanos + n);
        yieldTurn();
      }
      permit = false;
    }

    @Override
    public void unpark() {
      permit = true;
      if (sleeping.remove(this) != null) {
        ready.add(this);
      }
    }

    @Override
    public void pause(int attempt) {
      throw new AssertionError("spins where one strand runs at a time");
    }

    @Override
    protected void announce(StepKind kind, @Nullable Object subject) {
      points.add(name() + " " + kind);
    }

    @Override
    protected void awaitFree(StrandLock lock) {
      throw new AssertionError("waits for a lock where one strand runs at a time");
    }

    void bind() {
      Strand.bind(this);
    }

    void unbind() {
      Strand.bind(null);
    }

    void body(Runnable body) {
      turn.acquireUninterruptibly();
      bind();
      try {
        body.run();
      } finally {
        unbind();
        ended = true;
        live--;
        back.release();
      }
    }
  }

  ScriptedStrands() {
    main.bind();
  }

  /** Ends the calling thread's being a strand. */
  @Override
  public void close() {
    main.unbind();
  }

  /**
   * Runs the other strands until each waits without a time limit, or has ended; time jumps from one limit to the
   * next.
   */
  void runOthers() {
    while (true) {
      Scripted s = ready.poll();
      if (s == null) {
        s = soonest();
        if (s == null) {
          return;
        }
        nanos = Math.max(nanos, sleeping.remove(s));
      }
      s.turn.release();
      back.acquireUninterruptibly();
    }
  }

  /** Returns the strands started so far. */
  int startedCount() {
    return ids - 1;
  }

  /** Returns the strands that were started and have not ended. */
  int liveCount() {
    return live;
  }

  private @Nullable Scripted soonest() {
    Scripted best = null;
    for (Map.Entry<Scripted, Long> e : sleeping.entrySet()) {
      if (e.getValue() != Long.MAX_VALUE && (best == null || e.getValue() < sleeping.get(best))) {
        best = e.getKey();
      }
    }
    return best;
  }

  @Override
  public Strand start(String name, Runnable body) {
    Scripted s = new Scripted(ids++, name);
    live++;
    ready.add(s);
    Thread t = new Thread(() -> s.body(body), name);
    t.setDaemon(true);
    t.start();
    return s;
  }

  @Override
  public Strand attach(String name) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void detach() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void join(Strand strand) {
    runOthers();
    if (!((Scripted) strand).ended) {
      throw new AssertionError(strand + " does not end");
    }
  }

  @Override
  public boolean join(Strand strand, long hostNanos) {
    runOthers();
    return ((Scripted) strand).ended;
  }

  @Override
  public long nanoTime() {
    return nanos;
  }

  @Override
  public boolean controlled() {
    return true;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> onDeath) {
    throw new UnsupportedOperationException();
  }
}
