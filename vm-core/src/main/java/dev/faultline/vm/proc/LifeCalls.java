package dev.faultline.vm.proc;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Segments;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.trace.TraceEvent;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The calls in which processes begin, wait for each other and end.
 *
 * @see SystemCalls
 * @see "vm-semantics 3.8; kern_fork.c, kern_exit.c, kern_exec.c"
 */
public final class LifeCalls {
  private final ProcessTable table; // (C)
  private final Kinship kinship; // (C)
  private final FreeList freeList; // (C)
  private final int pageSize; // (C)
  private final boolean hVforkCopy; // (C)

  LifeCalls(ProcessTable table, Kinship kinship, FreeList freeList, int pageSize, Set<Defect> defects) {
    this.table = table;
    this.kinship = kinship;
    this.freeList = freeList;
    this.pageSize = pageSize;
    hVforkCopy = defects.contains(Defect.H_VFORK_COPY);
  }

  /**
   * Starts a child with a copy of the address space, as its inheritance says. Waits while memory is short.
   *
   * @param main what the child does
   * @return OK: {@link ProcThread#lastChild} is the child; ENOMEM if there is no memory for it
   */
  public CallResult fork(ProcThread t, long pid, ProcessMain main) {
    t.enterKernel("fork");
    CallResult r = startChild(t, pid, main, false);
    if (r == CallResult.OK) {
      t.count(Event.FORKS);
    }
    return t.leaveKernel(r);
  }

  /** Starts a child in this address space and sleeps until its exec or exit. As {@link #fork} otherwise. */
  public CallResult vfork(ProcThread t, long pid, ProcessMain main) {
    t.enterKernel("vfork");
    CallResult r = startChild(t, pid, main, true);
    Process child = t.lastChild();
    if (r == CallResult.OK && child != null) {
      t.count(Event.VFORKS);
      r = kinship.awaitVforkDone(t, child);
    }
    return t.leaveKernel(r);
  }

  private CallResult startChild(ProcThread t, long pid, ProcessMain main, boolean vfork) {
    if (!awaitMemory(t)) {
      return CallResult.SIGKILL;
    }
    UArea uArea;
    try {
      uArea = table.swap().newUArea(pid);
    } catch (ProcessSwap.Killed e) {
      return CallResult.ENOMEM;
    }
    Process me = t.process();
    SpaceWatcher w = me.watcher;
    if (vfork && !hVforkCopy) {
      t.setLastChild(table.spawn(me, pid, me.vmspace().share(), w, true, uArea, main));
      return CallResult.OK;
    }
    if (w != null) {
      w.forkBegins();
    }
    Vmspace copy = me.vmspace().fork("pid " + Long.toUnsignedString(pid));
    if (copy == null) { // killed while it waited for memory (R36)
      if (w != null) {
        w.forkFailed();
      }
      if (uArea != null) {
        uArea.free();
      }
      return CallResult.ENOMEM;
    }
    SpaceWatcher childWatcher = w == null ? null : w.forked((int) pid);
    t.setLastChild(table.spawn(me, pid, copy, childWatcher, vfork, uArea, main));
    return CallResult.OK;
  }

  /** Waits until free + cache &gt;= free_min. Returns false if killed meanwhile. */
  private boolean awaitMemory(ProcThread t) {
    while (true) {
      long gen = freeList.generation();
      if (freeList.freeCount() + freeList.cacheCount() >= freeList.thresholds().freeMin()) {
        return true;
      }
      freeList.waitForMemory(gen, true);
      if (t.isKilled()) {
        return false;
      }
    }
  }

  /** Drops the whole address space, for an empty one of the process's own. */
  public CallResult exec(ProcThread t) {
    t.enterKernel("exec");
    dropAddressSpace(t);
    kinship.releaseParent(t.process());
    return t.leaveKernel(CallResult.OK);
  }

  /**
   * Drops the whole address space for one with an empty data segment and a stack. EINVAL if there is no room for these,
   * or they are not page aligned; then nothing has changed.
   */
  public CallResult exec(ProcThread t, ExecImage image) {
    t.enterKernel("exec");
    Process me = t.process();
    if (!image.fits(me.vmspace().map(), pageSize)) {
      return t.leaveKernel(CallResult.EINVAL);
    }
    dropAddressSpace(t);
    Segments s = me.vmspace().segments();
    s.setUp(image.dataStart(), image.stackMin(), image.stackTop());
    // its first part; without one if the limit is below a page, and every access is refused
    boolean hasStack = s.growStack(image.stackTop() - pageSize, me.limits().soft(ResourceLimits.Limit.STACK));
    SpaceWatcher w = me.watcher;
    if (w != null && hasStack) {
      w.mappedAnonymous(s.stackBottom(), image.stackTop() - s.stackBottom(), VmProt.ALL, false);
    }
    kinship.releaseParent(me);
    return t.leaveKernel(CallResult.OK);
  }

  private void dropAddressSpace(ProcThread t) {
    Process me = t.process();
    Vmspace old = me.vmspace();
    dropped(me, old);
    Vmspace fresh = old.exec(me.toString());
    if (fresh != old) {
      kinship.changeVmspace(me, fresh);
      me.watcher = table.newSpaceWatcher(me.pid());
      t.loadAddressSpace();
      old.free();
    }
    t.count(Event.EXECS);
    t.domain().tracer().event(TraceEvent.EXEC, me);
  }

  /** Tells the watcher of an address space that it is about to be emptied, unless others use it still (vfork). */
  private static void dropped(Process p, Vmspace space) {
    SpaceWatcher w = p.watcher;
    if (w != null && space.refCount() == 1) {
      w.dropped();
    }
  }

  /**
   * Sleeps until {@code child} has exited. ECHILD if it is no child of the caller's (null), or was waited for already.
   */
  public CallResult waitFor(ProcThread t, @Nullable Process child) {
    t.enterKernel("waitFor");
    return t.leaveKernel(child == null ? CallResult.ECHILD : kinship.waitFor(t, child));
  }

  /** Sleeps until as many processes have come to {@code b} as it has parties. */
  public CallResult barrier(ProcThread t, Barrier b) {
    t.enterKernel("barrier");
    return t.leaveKernel(kinship.arrive(t, b));
  }

  /**
   * Sleeps.
   *
   * @param ticks unsigned
   */
  public CallResult sleep(ProcThread t, long ticks) {
    t.enterKernel("sleep");
    return t.leaveKernel(kinship.sleep(t, ticks));
  }

  /** Ends the process: its memory goes, then its parent hears of it. The thread may only end afterwards. */
  public void exit(ProcThread t) {
    t.enterKernel("exit");
    Process me = t.process();
    Vmspace space = me.vmspace();
    dropped(me, space);
    t.leaveAddressSpace();
    kinship.exiting(me);
    space.free();
    ReadWrite.closeAll(me);
    UArea u = me.uArea;
    if (u != null) {
      u.free(); // nobody swaps an exiting process
    }
    kinship.exited(me);
    t.exitKernel();
  }

  @Override
  public String toString() {
    return "life calls";
  }
}
