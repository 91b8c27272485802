package dev.faultline.vm.proc;

import dev.faultline.hw.PageTable;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.trace.TraceKind;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A process: an address space, a thread, parent and children. What it sleeps on when it waits for another process is
 * itself.
 *
 * <p>Legend: (PT) guarded by the process table's lock.
 *
 * @see "vm-semantics 2.6; proc.h"
 */
public final class Process implements Channel {
  /** What a process may wait for that only another process can bring. */
  enum WaitKind {
    EXIT,
    BARRIER,
    VFORK
  }

  /** Why a process was killed. */
  public enum KillReason {
    /** It was the largest when memory and swap were used up (3.5, F). */
    OUT_OF_MEMORY,
    /** Its u-area could not be read back from swap. */
    SWAP_ERROR,
    /** The run is stopped. */
    STOPPED
  }

  private final long pid; // (C) unsigned
  private final int number; // (C) in order of creation

  @Nullable Process parent; // (PT) null for the first, and for orphans
  @Nullable Process firstChild; // (PT) living and not waited for
  @Nullable Process siblingNext; // (PT)
  @Nullable Process siblingPrev; // (PT)
  @Nullable Process liveNext; // (PT)
  @Nullable Process livePrev; // (PT)
  @Nullable ProcThread thread; // (PT) null before its strand runs and after its exit
  boolean exited; // (PT)
  boolean exiting; // (PT) P_WEXIT
  @Nullable KillReason killReason; // (PT) set once
  @Nullable WaitKind waitKind; // (PT) null: does not wait, or was released
  @Nullable Object waitFor; // (PT) the child or the barrier
  boolean holdsParent; // (PT) P_PPWAIT: a vfork's child before its exec or exit

  // Swapping: see ProcessSwap.
  volatile boolean inMemory = true; // (PT) to write: P_INMEM
  boolean swapping; // (PT) P_SWAPPING, either way
  boolean noSwap; // (PT) P_NOSWAP
  boolean sleepsLong; // (PT) in a sleep that may last, and during which it holds nothing
  long since; // (PT) tick at which that sleep began, or at which it was swapped out
  volatile boolean wantsIn; // (PT) to write: runnable, but swapped out
  volatile int locked; // (T) p_lock: in a user fault, not to be swapped out
  volatile int residentLimit = -1; // pages it may have resident, negative for any number
  volatile @Nullable KDaemon swapper; // (PT) to write: who is to bring it in, for reports
  final @Nullable UArea uArea; // (C)

  private volatile ResourceLimits limits = ResourceLimits.defaults(); // written by its own thread, or before that runs
  final List<VmObject> openFiles = new ArrayList<>(0); // its own thread's: each with a reference, until the exit

  private volatile @Nullable Vmspace vmspace; // written by its own thread, or before that runs
  @Nullable SpaceWatcher watcher; // likewise: follows what the address space holds, if anybody does

  Process(long pid, int number, @Nullable Vmspace vmspace, @Nullable UArea uArea) {
    this.pid = pid;
    this.number = number;
    this.vmspace = vmspace;
    this.uArea = uArea;
  }

  /** Returns the number that the program gave it, unsigned. */
  public long pid() {
    return pid;
  }

  /** Returns the objects of the files that it has open; when it is at rest. */
  public List<VmObject> openFiles() {
    return Collections.unmodifiableList(openFiles);
  }

  /** Returns the address space, or null after its exit; its own thread's answer is exact. */
  public @Nullable Vmspace vmspaceOrNull() {
    return vmspace;
  }

  /** Returns the address space of a process that has not exited. */
  public Vmspace vmspace() {
    Vmspace v = vmspace;
    if (v == null) {
      throw new IllegalStateException(this + " has exited");
    }
    return v;
  }

  /** Returns whether the process is not swapped out (P_INMEM); a snapshot, but to its own thread. */
  public boolean isInMemory() {
    return inMemory;
  }

  /** Returns how much memory the process may use. Changed by its own thread alone. */
  public ResourceLimits limits() {
    return limits;
  }

  void setLimits(ResourceLimits l) {
    limits = l;
  }

  /** Sets how many resident pages the process may have before it is trimmed (RLIMIT_RSS); negative for any number. */
  public void setResidentLimit(int pages) {
    residentLimit = pages;
  }

  /** p_lock++: the process's own thread, in a user fault, does not want to be swapped out. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // written by its own thread alone
  void lockIn() {
    locked++;
  }

  /** p_lock--. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  void unlockIn() {
    locked--;
  }

  /** Sets that the process is never to be swapped out, or may be (P_NOSWAP). Guard: the process table's lock. */
  void setNoSwap(boolean on) {
    noSwap = on;
  }

  /** Changes the address space; under the process table's lock, where walks of the table look (Kinship). */
  void setVmspace(@Nullable Vmspace v) {
    vmspace = v;
  }

  @Nullable PageTable pageTable() {
    Vmspace v = vmspace;
    return v == null ? null : v.pmap().table();
  }

  @Override
  public @Nullable Object holder() {
    KDaemon s = swapper;
    return s == null ? null : s.thread();
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.PROCESS;
  }

  @Override
  public long traceId() {
    return pid;
  }

  @Override
  public int channelNumber() {
    return number * 17 + 5;
  }

  @Override
  public String toString() {
    return "pid " + Long.toUnsignedString(pid);
  }
}
