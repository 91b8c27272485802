package dev.faultline.lin.lincheck;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Strands for threads that Lincheck schedules. Those of operations and actors are made beforehand and put on for as
 * long as these take; those of the world's own (the disk's, a daemon's) are threads of the world.
 *
 * <p>For the model checker, every wait is one that it understands: a monitor's. The checker has its own schedule at the
 * level of bytecodes and wants to know who waits for whom; a lock that is spun for looks like a live lock to it. So
 * these strands say {@link Strand#controlled}, which makes {@link StrandLock} leave its waiting to them, and wait in
 * the lock's own monitor, which the releaser notifies. The locks, and all that is done under them, are the real ones.
 * The supply itself says that it is not controlled, so that the machine keeps its fast paths. Time passes when somebody
 * waits for it.
 *
 * <p>For stress, strands run freely: locks spin and park as they do in production.
 */
final class LincheckStrands extends Strands {
  /*
   * Implementation overview
   *
   * Rest       busy counts the strands of the world's own that run, or could: who gives one that is parked its permit
   *            counts it in, before anybody can see the others at rest.
   * Set-up     The model checker knows a thread only if it has seen it start. So while a world is set up before the
   *            checker looks, a daemon is held back until it does, as if it were slow to begin. The disk is at work
   *            meanwhile; its thread is ended afterwards, where it is parked, by an error, and the strand begins anew
   *            when it is woken: it keeps in fields all that it has to know. Whoever sets up waits for nobody but the
   *            disk.
   */
  private static final int WAITS_MAX = 30; // what a scenario needs is a handful
  private static final String DISK = "disk"; // its strand's name

  private final boolean modelChecked; // (C)
  private final List<Flow> own = new ArrayList<>(); // guarded by this: the strands of the world's own
  private final List<Flow> held = new ArrayList<>(); // the set-up's, then read by who begins them
  private int ids; // the booting thread's; guarded by this once others run
  private int busy; // guarded by this: of own, those that are not parked and have not ended
  private int resting; // guarded by this: who waits for rest
  private long now; // guarded by this: nanoseconds
  private int waits; // guarded by this: how often time passed
  private boolean settingUp; // guarded by this: the model checker does not look yet
  private boolean retiring; // guarded by this
  private volatile int waiters; // (A) strands that wait for a lock, all locks together
  private @Nullable BiConsumer<Strand, Throwable> onDeath; // (C) after boot

  /** Ends the thread of a strand that will begin anew. */
  private static final class Retired extends Error {
    private static final long serialVersionUID = 1L;

    Retired() {
      super(null, null, false, false);
    }
  }

  LincheckStrands(boolean modelChecked) {
    this.modelChecked = modelChecked;
  }

  /** Makes a strand that no thread is yet. */
  Flow make(String name) {
    return new Flow(ids++, name, modelChecked, null);
  }

  /** Waits until all strands of the world's own are parked or have ended. Nobody else runs. For the model checker. */
  synchronized void rest() {
    resting++;
    while (busy != 0) {
      await(this);
    }
    resting--;
    notifyAll();
  }

  /** A world is set up from now on, before the model checker looks, by one strand. */
  synchronized void beginSetUp() {
    settingUp = true;
  }

  /** All is set up: the disk, at rest, will begin anew. {@link #beginDaemons} is to follow. */
  void endSetUp() {
    List<Flow> parked = new ArrayList<>();
    rest();
    synchronized (this) {
      for (Flow f : own) {
        if (f.ownThread != null) {
          parked.add(f);
        } else {
          held.add(f);
        }
      }
      retiring = true;
    }
    for (Flow f : parked) {
      Thread t = f.ownThread;
      assert t != null;
      f.retire();
      join(t);
      f.ownThread = null;
    }
    synchronized (this) {
      retiring = false;
      settingUp = false;
    }
  }

  /** The model checker looks: who was held back may begin. */
  void beginDaemons() {
    for (Flow f : held) {
      begin(f);
    }
  }

  private synchronized boolean isSettingUp() {
    return settingUp;
  }

  @Override
  public Strand start(String name, Runnable body) {
    Flow f;
    boolean later;
    synchronized (this) {
      f = new Flow(ids++, name, modelChecked, body);
      own.add(f);
      later = settingUp && !name.equals(DISK);
    }
    if (!later) {
      begin(f);
    }
    return f;
  }

  /** Gives a strand of the world's own a thread, unless it has one. */
  private void begin(Flow f) {
    Thread t;
    synchronized (this) {
      if (f.ownThread != null) {
        return;
      }
      t = new Thread(() -> run(f), f.name());
      t.setDaemon(true);
      f.ownThread = t;
      busy(1);
    }
    t.start();
  }

  private void run(Flow f) {
    Runnable body = f.body;
    assert body != null;
    f.enter();
    try {
      body.run();
    } catch (Retired e) {
      return;
    } catch (Throwable t) {
      LincheckScenario.seen(t);
      BiConsumer<Strand, Throwable> d = onDeath;
      if (d != null) {
        d.accept(f, t);
      }
      throw t;
    } finally {
      f.leave();
      busy(-1);
    }
  }

  private synchronized void busy(int n) {
    busy += n;
    if (busy == 0) {
      notifyAll();
    }
  }

  private synchronized boolean retiring() {
    return retiring;
  }

  /** Lets time pass, though not while somebody waits for rest: a daemon may try again and again, in vain. */
  private synchronized void pass(long nanos) {
    busy(-1);
    while (resting != 0) {
      await(this);
    }
    busy(1);
    now += nanos;
    if (++waits > WAITS_MAX) {
      throw new IllegalStateException("waited for time " + WAITS_MAX + " times: the world does not come to rest");
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
      join(t);
    }
  }

  static void join(Thread t) {
    try {
      t.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean join(Strand strand, long nanos) {
    join(strand);
    return true;
  }

  @Override
  public synchronized long nanoTime() {
    return now;
  }

  @Override
  public boolean controlled() {
    return false;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> handler) {
    onDeath = handler;
    return this;
  }

  /** One such strand. */
  final class Flow extends Strand {
    private final @Nullable Runnable body; // (C) null where somebody else's thread is the strand for a while
    private volatile @Nullable Thread ownThread; // (A) of a strand with a body; null: it begins when it is woken
    private volatile @Nullable Thread thread; // who is this strand now
    private boolean permit; // guarded by this; model checking only
    private boolean idle; // guarded by this; model checking only: with a body, parked, not counted as busy

    Flow(int id, String name, boolean controlled, @Nullable Runnable body) {
      super(id, name, controlled);
      this.body = body;
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
      if (body == null && isSettingUp()) {
        LincheckStrands.this.rest(); // if nobody at work has given the permit, nobody will
      }
      synchronized (this) {
        if (!permit && body == null && isSettingUp()) {
          throw new IllegalStateException("the set-up waits for a daemon");
        }
        while (!permit) {
          rest();
          await(this);
        }
        permit = false;
      }
    }

    /** What a parked strand of the world's own sees to before it waits. Its monitor is held. */
    private void rest() {
      if (body == null) {
        return;
      }
      if (retiring()) {
        throw new Retired();
      }
      if (!idle) {
        idle = true;
        busy(-1);
      }
    }

    /** Wakes it, counted as busy if it has a body. Its monitor is held. */
    private void rouse() {
      if (idle) {
        idle = false;
        busy(1);
      }
      notifyAll();
    }

    private synchronized void retire() {
      rouse();
    }

    @Override
    public void parkNanos(long nanos) {
      if (!modelChecked) {
        LockSupport.parkNanos(this, nanos);
        return;
      }
      synchronized (this) {
        if (permit) {
          permit = false;
          return;
        }
      }
      Thread.yield();
      pass(nanos);
    }

    @Override
    public void unpark() {
      if (!modelChecked) {
        LockSupport.unpark(thread);
        return;
      }
      synchronized (this) {
        permit = true;
        rouse();
      }
      if (body != null && !isSettingUp()) {
        begin(this);
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
