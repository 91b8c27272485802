package dev.faultline.vm.proc;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.proc.Process.KillReason;
import dev.faultline.vm.proc.Process.WaitKind;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * All processes: whose children they are, what they wait for, how they end.
 *
 * @see "vm-semantics 2.6; kern_fork.c, kern_exit.c"
 */
final class Kinship {
  /*
   * Implementation overview
   *
   * Lock         One leaf mutex, real in every mode: what races in this model is memory, not kinship. Only sleep queues
   *              are taken inside.
   * Waiting      A process that waits for another (wait, barrier, vfork) notes in itself what for, counts as blocked
   *              and sleeps on itself.
   *              Whoever brings it clears the note, takes it off the count and wakes it: one hold of the lock, so that
   *              blocked is exact at
   *              every instant, whatever the woken process does next.
   * No way out   blocked == live means that nobody is left who could release anybody: a sleep for a page, a disk or a
   *              timer is not a
   *              block. Tested where blocked rises and where live falls; then the state is put into words and all are
   *              stopped.
   * Killing      Sets the reason once, marks the thread, ends a wait for another process (the era's wait was
   *              interruptible). Waits for
   *              memory are the free list's to wake, after the lock was released.
   * Lifecycle    live -> exited, a child to be waited for -> forgotten. An orphan is forgotten when it exits.
   */
  private static final int SHOWN_MAX = 20;
  private static final long TICKS_MAX = 1L << 60;

  final KMutex lock; // LockRank.LEAF
  private final SyncDomain domain; // (C)
  private @Nullable ProcessSwap swap; // (C) once booted

  @GuardedBy("lock")
  private @Nullable Process liveHead;

  @GuardedBy("lock")
  private int live;

  @GuardedBy("lock")
  private int blocked;

  @GuardedBy("lock")
  private int victims; // killed for memory and not exited yet

  @GuardedBy("lock")
  private int sleeping; // for time to pass

  @GuardedBy("lock")
  private int created;

  @GuardedBy("lock")
  private boolean stopped;

  // Written under lock, read by anybody.
  private volatile int liveNow;
  private volatile int sleepingNow;
  private volatile @Nullable String stuck;
  private volatile List<Process> killed = List.of(); // for memory, in order

  Kinship(SyncDomain domain) {
    this.domain = domain;
    this.lock = KMutex.alwaysReal(domain, LockRank.LEAF, "process table");
  }

  /** Tells who swaps processes; at boot. */
  void setSwap(ProcessSwap s) {
    swap = s;
  }

  // ---------------------------------------------------------------------------------------------- birth

  /** Adds a process, which counts as live from now on. After a stop it is born killed. */
  Process add(
      @Nullable Process parent, long pid, @Nullable Vmspace vmspace, boolean holdsParent, @Nullable UArea uArea) {
    lock.lock();
    try {
      Process p = new Process(pid, created++, vmspace, uArea);
      p.holdsParent = holdsParent;
      p.parent = parent;
      if (parent != null) {
        p.siblingNext = parent.firstChild;
        if (p.siblingNext != null) {
          p.siblingNext.siblingPrev = p;
        }
        parent.firstChild = p;
      }
      p.liveNext = liveHead;
      if (liveHead != null) {
        liveHead.livePrev = p;
      }
      liveHead = p;
      live++;
      liveNow = live;
      if (stopped) {
        p.killReason = KillReason.STOPPED;
      }
      return p;
    } finally {
      lock.unlock();
    }
  }

