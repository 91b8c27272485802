package dev.faultline.lin.lincheck;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Strands for threads that Lincheck owns, made beforehand and put on for the length of an operation.
 *
 * <p>For the model checker, every wait is one that it understands: a monitor's. The checker has its own schedule at the
 * level of bytecodes and wants to know who waits for whom; a lock that is spun for looks like a live lock to it. So
 * these strands say {@link Strand#controlled}, which makes {@link StrandLock} leave its waiting to them, and wait in
 * the lock's own monitor, which the releaser notifies. The locks, and all that is done under them, are the real ones.
 * The supply itself says that it is not controlled, so that the machine keeps its fast paths.
 *
 * <p>For stress, strands run freely: locks spin and park as they do in production.
 */
final class LincheckStrands extends Strands {
  private final boolean modelChecked; // (C)
  private int ids; // the booting thread's
  private boolean sealed; // written by the booting thread, while nobody else runs
  private volatile int waiters; // (A) strands that wait for a lock, all locks together

  /** A strand of the world's own is wanted where the model checker would not see it run. */
  static final class Unseen extends Error {
    private static final long serialVersionUID = 1L;

    Unseen(String strand) {
      super(strand + " is a strand of the world's own, which the model checker cannot schedule");
    }
  }

  LincheckStrands(boolean modelChecked) {
    this.modelChecked = modelChecked;
  }

  /** Makes a strand that no thread is yet. */
  Flow make(String name) {
    return new Flow(ids++, name, modelChecked);
  }

  /**
   * From now on nobody may start, or wake, a strand of the world's own: the model checker schedules only the threads of
   * its operations, and takes who waits for another for one that waits for ever.
   */
  void seal(boolean s) {
    sealed = s;
  }

  @Override
  public Strand start(String name, Runnable body) {
    if (sealed) {
      throw new Unseen(name);
    }
    Flow f = make(name);
    Thread t = new Thread(() -> run(f, body), name);
    t.setDaemon(true);
    f.ownThread = t;
    t.start();
    return f;
  }

  private static void run(Flow f, Runnable body) {
    f.enter();
    try {
      body.run();
    } finally {
      f.leave();
    }
  }

  @Override
  public Strand attach(String name) {
    Flow f = make(name);
    f.enter();
    return f;
  }

  @Override
  public void detach() {
    ((Flow) Strand.current()).leave();
  }

  @Override
  public void join(Strand strand) {
    Thread t = ((Flow) strand).ownThread;
    if (t != null) {
      try {
        t.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  @Override
  public boolean join(Strand strand, long nanos) {
    join(strand);
    return true;
  }

  @Override
  public long nanoTime() {
    return 0;
  }

  @Override
  public boolean controlled() {
    return false;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> onDeath) {
    return this;
  }

  /** One such strand. */
  final class Flow extends Strand {
    private @Nullable Thread ownThread; // null where somebody else's thread is the strand for a while
    private volatile @Nullable Thread thread; // who is this strand now
    private boolean permit; // guarded by this; model checking only

    Flow(int id, String name, boolean controlled) {
      super(id, name, controlled);
    }

    /** Makes the calling thread this strand. */
    void enter() {
      thread = Thread.currentThread();
      bind(this);
    }

    /** Makes the calling thread no strand again. */
    void leave() {
      bind(null);
    }

    @Override
    public void park() {
      if (!modelChecked) {
        LockSupport.park(this);
        return;
      }
      synchronized (this) {
        while (!permit) {
          await(this);
        }
        permit = false;
      }
    }

    @Override
    public void parkNanos(long nanos) {
      if (modelChecked) {
        Thread.yield();
      } else {
        LockSupport.parkNanos(this, nanos);
      }
    }

    @Override
    public void unpark() {
      if (sealed && ownThread != null) {
        throw new Unseen(name());
      }
      if (!modelChecked) {
        LockSupport.unpark(thread);
        return;
      }
      synchronized (this) {
        permit = true;
        notifyAll();
      }
    }

    @Override
    public void pause(int attempt) {
      Thread.yield();
    }

    @Override
    protected void announce(StepKind kind, @Nullable Object subject) {
      if (kind == StepKind.UNLOCK && subject != null && waiters != 0) {
        synchronized (subject) {
          subject.notifyAll();
        }
      }
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // the model checker runs one thread at a time between its switches
    protected void awaitFree(StrandLock lock) {
      synchronized (lock) {
        raise(1); // before owner is looked at: the releaser clears owner and then looks at waiters
        while (lock.owner() != null) {
          await(lock);
        }
        raise(-1);
      }
    }
  }

  private void raise(int n) {
    synchronized (this) {
      waiters = waiters + n;
    }
  }

  @SuppressWarnings("WaitNotInLoop") // the callers loop
  private static void await(Object monitor) {
    try {
      monitor.wait();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
