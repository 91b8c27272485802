package dev.faultline.vm.proc;

import dev.faultline.hw.PageTable;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.sync.Channel;
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

  private volatile @Nullable Vmspace vmspace; // written by its own thread, or before that runs
  @Nullable SpaceWatcher watcher; // likewise: follows what the address space holds, if anybody does

  Process(long pid, int number, @Nullable Vmspace vmspace) {
    this.pid = pid;
    this.number = number;
    this.vmspace = vmspace;
  }

  /** Returns the number that the program gave it, unsigned. */
  public long pid() {
    return pid;
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

  void setVmspace(@Nullable Vmspace v) {
    vmspace = v;
  }

  @Nullable PageTable pageTable() {
    Vmspace v = vmspace;
    return v == null ? null : v.pmap().table();
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
