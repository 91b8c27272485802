package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The machine's clock: time in ticks, and callouts, which run on its interrupt strand.
 *
 * <p>Time passes as the strands' own does, until a test driver takes it in hand with {@link #stop} and moves it with
 * {@link #step}. Thread-safe.
 *
 * @see "vm-semantics 6.4"
 */
public final class Clock {
  /*
   * Implementation overview
   *
   * What it is    A binary heap of callouts by tick, and among those of one tick by age.
   * Locks         lock (W, rank 100; a leaf) guards the fields marked (W). Not held while a callout runs.
   * The strand    Started by a callout when there is none, ends when no callout is left; it sleeps until the first is
   *               due, or until it is woken because an earlier one came or time was taken in hand. A callout that is
   *               cancelled does not wake it, so a coming and going of timeouts starts few strands.
   * Time          now is computed from a base that is replaced as a whole: {tick, the strands' time then, or stopped}.
   */
  private final Strands strands; // (C)
  private final long tickNanos; // (C)
  private final StrandLock lock = new StrandLock();
  private volatile Base base; // (W) to write
  private Callout[] heap = {}; // (W)
  private int size; // (W)
  private volatile int count; // (W) to write: size, for those who only look
  private long sequence; // (W)
  private @Nullable Strand strand; // (W) the last one started
  private boolean alive; // (W) whether it will look at the heap again
  private boolean acting; // (W) whether it is running a callout
  private @Nullable Strand stepper; // (W) whom to wake when a callout has run
  private boolean closed; // (W)

  private static final class Base {
    final long tick;
    final long nanos;
    final boolean stopped;

    Base(long tick, long nanos, boolean stopped) {
      this.tick = tick;
      this.nanos = nanos;
      this.stopped = stopped;
    }
  }

  Clock(MachineConfig config, Strands strands) {
    this.strands = strands;
    tickNanos = config.tickNanos();
    base = new Base(0, strands.nanoTime(), false);
  }

  /** Returns the ticks since the machine was made. */
  public long now() {
    Base b = base;
    return b.stopped ? b.tick : b.tick + (strands.nanoTime() - b.nanos) / tickNanos;
  }

  /** Returns the length of a tick. */
  public long tickNanos() {
    return tickNanos;
  }

  /**
   * Has {@code action} run on the clock's interrupt strand, which holds nothing, in so many ticks. May be called with
   * mutexes held; never sleeps.
   *
   * @param ticks 0 or more
   * @param action may take mutexes of the interrupt side and wake; must not sleep. What it throws ends the strand
   */
  public Callout after(long ticks, Runnable action) {
    if (ticks < 0) {
      throw new IllegalArgumentException("ticks " + ticks + ": must be 0 or more");
    }
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      if (closed) {
        throw new IllegalStateException("clock is closed");
      }
      long now = now();
      Callout c = new Callout(ticks > Long.MAX_VALUE - now ? Long.MAX_VALUE : now + ticks, sequence++, action);
      insert(c);
      if (!alive || c.place == 0) {
        wake();
      }
      return c;
    } finally {
      lock.release(me);
    }
  }

  /**
   * Takes a callout back.
   *
   * @return whether it will now never run; false if it has begun to, or did, or was cancelled before
   */
  public boolean cancel(Callout callout) {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      if (callout.place < 0) {
        return false;
      }
      remove(callout.place);
      return true;
    } finally {
      lock.release(me);
    }
  }

  /** Returns the callouts that wait for their tick. */
  public int pending() {
    return count;
  }

  /** Returns whether no callout waits and none is being carried out. */
  public boolean idle() {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      return size == 0 && !acting;
    } finally {
      lock.release(me);
    }
  }

  /** Takes time in hand: it stands still until {@link #step} or {@link #resume}. */
  public void stop() {
    rebase(true);
  }

  /** Lets time pass by itself again. */
  public void resume() {
    rebase(false);
  }

  private void rebase(boolean stopped) {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      base = new Base(now(), strands.nanoTime(), stopped);
      if (alive) {
        wake();
      }
    } finally {
      lock.release(me);
    }
  }

  /**
   * Lets stopped time pass, tick by tick; the callouts of a tick have run before the next tick begins, and before
   * this returns. One strand at a time may step, and no callout may.
   *
   * @throws IllegalStateException if time is not stopped
   */
  public void step(long ticks) {
    Strand me = Strand.current();
    for (long i = 0; i < ticks; i++) {
      me.point(StepKind.CLOCK, this);
      lock.acquire(me);
      try {
        Base b = base;
        if (!b.stopped || (alive && me == strand)) {
          throw new IllegalStateException(b.stopped ? "a callout steps the clock" : "clock is not stopped");
        }
        base = new Base(b.tick + 1, b.nanos, true);
      } finally {
        lock.release(me);
      }
      while (!settled(me)) {
        me.park();
      }
    }
  }

  /** Returns whether no callout is due or running; else sees to it that the caller is woken. */
  private boolean settled(Strand me) {
    lock.acquire(me);
    try {
      if (closed || (!acting && (size == 0 || heap[0].due > now()))) {
        stepper = null;
        return true;
      }
      stepper = me;
      wake();
      return false;
    } finally {
      lock.release(me);
    }
  }

  /** Starts the strand if there is none, or makes it look again. W is held. */
  private void wake() {
    if (!alive) {
      alive = true;
      strand = strands.start("clock", this::run);
    } else if (strand != null) {
      strand.unpark();
    }
  }

  private void run() {
    Strand me = Strand.current();
    long[] wait = new long[1];
    while (true) {
      Callout due;
      lock.acquire(me);
      try {
        acting = false;
        if (stepper != null) {
          stepper.unpark();
        }
        if (closed || size == 0) {
          alive = false;
          return;
        }
        due = takeDue(wait);
        acting = due != null;
      } finally {
        lock.release(me);
      }
      if (due != null) {
        me.point(StepKind.CLOCK, due);
        due.action.run();
      } else if (wait[0] == Long.MAX_VALUE) {
        me.park();
      } else {
        me.parkNanos(wait[0]);
      }
    }
  }

  /**
   * Takes out and returns the first callout if it is due, else says how long it is until then. W is held, the heap is
   * not empty.
   */
  private @Nullable Callout takeDue(long[] wait) {
    Callout first = heap[0];
    Base b = base;
    if (b.stopped) {
      wait[0] = Long.MAX_VALUE;
      if (first.due > b.tick) {
        return null;
      }
    } else {
      long elapsed = strands.nanoTime() - b.nanos;
      long ticks = first.due - b.tick;
      if (ticks > elapsed / tickNanos) {
        wait[0] = ticks > (Long.MAX_VALUE - 1) / tickNanos ? Long.MAX_VALUE - 1 : ticks * tickNanos - elapsed;
        return null;
      }
    }
    remove(0);
    return first;
  }

  private void insert(Callout c) {
    if (size == heap.length) {
      heap = Arrays.copyOf(heap, Math.max(4, 2 * size));
    }
    rise(size++, c);
    count = size;
  }

  private void remove(int at) {
    heap[at].place = -1;
    Callout moved = heap[--size];
    count = size;
    heap[size] = moved; // the slot beyond the heap keeps a callout alive until it is overwritten; no more
    if (at < size) {
      if (at > 0 && moved.before(heap[(at - 1) >>> 1])) {
        rise(at, moved);
      } else {
        sink(at, moved);
      }
    }
  }

  private void rise(int from, Callout c) {
    int at = from;
    while (at > 0) {
      int up = (at - 1) >>> 1;
      if (!c.before(heap[up])) {
        break;
      }
      put(at, heap[up]);
      at = up;
    }
    put(at, c);
  }

  private void sink(int from, Callout c) {
    int at = from;
    while (true) {
      int down = 2 * at + 1;
      if (down >= size) {
        break;
      }
      if (down + 1 < size && heap[down + 1].before(heap[down])) {
        down++;
      }
      if (!heap[down].before(c)) {
        break;
      }
      put(at, heap[down]);
      at = down;
    }
    put(at, c);
  }

  private void put(int at, Callout c) {
    heap[at] = c;
    c.place = at;
  }

  /** Ends the strand; callouts that are left never run. See {@link Machine#close}. */
  void stop(Strand me, List<Strand> ending) {
    lock.acquire(me);
    try {
      closed = true;
      if (strand != null) {
        strand.unpark();
        ending.add(strand);
      }
    } finally {
      lock.release(me);
    }
  }

  @Override
  public String toString() {
    return "clock at tick " + now() + (base.stopped ? ", stopped" : "") + ", callouts=" + size;
  }
}
