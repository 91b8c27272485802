package dev.faultline.hw.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A mutual exclusion lock between strands: not recursive, not fair, with its owner on view.
 *
 * <p>This is the raw lock; kernel code takes it through a class that adds rank, name and mode. Acquisition, a failed or
 * successful try, and release are schedule points.
 */
public class StrandLock implements Subject {
  /*
   * Implementation overview
   *
   * owner        null or the holder; taken by compare-and-set, given back by a volatile store.
   * waiters      a stack of strands that gave up spinning. A waiter pushes its node and then looks at owner once more;
   *              a releaser
   *              clears owner and then looks at waiters. Both pairs are volatile, so one of the two sees the other. The
   *              releaser takes
   *              the whole stack and wakes everybody in it; who loses the race pushes itself again. A strand that wins
   *              after pushing
   *              leaves its node behind, which costs one spurious permit later.
   * Allocation   a strand that parks uses its node again, unless it won after pushing and left the node on a stack.
   */
  private static final VarHandle OWNER;
  private static final VarHandle WAITERS;

  static {
    try {
      MethodHandles.Lookup l = MethodHandles.lookup();
      OWNER = l.findVarHandle(StrandLock.class, "owner", Strand.class);
      WAITERS = l.findVarHandle(StrandLock.class, "waiters", Waiter.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int SPINS = 60;

  private final long subjectName = Strand.nameOfNew(); // (C)
  private volatile @Nullable Strand owner; // (A)
  private volatile @Nullable Waiter waiters; // (A)

  /** A strand that gave up spinning. Belongs to it while detached, so that it can be used again. */
  static final class Waiter {
    final Strand strand;
    @Nullable Waiter next; // written before the push
    volatile boolean detached;

    Waiter(Strand strand) {
      this.strand = strand;
    }
  }

  @Override
  public final long subjectName() {
    return subjectName;
  }

  /** Returns the holder, or null. A snapshot unless the caller is the holder. */
  public final @Nullable Strand owner() {
    return owner;
  }

  /** Returns whether {@code me} holds the lock. */
  public final boolean isOwnedBy(Strand me) {
    return owner == me;
  }

  /**
   * Takes the lock, waiting for it if need be.
   *
   * @throws IllegalStateException if {@code me} holds it already
   */
  public final void acquire(Strand me) {
    if (me.announces()) {
      me.point(StepKind.LOCK, this);
      if (me.controlled()) {
        while (!OWNER.compareAndSet(this, (Strand) null, me)) {
          refuseRecursion(me);
          me.awaitFree(this);
        }
        return;
      }
    }
    if (!OWNER.compareAndSet(this, (Strand) null, me)) {
      acquireSlowly(me);
    }
  }

  /** Takes the lock if it is free at this instant. */
  public final boolean tryAcquire(Strand me) {
    me.point(StepKind.TRY_LOCK, this);
    return owner == null && OWNER.compareAndSet(this, (Strand) null, me);
  }

  /**
   * Gives the lock back.
   *
   * @throws IllegalStateException if {@code me} does not hold it
   */
  public final void release(Strand me) {
    if (owner != me) {
      throw new IllegalStateException(me + " releases " + this + ", which is held by " + owner);
    }
    owner = null;
    if (waiters != null) {
      wakeWaiters();
    }
    me.point(StepKind.UNLOCK, this);
  }

  private void refuseRecursion(Strand me) {
    if (owner == me) {
      throw new IllegalStateException(me + " takes " + this + " a second time");
    }
  }

  private void acquireSlowly(Strand me) {
    refuseRecursion(me);
    for (int i = 0; i < SPINS; i++) {
      if (owner == null && OWNER.compareAndSet(this, (Strand) null, me)) {
        return;
      }
      Thread.onSpinWait();
    }
    Waiter w = me.spareWaiter;
    if (w == null) {
      w = new Waiter(me);
    }
    me.spareWaiter = null; // until it is off every stack again
    while (true) {
      w.detached = false;
      Waiter head;
      do {
        head = waiters;
        w.next = head;
      } while (!WAITERS.compareAndSet(this, head, w));
      if (owner == null && OWNER.compareAndSet(this, (Strand) null, me)) {
        return;
      }
      me.awaits(this);
      while (!w.detached) {
        me.park();
      }
      me.awaits(null);
      if (owner == null && OWNER.compareAndSet(this, (Strand) null, me)) {
        me.spareWaiter = w;
        return;
      }
    }
  }

  private void wakeWaiters() {
    Waiter w = (Waiter) WAITERS.getAndSet(this, (Waiter) null);
    while (w != null) {
      Waiter next = w.next; // read before detaching: its strand may push the node again at once
      Strand s = w.strand;
      w.detached = true;
      s.unpark();
      w = next;
    }
  }
}
