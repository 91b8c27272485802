package dev.faultline.vm.scenario;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.fault.Decision;
import dev.faultline.vm.fault.FaultPoint;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.sync.KThread;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A probe that records which outcomes the fault handler's decisions had, and that can hold a faulting thread at a named
 * point or let something happen there.
 */
public final class FaultGates implements FaultProbe {
  /*
   * Implementation overview
   *
   * counts   one counter a decision and outcome, atomic, read at any time.
   * path     where wanted, who decided what in which order; a queue without locks, as it is filled under kernel locks.
   * gates    at most one a point; it stops the first thread that comes, and no other. A thread that waits at a gate
   *          gives up the kernel
   *          token, or nobody else could run in UP mode: a gate is a sleep put where the test wants one.
   */
  private final AtomicLongArray counts = new AtomicLongArray(Decision.values().length * 2); // (A)
  // (A)
  private final AtomicReferenceArray<@Nullable Gate> gates = new AtomicReferenceArray<>(FaultPoint.values().length);

  private volatile @Nullable Queue<Taken> path; // null: nobody wants to know

  /** One outcome of a decision, and the kernel thread whose it was. */
  private record Taken(String thread, Decision decision, boolean outcome) {}

  /** A place where one thread is stopped. */
  public static final class Gate {
    private final @Nullable Runnable action; // (C)
    private final CountDownLatch arrived = new CountDownLatch(1);
    private volatile boolean open;
    private volatile @Nullable Strand waiting;

    private Gate(@Nullable Runnable action) {
      this.action = action;
    }

    /**
     * Waits until a thread has come to the gate.
     *
     * @throws IllegalStateException if none has after {@code seconds}
     */
    public void awaitArrival(long seconds) {
      try {
        if (!arrived.await(seconds, TimeUnit.SECONDS)) {
          throw new IllegalStateException("no thread came to the gate in " + seconds + " s");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted at a gate", e);
      }
    }

    /** Returns whether a thread has come. */
    public boolean hasArrived() {
      return arrived.getCount() == 0;
    }

    /** Lets the thread go on, now or when it comes. */
    public void release() {
      open = true;
      Strand s = waiting;
      if (s != null) {
        s.unpark();
      }
    }

    private void pass() {
      if (action != null) {
        arrived.countDown();
        action.run();
        return;
      }
      KThread t = KThread.current();
      waiting = t.strand();
      t.domain().token().leave();
      arrived.countDown();
      while (!open) {
        t.strand().park();
      }
      t.domain().token().enter();
    }
  }

  /** Stops the next thread that comes to {@code point} until the gate is released. */
  public Gate hold(FaultPoint point) {
    Gate g = new Gate(null);
    gates.set(point.ordinal(), g);
    return g;
  }

  /** Lets the next thread that comes to {@code point} run {@code action} there. */
  public Gate once(FaultPoint point, Runnable action) {
    Gate g = new Gate(action);
    gates.set(point.ordinal(), g);
    return g;
  }

  @Override
  public void decided(Decision d, boolean outcome) {
    counts.getAndIncrement(index(d, outcome));
    Queue<Taken> p = path;
    if (p != null) {
      p.add(new Taken(KThread.current().name(), d, outcome));
    }
  }

  @Override
  public void at(FaultPoint p) {
    if (gates.get(p.ordinal()) == null) {
      return;
    }
    Gate g = gates.getAndSet(p.ordinal(), null);
    if (g != null) {
      g.pass();
    }
  }

  /** Begins a new record of what is decided from now on, in order. */
  public void record() {
    path = new ConcurrentLinkedQueue<>();
  }

  /**
   * Returns what the kernel threads of that name have decided since {@link #record}, each outcome with a blank after
   * it: {@code "D7F D8F "}.
   */
  public String path(String thread) {
    Queue<Taken> p = path;
    if (p == null) {
      throw new IllegalStateException("nothing was recorded");
    }
    StringBuilder b = new StringBuilder();
    for (Taken t : p) {
      if (t.thread.equals(thread)) {
        b.append(t.decision).append(t.outcome ? 'T' : 'F').append(' ');
      }
    }
    return b.toString();
  }

  /** Returns how often a decision had an outcome. */
  public long count(Decision d, boolean outcome) {
    return counts.get(index(d, outcome));
  }

  /** Forgets all counts. */
  public void reset() {
    for (int i = 0; i < counts.length(); i++) {
      counts.set(i, 0);
    }
  }

  private static int index(Decision d, boolean outcome) {
    return d.ordinal() * 2 + (outcome ? 1 : 0);
  }
}
