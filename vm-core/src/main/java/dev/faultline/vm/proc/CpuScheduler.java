package dev.faultline.vm.proc;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import org.jspecify.annotations.Nullable;

/**
 * Shares the machine's processors out among the processes that want to run user code: first come, first served, each
 * for a quantum.
 *
 * @see "vm-semantics 6.1, who runs where"
 */
final class CpuScheduler {
  /*
   * Implementation overview
   *
   * Rule         A process takes a processor on its return to user mode (its last one, if free), and keeps it until it
   *              sleeps, exits, or
   *              has used up its quantum while others wait. A processor given up stays in the address space that is
   *              loaded in it.
   * Lock         The scheduler's own, a raw lock: it works in every mode, is taken with no kernel lock held (nor the
   *              token of UP mode,
   *              but for the release on the way to sleep), and nothing is taken under it.
   * Waiting      A waiter queues up and parks until a processor is granted to it by name. Nobody overtakes: a processor
   *              is free only
   *              while nobody waits.
   */
  private final Machine machine; // (C)
  private final StrandLock lock = new StrandLock();
  private long free; // guarded by lock: bit c is set while processor c has no holder
  private @Nullable ProcThread head; // guarded by lock
  private @Nullable ProcThread tail; // guarded by lock
  private int queued; // guarded by lock
  private volatile boolean waiting; // written under lock: queued > 0; racy reads

  CpuScheduler(Machine machine) {
    this.machine = machine;
    this.free = -1L >>> (Long.SIZE - machine.cpus());
  }

  /** Returns whether a process waits for a processor; a snapshot. */
  boolean othersWait() {
    return waiting;
  }

  /** Returns a processor for {@code t}, the caller, which has none; waits for it. No kernel lock is held. */
  Cpu acquire(ProcThread t) {
    Strand me = t.strand();
    me.point(StepKind.CPU, this);
    Cpu cpu = null;
    lock.acquire(me);
    if (head == null && free != 0) {
      cpu = pick(t.lastCpu);
      free &= ~(1L << cpu.id());
    } else {
      enqueue(t);
    }
    lock.release(me);
    if (cpu == null) {
      cpu = awaitGrant(t);
    }
    cpu.context = t;
    return cpu;
  }

  /**
   * Gives up a processor of the caller's: to the process that waits longest, if there is one. Never blocks for long.
   */
  void release(ProcThread t, Cpu cpu) {
    Strand me = t.strand();
    me.point(StepKind.CPU, this);
    cpu.context = null;
    lock.acquire(me);
    ProcThread next = dequeue();
    if (next == null) {
      free |= 1L << cpu.id();
    }
    lock.release(me);
    grant(next, cpu);
  }

  /**
   * Passes a processor of the caller's on to the process that waits longest and queues up behind the others, if any
   * wait.
   */
  Cpu yield(ProcThread t, Cpu cpu) {
    Strand me = t.strand();
    me.point(StepKind.CPU, this);
    lock.acquire(me);
    ProcThread next = dequeue();
    if (next != null) {
      cpu.context = null;
      enqueue(t);
    }
    lock.release(me);
    if (next == null) {
      return cpu;
    }
    grant(next, cpu);
    Cpu mine = awaitGrant(t);
    mine.context = t;
    return mine;
  }

  private Cpu pick(@Nullable Cpu last) {
    if (last != null && (free & (1L << last.id())) != 0) {
      return last;
    }
    return machine.cpu(Long.numberOfTrailingZeros(free));
  }

  private void enqueue(ProcThread t) {
    t.granted = null;
    t.nextWaiting = null;
    if (tail == null) {
      head = t;
    } else {
      tail.nextWaiting = t;
    }
    tail = t;
    queued++;
    waiting = true;
  }

  private @Nullable ProcThread dequeue() {
    ProcThread t = head;
    if (t != null) {
      head = t.nextWaiting;
      t.nextWaiting = null;
      if (head == null) {
        tail = null;
      }
      queued--;
      waiting = queued > 0;
    }
    return t;
  }

  private static void grant(@Nullable ProcThread to, Cpu cpu) {
    if (to != null) {
      Strand s = to.strand();
      to.granted = cpu;
      s.unpark();
    }
  }

  private static Cpu awaitGrant(ProcThread t) {
    Cpu cpu = t.granted;
    t.awaitsCpu(true);
    while (cpu == null) {
      t.strand().park();
      cpu = t.granted;
    }
    t.awaitsCpu(false);
    return cpu;
  }

  @Override
  public String toString() {
    return "scheduler free=0x" + Long.toHexString(free) + " waiting=" + queued;
  }
}
