package dev.faultline.hw.strand;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Strands as plain Java threads that run freely, taken from a pool of daemon threads that grows on demand.
 *
 * <p>One instance may serve any number of worlds at once; see {@link #world}.
 */
public final class ThreadStrands extends Strands {
  private static final long PATIENCE_NANOS = 30_000_000_000L; // far longer than any host takes from step to step
  private static final long IDLE_SECONDS = 10;
  private static final int SPIN_TURNS = 100; // pauses that only hint; then the host's scheduler is asked
  // yields; then short naps, as the strand waited for may need this very processor
  private static final int YIELD_TURNS = 200;

  private final ThreadPoolExecutor pool; // (C) shared by all worlds
  private final AtomicInteger ids = new AtomicInteger(); // (A)
  private final BiConsumer<Strand, Throwable> onDeath; // (C)
  private final @Nullable Perturbation perturbation; // (C)

  /** Creates a supply with a pool of its own; deaths are thrown on, to the thread's uncaught exception handler. */
  public ThreadStrands() {
    this(
        new ThreadPoolExecutor(
            0,
            Integer.MAX_VALUE,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            body -> new StrandThread(body, "strand")),
        ThreadStrands::rethrow,
        null);
  }

  private ThreadStrands(
      ThreadPoolExecutor pool, BiConsumer<Strand, Throwable> onDeath, @Nullable Perturbation perturbation) {
    this.pool = pool;
    this.onDeath = onDeath;
    this.perturbation = perturbation;
  }

  /** Returns a supply that shares threads with this one and whose strands are disturbed at their schedule points. */
  public ThreadStrands perturbed(Perturbation p) {
    return new ThreadStrands(pool, onDeath, p);
  }

  /**
   * Returns a supply that shares threads with this one and whose strands run one at a time, in simulated time, chosen
   * by a generator: one seed, one schedule.
   *
   * @param seed what the generator starts from
   * @param burstMax about how many schedule points a strand passes at most before another may have the turn
   * @param underLocks whether a strand may lose the turn while it holds a lock
   */
  public SerialStrands serial(long seed, int burstMax, boolean underLocks) {
    return serial(seed, burstMax, underLocks, PATIENCE_NANOS);
  }

  /**
   * As {@link #serial(long, int, boolean)}.
   *
   * @param patienceNanos host time that a strand may have the turn and make no step, before whoever is attached and
   *     waits throws {@link Standstill}
   */
  SerialStrands serial(long seed, int burstMax, boolean underLocks, long patienceNanos) {
    return new SerialStrands(pool, seed, burstMax, underLocks, patienceNanos);
  }

  /**
   * Returns a thread, not started, which as a strand finds itself as fast as the pool's own threads do. For harnesses
   * that bring their threads along and {@link #attach} them.
   */
  public static Thread newThread(Runnable body, String name) {
    return new StrandThread(body, name);
  }

  private static void rethrow(Strand strand, Throwable t) {
    Thread thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, t);
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> onDeath) {
    return new ThreadStrands(pool, onDeath, perturbation);
  }

  @Override
  public Strand start(String name, Runnable body) {
    FreeStrand s = new FreeStrand(ids.getAndIncrement(), name, perturbation);
    pool.execute(() -> run(s, body));
    return s;
  }

  private void run(FreeStrand s, Runnable body) {
    Thread t = Thread.currentThread();
    s.thread = t;
    String idleName = t.getName();
    t.setName(s.name());
    Strand.bind(s);
    try {
      body.run();
    } catch (Throwable e) {
      onDeath.accept(s, e);
    } finally {
      Strand.bind(null);
      t.setName(idleName);
      s.restoreInterrupt();
      s.ended.countDown();
    }
  }

  @Override
  public Strand attach(String name) {
    if (Strand.currentOrNull() != null) {
      throw new IllegalStateException("thread is a strand already: " + Strand.currentOrNull());
    }
    FreeStrand s = new FreeStrand(ids.getAndIncrement(), name, perturbation);
    s.thread = Thread.currentThread();
    Strand.bind(s);
    return s;
  }

  @Override
  public void detach() {
    Strand s = Strand.current();
    Strand.bind(null);
    if (s instanceof FreeStrand) {
      ((FreeStrand) s).restoreInterrupt();
      ((FreeStrand) s).ended.countDown();
    }
  }

  @Override
  public void join(Strand strand) {
    while (!join(strand, Long.MAX_VALUE)) {
      Thread.onSpinWait();
    }
  }

  @Override
  public boolean join(Strand strand, long nanos) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return ((FreeStrand) strand).ended.await(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public boolean controlled() {
    return false;
  }

  private static final class FreeStrand extends Strand {
    final CountDownLatch ended = new CountDownLatch(1);
    volatile @Nullable Thread thread; // null until the thread runs; an early unpark is remembered in early
    private volatile boolean early;
    private boolean interrupted; // (T) came while it parked: strands wait on, and hand it to the thread at their end

    private final Perturbation.@Nullable Turn turn; // (T) null where nobody disturbs

    FreeStrand(int id, String name, @Nullable Perturbation perturbation) {
      super(id, name, false, perturbation != null);
      turn = perturbation == null ? null : perturbation.turn(id);
    }

    @Override
    public void park() {
      if (early) {
        early = false;
        return;
      }
      LockSupport.park(this);
      keepInterrupt();
    }

    @Override
    public void parkNanos(long nanos) {
      if (early) {
        early = false;
        return;
      }
      LockSupport.parkNanos(this, nanos);
      keepInterrupt();
    }

    /** Notes an interrupt and clears it: with it pending no park would wait, and every wait would be a spin. */
    private void keepInterrupt() {
      if (Thread.interrupted()) {
        interrupted = true;
      }
    }

    void restoreInterrupt() {
      if (interrupted) {
        interrupted = false;
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void unpark() {
      Thread t = thread;
      if (t == null) {
        early = true; // the strand looks here before it parks, and it sets thread before it first does
        t = thread;
      }
      if (t != null) {
        LockSupport.unpark(t);
      }
    }

    @Override
    public void pause(int attempt) {
      if (attempt < SPIN_TURNS) {
        Thread.onSpinWait();
      } else if (attempt < YIELD_TURNS) {
        Thread.yield();
      } else {
        LockSupport.parkNanos(this, 50_000);
      }
    }

    @Override
    protected void announce(StepKind kind, @Nullable Object subject) {
      if (turn != null) {
        turn.at(kind);
      }
    }

    @Override
    protected void awaitFree(StrandLock lock) {
      throw new IllegalStateException("free-running strand");
    }
  }
}
