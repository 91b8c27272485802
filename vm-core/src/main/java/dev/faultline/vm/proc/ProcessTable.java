package dev.faultline.vm.proc;

import dev.faultline.hw.Machine;
import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.fault.VmFault;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.pageout.ProcessWalker;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's processes: starts them, each on a strand of its own, tells when they have ended, stops them all, kills
 * the largest.
 *
 * @see "vm-semantics 2.6, 3.5 F, 6.1"
 */
public final class ProcessTable implements ProcessWalker {
  /*
   * Implementation overview
   *
   * A process's strand begins in the kernel, takes a processor on its way to user mode, runs its main, which ends with
   * exit, and then counts itself off. Kinship knows who waits for whom; what is here is about strands.
   */
  /** Where user addresses end: half of a 48-bit space. */
  private static final long USER_END = 1L << 47;

  /** Accesses that a process may make before others get its processor. */
  private static final int QUANTUM = 20_000;

  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final VmMaps maps; // (C)
  private final VmFault fault; // (C)
  private final Kinship kinship; // (C)
  private final CpuScheduler scheduler; // (C)
  private final SystemCalls systemCalls; // (C)
  private final AtomicInteger strandsLeft = new AtomicInteger(); // (A)
  private volatile int quantum = QUANTUM;
  private @Nullable MemoryWatcher watcher; // (C) once the first process runs
  private volatile boolean died;
  private volatile @Nullable Strand waiter; // who awaits the end

  public ProcessTable(
      SyncDomain domain,
      Machine machine,
      VmMaps maps,
      VmFault fault,
      VmObjects objects,
      VnodePager vnodePager,
      Set<Defect> defects) {
    this.domain = domain;
    this.maps = maps;
    this.fault = fault;
    this.pages = objects.pages();
    kinship = new Kinship(domain);
    scheduler = new CpuScheduler(machine);
    systemCalls = new SystemCalls(this, kinship, objects, vnodePager, defects);
  }

  /** Sets how many accesses a process may make before others get its processor; for processes started from now on. */
  public void setQuantum(int accesses) {
    quantum = accesses;
  }

  /** Installs who follows what memory holds; before the first file and the first process. */
  public void setWatcher(@Nullable MemoryWatcher w) {
    watcher = w;
  }

  /** Returns who follows what memory holds, or null. */
  public @Nullable MemoryWatcher watcher() {
    return watcher;
  }

  /** Returns a watcher for a new, empty address space; null if nobody watches. */
  @Nullable SpaceWatcher newSpaceWatcher(long pid) {
    MemoryWatcher w = watcher;
    return w == null ? null : w.newSpace((int) pid);
  }

  /** Returns the system calls. */
  public SystemCalls systemCalls() {
    return systemCalls;
  }

  /** Makes a barrier for so many processes. */
  public Barrier barrier(String name, int parties) {
    return new Barrier(name, parties);
  }

  /** Starts a process without a parent, with an empty address space. The caller is a kernel thread, in the kernel. */
  public Process start(long pid, ProcessMain main) {
    Vmspace empty = newVmspace("pid " + Long.toUnsignedString(pid));
    return spawn(null, pid, empty, newSpaceWatcher(pid), false, main);
  }

  /** Makes an empty address space for user code, with one reference. The caller is a kernel thread, in the kernel. */
  public Vmspace newVmspace(String name) {
    return new Vmspace(maps, name, 0, USER_END);
  }

  /**
   * Makes the calling thread, which is no strand, the thread of a new process, in user mode on a processor: for
   * benchmarks and tests that bring their own threads. It is to call {@link SystemCalls#exit} and then {@link
   * #abandon}.
   *
   * @param vmspace an address space whose reference the process takes over, or null for an empty one of its own
   */
  public ProcThread adopt(long pid, @Nullable Vmspace vmspace) {
    domain.strands().attach("pid " + pid);
    KThread boot = new KThread(domain, "adopt", false);
    domain.token().enter();
    Process p = kinship.add(null, pid, vmspace == null ? newVmspace("pid " + pid) : vmspace, false);
    domain.token().leave();
    boot.end();
    ProcThread t = new ProcThread(domain, p, scheduler, fault, pages.memory().pageSize(), quantum);
    t.enterKernel();
    kinship.began(t);
    t.leaveKernel(CallResult.OK);
    return t;
  }

