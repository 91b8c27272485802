package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** A strand that purges one processor's TLB on behalf of shootdown initiators, late and in heaps. For tests. */
final class ShootAgent {
  /*
   * Implementation overview
   *
   * What it is    Step 3 of the shootdown protocol, done by another strand after a random or held-up while
   *               (vm-semantics 6.2). Started by the first order, it parks when there is none.
   * Locks         lock guards the fields marked (L); a leaf, dropped around the delay and the purge. Orders already
   *               taken are the agent's.
   * Waiting       Initiator: until its order is done. Agent: until there are orders and it is not held. Both re-test
   *               in a loop.
   */
  private final Cpu cpu; // (C)
  private final Strands strands; // (C)
  private final long delayNanos; // (C)
  private final boolean merge; // (C)
  private final StrandLock lock = new StrandLock();
  private final List<Order> orders = new ArrayList<>(); // (L)
  private final SplittableRandom random; // the agent's
  private @Nullable Strand strand; // (L) null until started
  private boolean held; // (L)
  private boolean closed; // (L)
  private long merged; // (L) orders that were done together with an earlier one

  private static final class Order {
    final PageTable of;
    final long start;
    final long end;
    final Strand initiator;
    volatile boolean done;

    Order(PageTable of, long start, long end, Strand initiator) {
      this.of = of;
      this.start = start;
      this.end = end;
      this.initiator = initiator;
    }
  }

  ShootAgent(Cpu cpu, MachineConfig config, Strands strands) {
    this.cpu = cpu;
    this.strands = strands;
    this.delayNanos = config.mmu().shootDelay();
    this.merge = config.mmu().shootMerge();
    this.random = new SplittableRandom(config.seedFor(256 + cpu.id()));
  }

  /** Has the processor purged and waits until it is. */
  void shoot(PageTable of, long start, long end) {
    Strand me = Strand.current();
    Order order = new Order(of, start, end, me);
    lock.acquire(me);
    try {
      if (closed) {
        throw new IllegalStateException("machine is closed");
      }
      orders.add(order);
      wake();
    } finally {
      lock.release(me);
    }
    while (!order.done) {
      me.park();
    }
  }

  /** Keeps the agent from purging until {@link #letGo}. */
  void hold() {
    set(true);
  }

  /** Ends {@link #hold}. */
  void letGo() {
    set(false);
  }

  /** Returns the orders that wait. */
  int waiting() {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      return orders.size();
    } finally {
      lock.release(me);
    }
  }

  /** Returns the orders done so far in one purge with another. */
  long merged() {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      return merged;
    } finally {
      lock.release(me);
    }
  }

  private void set(boolean hold) {
    Strand me = Strand.current();
    lock.acquire(me);
    try {
      held = hold;
      if (strand != null) {
        strand.unpark();
      }
    } finally {
      lock.release(me);
    }
  }

  /** Starts or wakes the agent. The lock is held. */
  private void wake() {
    if (strand == null) {
      strand = strands.start("shoot-agent-" + cpu.id(), this::run);
    } else {
      strand.unpark();
    }
  }

  private void run() {
    Strand me = Strand.current();
    List<Order> taken = new ArrayList<>();
    while (take(me, taken)) {
      if (delayNanos > 0) {
        linger(me, random.nextLong(delayNanos + 1));
      }
      if (merge) {
        takeMore(me, taken);
      }
      purge(me, taken);
      for (Order order : taken) {
        order.done = true;
        order.initiator.unpark();
      }
      taken.clear();
    }
  }

  /** Waits for orders and takes the oldest; false when the machine is closed. */
  private boolean take(Strand me, List<Order> taken) {
    while (true) {
      lock.acquire(me);
      try {
        if (!orders.isEmpty() && (!held || closed)) {
          taken.add(orders.remove(0));
          return true;
        }
        if (closed) {
          return false;
        }
      } finally {
        lock.release(me);
      }
      me.park();
    }
  }

  private void takeMore(Strand me, List<Order> taken) {
    lock.acquire(me);
    try {
      merged += orders.size();
      taken.addAll(orders);
      orders.clear();
    } finally {
      lock.release(me);
    }
  }

  private void linger(Strand me, long nanos) {
    long end = strands.nanoTime() + nanos;
    for (long left = nanos; left > 0; left = end - strands.nanoTime()) {
      me.parkNanos(left);
    }
  }

  private void purge(Strand me, List<Order> taken) {
    me.point(StepKind.SHOOT, cpu);
    if (taken.size() == 1) {
      Order order = taken.get(0);
      cpu.shoot(order.of, order.start, order.end, order.initiator);
    } else {
      cpu.shootAll(taken.size());
    }
    HardwareObserver observer = cpu.hardware;
    if (observer != null) {
      for (Order order : taken) {
        observer.purged(cpu, order.of);
      }
    }
  }

  /** Ends the strand once it has done what is ordered; see {@link Machine#close}. */
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
}
