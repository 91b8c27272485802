package dev.faultline.vm.proc;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.fault.VmFault;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import org.jspecify.annotations.Nullable;

/**
 * A process's own thread: between user code and the kernel, on a processor or waiting for one.
 *
 * <p>All is the thread's own business but where it is said.
 */
public final class ProcThread extends KThread implements SpaceWatcher.Holder {
  /*
   * Implementation overview
   *
   * In user mode   cpu is not null and has the process's address space loaded.
   * In the kernel  cpu is the processor kept from user mode, or null since the first sleep.
   * A kill         is noticed on the way back to user mode, and where the quantum ends. A killed process takes no
   *                processor any more.
   */
  private final Process process; // (C)
  private final CpuScheduler scheduler; // (C)
  private final int quantum; // (C) accesses
  @Nullable Cpu cpu;
  @Nullable Cpu lastCpu;
  private int quantumLeft;
  private final UserAccess access; // (C)
  private @Nullable Process lastChild;
  private @Nullable String currentCall; // for traces
  private long foundAddress;

  volatile @Nullable Cpu granted; // written by who gives up a processor
  @Nullable ProcThread nextWaiting; // the scheduler's

  /** Makes the calling strand the thread of {@code process}, in the kernel, without a processor. */
  ProcThread(
      SyncDomain domain, Process process, CpuScheduler scheduler, VmFault fault, int pageSize, int quantum) {
    super(domain, process.toString(), false);
    this.process = process;
    this.scheduler = scheduler;
    this.quantum = quantum;
    this.quantumLeft = quantum;
    this.access = new UserAccess(this, fault, pageSize);
  }

  /** Returns the process. */
  public Process process() {
    return process;
  }

  /** Returns the process's memory accesses. */
  public UserAccess access() {
    return access;
  }

  @Override
  public @Nullable SpaceWatcher spaceWatcher() {
    return process.watcher;
  }

  /** {@inheritDoc} A swapped-out process has nowhere to keep them. */
  @Override
  public boolean keepsStatistics() {
    return process.isInMemory();
  }

  /** Returns the child that the last successful fork or vfork started. */
  public @Nullable Process lastChild() {
    return lastChild;
  }

  /** Returns the address that the last successful call gave which finds one itself (mmap). */
  public long foundAddress() {
    return foundAddress;
  }

  void setFoundAddress(long va) {
    foundAddress = va;
  }

  void setLastChild(Process child) {
    lastChild = child;
  }

  /**
   * Runs kernel code on this thread as a system call of its own would, for harnesses; the code may sleep.
   *
   * @return OK, or SIGKILL if the process has been killed
   */
  public CallResult inKernel(Runnable body) {
    enterKernel();
    body.run();
    return leaveKernel(CallResult.OK);
  }

  /** Enters the kernel from user mode. */
  void enterKernel() {
    domain().token().enter();
  }

  /** Enters the kernel from user mode by a system call of this name. */
  void enterKernel(String call) {
    domain().token().enter();
    currentCall = call;
    domain().tracer().word(TraceEvent.CALL, call);
  }

  /**
   * Leaves the kernel for user mode, on a processor.
   *
   * @return {@code result}, or SIGKILL if the process has been killed; then it is to exit and has no need of a
   *     processor
   */
  CallResult leaveKernel(CallResult result) {
    checkNothingHeld();
    returned();
    assert mapLocksHeld == 0 : this + " leaves the kernel with map locks held (I-57)";
    assert process.isInMemory() || isKilled() : this + " returns to user mode swapped out";
    if (currentCall != null) {
      domain().tracer().words(TraceEvent.CALL_END, currentCall, result.name());
      currentCall = null;
    }
    domain().token().leave();
    if (isKilled()) {
      return CallResult.SIGKILL;
    }
    Cpu c = cpu;
    if (c == null) {
      c = scheduler.acquire(this);
      domain().tracer().event(TraceEvent.RUN, c.id());
      quantumLeft = quantum;
    } else if (quantumLeft <= 0) {
      c = endQuantum(c);
    }
    dispatch(c);
    return result;
  }

  /**
   * Counts an access against the quantum. Returns whether the quantum is used up: {@link #quantumEnded} is to be
   * called.
   */
  boolean countAccess() {
    return --quantumLeft < 0;
  }

  /** Lets others run, if any wait. In user mode. Returns whether the process has been killed. */
  boolean quantumEnded() {
    Cpu c = cpu;
    if (isKilled() || c == null) {
      return true;
    }
    dispatch(endQuantum(c));
    return isKilled();
  }

  private Cpu endQuantum(Cpu c) {
    Cpu next = scheduler.othersWait() ? scheduler.yield(this, c) : c;
    quantumLeft = quantum;
    return next;
  }

  private void dispatch(Cpu c) {
    cpu = c;
    lastCpu = c;
    PageTable table = process.pageTable();
    if (c.current() != table) {
      c.switchTo(table);
    }
  }

  /** Loads the process's address space, which is a new one, if the thread has a processor. */
  void loadAddressSpace() {
    Cpu c = cpu;
    if (c != null) {
      c.switchTo(process.pageTable());
    }
  }

  /** Switches the processor, if the thread has one, off the process's address space, which is about to go. */
  void leaveAddressSpace() {
    Cpu c = cpu;
    if (c != null) {
      c.switchTo(null);
    }
  }

  /** Leaves the kernel for good: the process has exited. */
  void exitKernel() {
    checkNothingHeld();
    assert mapLocksHeld == 0 : this + " exits with map locks held (I-57)";
    domain().tracer().event(TraceEvent.EXIT, process);
    domain().token().leave();
    releaseCpu();
  }

  /** Gives up the processor, if the thread has one. */
  void releaseCpu() {
    Cpu c = cpu;
    if (c != null) {
      cpu = null;
      scheduler.release(this, c);
    }
  }

  @Override
  protected void beforeSleep() {
    releaseCpu();
  }
}