  /** Ends what {@link #adopt} began, on the same thread, after the process's exit. */
  public void abandon(ProcThread t) {
    t.end();
    domain.strands().detach();
  }

  /** Makes a process, which takes over a reference to {@code vmspace}, and starts its strand. */
  Process spawn(
      @Nullable Process parent,
      long pid,
      Vmspace vmspace,
      @Nullable SpaceWatcher spaceWatcher,
      boolean holdsParent,
      ProcessMain main) {
    Process p = kinship.add(parent, pid, vmspace, holdsParent);
    p.watcher = spaceWatcher;
    strandsLeft.incrementAndGet();
    domain.start(p.toString(), () -> run(p, main));
    return p;
  }

  private void run(Process p, ProcessMain main) {
    ProcThread t = new ProcThread(domain, p, scheduler, fault, pages.memory().pageSize(), quantum);
    domain.began();
    t.enterKernel();
    kinship.began(t);
    if (t.leaveKernel(CallResult.OK) == CallResult.OK) {
      main.run(t);
    }
    if (p.vmspaceOrNull() != null) {
      systemCalls.exit(t);
    }
    t.end();
    strandsLeft.decrementAndGet();
    wakeWaiter();
  }

  // ---------------------------------------------------------------------------------------------- the end

  /**
   * Waits until all processes have ended, or a strand of the kernel has died.
   *
   * @param nanos how long at most
   * @return whether nothing is left to wait for
   */
  public boolean awaitEnd(long nanos) {
    Strand me = Strand.current();
    long deadline = domain.strands().nanoTime() + nanos;
    waiter = me;
    try {
      while (strandsLeft.get() > 0 && !died) {
        long left = deadline - domain.strands().nanoTime();
        if (left <= 0) {
          return false;
        }
        me.parkNanos(left);
      }
      return true;
    } finally {
      waiter = null;
    }
  }

  private void wakeWaiter() {
    Strand w = waiter;
    if (w != null) {
      w.unpark();
    }
  }

  /** Tells that a strand of the kernel has died: no process may ever end now. */
  public void strandDied() {
    died = true;
    wakeWaiter();
  }

  /**
   * Has every process end as soon as it leaves the kernel, whatever it waits for. The caller is a kernel thread, in the
   * kernel.
   */
  public void stop() {
    kinship.stop();
    pages.freeList().wakeWaiters();
  }

  @Override
  public boolean killLargest() {
    boolean onItsWay = kinship.killLargest();
    if (onItsWay) {
      pages.freeList().wakeWaiters();
    }
    return onItsWay;
  }

  // ---------------------------------------------------------------------------------------------- inspection

  /** Returns the number of processes that have not exited. */
  public int live() {
    return kinship.live();
  }

  /** Returns the number of processes that sleep for time to pass; a snapshot. */
  public int sleeping() {
    return kinship.sleeping();
  }

  /** Returns who waits for whom for ever, if the run was stopped because nobody else was left; else null. */
  public @Nullable String stuck() {
    return kinship.stuck();
  }

  /** Returns the processes that were killed for want of memory, in order. */
  public List<Process> killedForMemory() {
    return kinship.killedForMemory();
  }

  /** Calls {@code visitor} for each process that has not exited; it must not take a lock. */
  public void forEachLive(Consumer<Process> visitor) {
    kinship.forEachLive(visitor);
  }

  @Override
  public String toString() {
    return "process table: " + strandsLeft + " strands";
  }
}