  /** Notes the thread of a process that begins to run. */
  void began(ProcThread t) {
    lock.lock();
    try {
      Process p = t.process();
      p.thread = t;
      if (p.killReason != null) {
        t.kill();
      }
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------------------------------------- waiting for others

  /** Sleeps until {@code child} has exited and forgets it. ECHILD if it is no child, or was waited for already. */
  CallResult waitFor(ProcThread t, Process child) {
    Process me = t.process();
    lock.lock();
    try {
      if (child.parent != me) {
        return CallResult.ECHILD;
      }
      while (!child.exited) {
        if (!block(me, WaitKind.EXIT, child, "wait")) {
          return CallResult.SIGKILL;
        }
      }
      unlinkChild(me, child);
      return CallResult.OK;
    } finally {
      lock.unlock();
    }
  }

  /** Sleeps until as many processes have come to {@code b} as it has parties. */
  CallResult arrive(ProcThread t, Barrier b) {
    Process me = t.process();
    lock.lock();
    try {
      if (b.waiting.size() + 1 >= b.parties) {
        for (Process p : b.waiting) {
          release(p);
        }
        b.waiting.clear();
        return CallResult.OK;
      }
      if (me.killReason != null) {
        return CallResult.SIGKILL;
      }
      b.waiting.add(me);
      return block(me, WaitKind.BARRIER, b, "barrier") ? CallResult.OK : CallResult.SIGKILL;
    } finally {
      lock.unlock();
    }
  }

  /** Sleeps until {@code child}, started by a vfork of the caller's, has called exec or exit. */
  CallResult awaitVforkDone(ProcThread t, Process child) {
    Process me = t.process();
    lock.lock();
    try {
      while (child.holdsParent) {
        if (!block(me, WaitKind.VFORK, child, "ppwait")) {
          return CallResult.SIGKILL;
        }
      }
      return CallResult.OK;
    } finally {
      lock.unlock();
    }
  }

  /** Lets the parent go on that is held by its vfork of {@code p}, if any. */
  void releaseParent(Process p) {
    lock.lock();
    try {
      releaseParentLocked(p);
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void releaseParentLocked(Process p) {
    p.holdsParent = false;
    Process parent = p.parent;
    if (parent != null && parent.waitKind == WaitKind.VFORK && parent.waitFor == p) {
      release(parent);
    }
  }

  /** Sleeps for {@code ticks}, an unsigned number, or until killed. */
  @SuppressWarnings("GuardedBy") // the lock is let go by each sleep and retaken
  CallResult sleep(ProcThread t, long ticks) {
    Process me = t.process();
    long left = ticks < 0 ? TICKS_MAX : Math.min(ticks, TICKS_MAX);
    long end = domain.clock().now() + left;
    lock.lock();
    try {
      sleepingNow = ++sleeping;
      beginLongSleep(me);
      while (left > 0 && me.killReason == null) {
        boolean timedOut = domain.sleepQueues().sleepOn(me, lock, "nanslp", left);
        lock.lock();
        left = timedOut ? 0 : end - domain.clock().now();
      }
      sleepingNow = --sleeping;
      endLongSleep(me);
      return CallResult.OK;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sleeps until another process releases {@code me}. Returns false if it was killed, or there is nobody left to do it.
   */
  @GuardedBy("lock")
  private boolean block(Process me, WaitKind kind, Object what, String tag) {
    if (me.killReason != null) {
      return false;
    }
    me.waitKind = kind;
    me.waitFor = what;
    blocked++;
    stopIfStuck();
    beginLongSleep(me);
    while (me.waitKind != null) {
      domain.sleepQueues().sleepOn(me, lock, tag);
      lock.lock(); // only release() clears waitKind
    }
    endLongSleep(me);
    return me.killReason == null;
  }

  /** From here on the process may be swapped out: it holds nothing that others could wait for. */
  @GuardedBy("lock")
  private void beginLongSleep(Process me) {
    me.sleepsLong = true;
    me.since = domain.clock().now();
  }

  /** Returns when the process is in memory, or killed. The lock is let go in between. */
  @GuardedBy("lock")
  private void endLongSleep(Process me) {
    me.sleepsLong = false;
    if (swap != null) {
      swap.comeBack(me);
    }
  }

  @GuardedBy("lock")
  private void release(Process p) {
    p.waitKind = null;
    p.waitFor = null;
    blocked--;
    domain.sleepQueues().wakeup(p);
  }

  // ---------------------------------------------------------------------------------------------- death

  /** Gives a process another address space; the caller then drops the reference to the old one. */
  void changeVmspace(Process p, Vmspace v) {
    lock.lock();
    try {
      p.setVmspace(v);
    } finally {
      lock.unlock();
    }
  }

  /** Says that a process has begun to exit: it is no victim any more, and its address space is about to go. */
  void exiting(Process p) {
    lock.lock();
    try {
      p.exiting = true; // and so is not swapped out any more
      p.setVmspace(null); // before it goes: a walk of the table refers to the maps that it finds
    } finally {
      lock.unlock();
    }
  }

  /** Ends a process whose memory is gone already: its parent hears of it, its children are orphans. */
  void exited(Process p) {
    lock.lock();
    try {
      p.exited = true;
      p.thread = null;
      unlinkLive(p);
      if (p.killReason == KillReason.OUT_OF_MEMORY) {
        victims--;
      }
      releaseParentLocked(p);
      Process c = p.firstChild;
      while (c != null) {
        Process next = c.siblingNext;
        c.parent = null;
        c.siblingNext = null;
        c.siblingPrev = null;
        c = next;
      }
      p.firstChild = null;
      Process parent = p.parent;
      if (parent != null && parent.waitKind == WaitKind.EXIT && parent.waitFor == p) {
        release(parent);
      }
      stopIfStuck();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void unlinkLive(Process p) {
    if (p.livePrev == null) {
      liveHead = p.liveNext;
    } else {
      p.livePrev.liveNext = p.liveNext;
    }
    if (p.liveNext != null) {
      p.liveNext.livePrev = p.livePrev;
    }
    p.liveNext = null;
    p.livePrev = null;
    live--;
    liveNow = live;
  }

  @GuardedBy("lock")
  private void unlinkChild(Process parent, Process child) {
    if (child.siblingPrev == null) {
      parent.firstChild = child.siblingNext;
    } else {
      child.siblingPrev.siblingNext = child.siblingNext;
    }
    if (child.siblingNext != null) {
      child.siblingNext.siblingPrev = child.siblingPrev;
    }
    child.siblingNext = null;
    child.siblingPrev = null;
    child.parent = null;
  }

  // ---------------------------------------------------------------------------------------------- killing

  /**
   * Kills the largest process by resident count, unless an earlier victim is still exiting. The caller then wakes those
   * who wait for memory.
   *
   * @return whether a victim is on its way out
   */
  boolean killLargest() {
    lock.lock();
    try {
      if (victims > 0) {
        return true;
      }
      Process largest = null;
      int most = -1;
      for (Process p = liveHead; p != null; p = p.liveNext) {
        Vmspace v = p.vmspaceOrNull();
        if (v != null && !p.exiting && p.killReason == null && v.pmap().residentCount() >= most) {
          most = v.pmap().residentCount(); // on a tie the older one: the list begins with the youngest
          largest = p;
        }
      }
      if (largest == null) {
        return false;
      }
      victims++;
      killLocked(largest, KillReason.OUT_OF_MEMORY);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Kills a process for want of what the kernel owes it, unless it is killed already. */
  @GuardedBy("lock")
  void killLocked(Process p, KillReason reason) {
    if (p.killReason != null) {
      return;
    }
    List<Process> more = new ArrayList<>(killed);
    more.add(p);
    killed = List.copyOf(more);
    KThread.current().count(Event.KILLS);
    KThread.current().domain().tracer().event(TraceEvent.KILL, p);
    kill(p, reason);
  }

  /**
   * Kills every process, and every one that is still to be started. The caller then wakes those who wait for memory.
   */
  void stop() {
    lock.lock();
    try {
      stopLocked();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void stopLocked() {
    stopped = true;
    for (Process p = liveHead; p != null; p = p.liveNext) {
      if (p.killReason == null) {
        kill(p, KillReason.STOPPED);
      }
    }
  }

  @GuardedBy("lock")
  private void kill(Process p, KillReason reason) {
    p.killReason = reason;
    ProcThread t = p.thread;
    if (t != null) {
      t.kill();
    }
    if (p.waitKind == null) {
      domain.sleepQueues().wakeup(p); // from a timed sleep
      return;
    }
    if (p.waitKind == WaitKind.BARRIER && p.waitFor instanceof Barrier b) {
      b.waiting.remove(p);
    }
    release(p);
  }

  // ---------------------------------------------------------------------------------------------- no way out

  /** If all live processes wait for each other: notes who waits for what, and stops the run. */
  @GuardedBy("lock")
  private void stopIfStuck() {
    if (live == 0 || blocked < live) {
      return;
    }
    StringBuilder b = new StringBuilder("processes can never end");
    String separator = ": ";
    int shown = 0;
    for (Process p = liveHead; p != null; p = p.liveNext) {
      if (++shown > SHOWN_MAX) {
        b.append(", and ").append(live - SHOWN_MAX).append(" more");
        break;
      }
      b.append(separator).append(p).append(" waits for ").append(waitText(p));
      separator = ", ";
    }
    stuck = b.toString();
    stopLocked();
  }

  @GuardedBy("lock")
  private String waitText(Process p) {
    WaitKind kind = p.waitKind;
    if (kind == null) {
      return "nothing";
    }
    return switch (kind) {
      case EXIT -> "the exit of " + p.waitFor;
      case VFORK -> "the exec or exit of " + p.waitFor;
      case BARRIER -> String.valueOf(p.waitFor);
    };
  }

  /** Returns who waits for what for ever, in words, or null if nobody does. */
  @Nullable String stuck() {
    return stuck;
  }

  // ---------------------------------------------------------------------------------------------- inspection

  /** Returns the number of processes that have not exited; a snapshot. */
  int live() {
    return liveNow;
  }

  /** Returns the number of processes that sleep for time to pass; a snapshot. */
  int sleeping() {
    return sleepingNow;
  }

  /** Returns the processes that were killed for want of memory, or of a swap that can be read, so far, in order. */
  List<Process> killedForMemory() {
    return killed;
  }

  /**
   * Calls {@code visitor} for each process that has not exited, under the lock; the visitor takes no lock but sleep
   * queues'.
   */
  void forEachLive(Consumer<Process> visitor) {
    lock.lock();
    try {
      forEachLiveLocked(visitor);
    } finally {
      lock.unlock();
    }
  }

  /** The same for who holds the lock. */
  @GuardedBy("lock")
  void forEachLiveLocked(Consumer<Process> visitor) {
    for (Process p = liveHead; p != null; p = p.liveNext) {
      visitor.accept(p);
    }
  }
}
