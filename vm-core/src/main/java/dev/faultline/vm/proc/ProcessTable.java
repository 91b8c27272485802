package dev.faultline.vm.proc;

import dev.faultline.hw.Machine;
import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.fault.VmFault;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.pageout.ProcessWalker;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import java.util.ArrayList;
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
  /** Where user addresses end. */
  private static final long USER_END = KernelMemory.BASE;

  /** Accesses that a process may make before others get its processor. */
  private static final int QUANTUM = 20_000;

  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final VmMaps maps; // (C)
  private final VmFault fault; // (C)
  private final VnodePager vnodePager; // (C)
  private final Kinship kinship; // (C)
  private final CpuScheduler scheduler; // (C)
  private final DaemonOptions options; // (C)
  private final ProcessSwap swap; // (C)
  private final SystemCalls systemCalls; // (C)
  private final AtomicInteger strandsLeft = new AtomicInteger(); // (A)
  private volatile int quantum = QUANTUM;
  private @Nullable MemoryWatcher watcher; // (C) once the first process runs
  private Runnable started = () -> {}; // (C) once booted
  private volatile boolean died;
  private volatile @Nullable Strand waiter; // who awaits the end

  public ProcessTable(
      SyncDomain domain,
      Machine machine,
      VmMaps maps,
      VmFault fault,
      VmObjects objects,
      VnodePager vnodePager,
      FileBlocks blocks,
      DaemonOptions options,
      Set<Defect> defects) {
    this.domain = domain;
    this.maps = maps;
    this.fault = fault;
    this.pages = objects.pages();
    this.vnodePager = vnodePager;
    kinship = new Kinship(domain);
    scheduler = new CpuScheduler(machine);
    this.options = options;
    swap = new ProcessSwap(kinship, domain, pages, maps, options);
    kinship.setSwap(swap);
    systemCalls = new SystemCalls(this, kinship, objects, vnodePager, blocks, defects);
  }

  /** Sets how many accesses a process may make before others get its processor; for processes started from now on. */
  public void setQuantum(int accesses) {
    quantum = accesses;
  }

  /** Tells who wants to know that a process has been started; at boot. */
  public void setStarted(Runnable r) {
    started = r;
  }

  ProcessSwap swap() {
    return swap;
  }

  /** Installs who follows what memory holds; before the first file and the first process. */
  public void setWatcher(@Nullable MemoryWatcher w) {
    watcher = w;
    vnodePager.setWatcher(w);
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
    Process p = spawn(null, pid, empty, newSpaceWatcher(pid), false, firstUArea(pid), main);
    started.run();
    return p;
  }

  private @Nullable UArea firstUArea(long pid) {
    try {
      return swap.newUArea(pid);
    } catch (ProcessSwap.Killed e) {
      throw new IllegalStateException("who starts the first process is no process", e);
    }
  }

  /** Makes an empty address space for user code, with one reference. The caller is a kernel thread, in the kernel. */
  public Vmspace newVmspace(String name) {
    return new Vmspace(maps, name, 0, USER_END);
  }

  /**
   * Makes the calling thread, which is no strand, the thread of a new process, in user mode on a processor: for
   * benchmarks and tests that bring their own threads. It is to call {@link LifeCalls#exit} and then {@link
   * #abandon}.
   *
   * @param vmspace an address space whose reference the process takes over, or null for an empty one of its own
   */
  public ProcThread adopt(long pid, @Nullable Vmspace vmspace) {
    domain.strands().attach("pid " + pid);
    return adoptHere(pid, vmspace);
  }

  /**
   * Makes the calling strand, which is no kernel thread, the thread of a new process, as {@link #adopt} does: for who
   * brings strands. It is to call {@link LifeCalls#exit} and then {@link ProcThread#end}.
   */
  public ProcThread adoptHere(long pid, @Nullable Vmspace vmspace) {
    KThread boot = new KThread(domain, "adopt", false);
    domain.token().enter();
    Process p = kinship.add(null, pid, vmspace == null ? newVmspace("pid " + pid) : vmspace, false, null);
    p.setNoSwap(true); // its thread is not the kernel's
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
      @Nullable UArea uArea,
      ProcessMain main) {
    Process p = kinship.add(parent, pid, vmspace, holdsParent, uArea);
    p.setResidentLimit(parent == null ? options.residentPages() : parent.residentLimit);
    if (parent != null) {
      p.setLimits(parent.limits());
    }
    p.watcher = spaceWatcher;
    strandsLeft.incrementAndGet();
    domain.tracer().event(TraceEvent.FORK, p);
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
      systemCalls.life().exit(t);
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

  @Override
  public void swapOutIdle() {
    swap.swapOutIdle();
  }

  @Override
  public List<OverLimit> overLimit() {
    List<OverLimit> all = new ArrayList<>();
    kinship.forEachLive(
        p -> {
          Vmspace v = p.vmspaceOrNull();
          int limit = p.inMemory ? p.residentLimit : 0;
          if (v != null && limit >= 0 && v.pmap().residentCount() > limit) {
            v.map().reference(); // the process has not let go of it yet: that takes this lock
            all.add(new OverLimit(v.map(), limit, !p.inMemory));
          }
        });
    return all;
  }

  @Override
  public boolean anyLive() {
    return kinship.live() > 0;
  }

  /** Ends the swap-in scheduler's strand. The caller is a strand, holds nothing, and is not in the kernel. */
  public void shutdown() {
    swap.shutdown();
  }

  /** Calls {@code visitor} for the address space that is each live process's u-area. */
  public void forEachUArea(Consumer<Vmspace> visitor) {
    kinship.forEachLive(
        p -> {
          if (p.uArea != null) {
            visitor.accept(p.uArea.space());
          }
        });
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
