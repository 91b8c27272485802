package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Makes processors forget translations: the machine's inter-processor interrupts, as far as the VM needs them. */
public final class Shootdown {
  /*
   * Implementation overview
   *
   * Protocol      vm-semantics 6.2: fence; read the table's active set; for each processor in it take T, purge, give
   *               T back with a new generation. The initiator does it all. One T at a time and nothing under it, so
   *               initiators cannot deadlock whatever kernel mutexes they hold; who waits for a T waits for one
   *               access or one other purge.
   * Agents        With shootDelay or shootMerge, the third step is left to a strand for each processor, and the
   *               initiator waits for it. An agent takes T and its own queue's lock and nothing else.
   * Schedule      One point before each processor's purge, none under T.
   */
  private final Cpu[] cpus; // (C)
  private final boolean controlled; // (C)
  private final ShootAgent @Nullable [] agents; // (C) null without agents
  private final LongAdder shootdowns = new LongAdder(); // (A)
  @Nullable HardwareObserver hardware; // set before anything runs

  Shootdown(Cpu[] cpus, MachineConfig config, Strands strands) {
    this.cpus = cpus;
    this.controlled = strands.controlled();
    if (config.mmu().agents()) {
      agents = new ShootAgent[cpus.length];
      for (int i = 0; i < cpus.length; i++) {
        agents[i] = new ShootAgent(cpus[i], config, strands);
      }
    } else {
      agents = null;
    }
  }

  /**
   * Makes sure that no processor uses what it remembers of a range any more. The page table entries have been changed
   * already; when this returns, every access that begins later on any processor obeys the changed entries, and none
   * that began earlier is half done.
   *
   * <p>May be called with mutexes held. Never sleeps in the kernel's sense; may wait for an access of each processor,
   * or for its agent.
   *
   * @param start first address
   * @param end address after the last, above {@code start}
   */
  public void shoot(PageTable of, long start, long end) {
    assert start < end : "range 0x" + Long.toHexString(start) + " to 0x" + Long.toHexString(end);
    VarHandle.fullFence();
    shootdowns.increment();
    HardwareObserver observer = hardware;
    if (observer != null) {
      observer.shooting(of, start, end);
    }
    Strand me = Strand.currentOrNull();
    for (long set = of.activeMask(); set != 0; set &= set - 1) {
      Cpu cpu = cpus[Long.numberOfTrailingZeros(set)];
      if (controlled) {
        Strand.current().point(StepKind.SHOOT, cpu);
      }
      if (agents == null) {
        cpu.shoot(of, start, end, me);
        if (observer != null) {
          observer.purged(cpu, of);
        }
      } else {
        agents[cpu.id()].shoot(of, start, end);
      }
    }
  }

  /**
   * Takes processors that nobody runs on off a table that is about to be released, so that its active set empties.
   *
   * @return whether the set is empty now
   */
  public boolean switchOff(PageTable table) {
    for (Cpu cpu : cpus) {
      if ((table.activeMask() & (1L << cpu.id())) != 0) {
        cpu.switchOff(table);
      }
    }
    return table.activeMask() == 0;
  }

  /** Returns whether some processor's TLB maps a frame. An answer for an instant; each processor in turn. */
  public boolean anyEntryMaps(int frame) {
    boolean[] found = new boolean[1];
    for (Cpu cpu : cpus) {
      cpu.visitTlb((va, f, writable, modifiedSeen) -> found[0] |= f == frame);
    }
    return found[0];
  }

  /** Returns the calls of {@link #shoot} so far. */
  public long shootdowns() {
    return shootdowns.sum();
  }

  /** Returns the purges made so far on processors that the initiator was not running on. Racy. */
  public long remotePurges() {
    long n = 0;
    for (Cpu cpu : cpus) {
      n += cpu.remoteShoots();
    }
    return n;
  }

  /** Returns the agent of a processor, to script its delay; null without agents. */
  @Nullable ShootAgent agent(int cpu) {
    return agents == null ? null : agents[cpu];
  }

  /** Ends the agents once they have done what is ordered; see {@link Machine#close}. */
  void stop(Strand me, List<Strand> ending) {
    if (agents != null) {
      for (ShootAgent agent : agents) {
        agent.stop(me, ending);
      }
    }
  }
}
