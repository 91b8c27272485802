package dev.faultline.vm.proc;

import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/**
 * Swapping of whole processes: which ones go, and the swap-in scheduler (proc0) that brings them back.
 *
 * @see "vm-semantics 2.6, 3.1, 3.5 swapout, faultin; vm_glue.c: swapout_procs, scheduler, faultin, swapout"
 */
final class ProcessSwap {
  /*
   * Implementation overview
   *
   * Who goes     Only who sleeps for another process or for time to pass (the sleeps of Kinship, the original's
   *              priorities from PSOCK on): such a sleeper holds no map, vnode, busy page or pip that others could wait
   *              for while it cannot run. It was not swapped out in a user fault either (p_lock). One whose address
   *              space another process uses too (vfork) stays, as nothing would be gained.
   * State        INMEM goes and SWAPPING comes in one hold of the table's lock, while the process sleeps; the pages are
   *              dealt with under SWAPPING alone. SWAPPING means: the u-area is somebody's, its process must not end.
   * Coming back  A process that wakes from such a sleep looks whether it is in memory before it does anything else
   *              (comeBack); if not, it says so, kicks proc0 and sleeps on. So it never runs user code while swapped
   *              out. It is the sleeper itself that kicks, right after the wakeup, instead of who woke it (3.1).
   * Memory       proc0 waits until free + cache >= free_reserved + UPAGES + 2, but no more than free_min: where that is
   *              less (small machines), the page daemon would do nothing about the difference. It waits holding nothing
   *              and has chosen nobody yet.
   * Killed       A victim that is swapped out does not come back: what it would need memory for, a stack to exit on,
   *              the model does not keep in the u-area. So its death depends on no memory. One that proc0 is just
   *              bringing in ends proc0's waits for memory (KThread.actFor) and then goes.
   */
  private static final int CHANNEL = 10;

  private final Kinship kinship; // (C)
  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final FreeList freeList; // (C)
  private final VmMaps maps; // (C)
  private final DaemonOptions options; // (C)
  private final KDaemon proc0; // (C)

  ProcessSwap(Kinship kinship, SyncDomain domain, ResidentPages pages, VmMaps maps, DaemonOptions options) {
    this.kinship = kinship;
    this.domain = domain;
    this.pages = pages;
    this.freeList = pages.freeList();
    this.maps = maps;
    this.options = options;
    this.proc0 = new KDaemon(domain, "swapper", CHANNEL, this::schedule);
  }

  /**
   * Makes the u-area of a process to be; null if there is none on this machine. The caller holds nothing; sleeps.
   *
   * @throws Killed if the calling thread was killed while it waited for memory
   */
  @Nullable UArea newUArea(long pid) throws Killed {
    if (options.uPages() == 0) {
      return null;
    }
    UArea u = UArea.create(maps, pages.memory(), pid, options.uPages());
    if (u == null) {
      throw new Killed();
    }
    return u;
  }

  /** The caller was killed. */
  static final class Killed extends Exception {
    private static final long serialVersionUID = 1L;

    Killed() {
      super("killed", null, false, false);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ out

  /** swapout_procs: swaps out all who may be. The caller, vm_daemon, holds nothing; may sleep. */
  void swapOutIdle() {
    for (Process p = chooseToGo(); p != null; p = chooseToGo()) {
      swapOut(p);
    }
  }

  /** Takes a process that may go out of memory, as far as the table knows; null if there is none. */
  private @Nullable Process chooseToGo() {
    Process[] chosen = new Process[1];
    long now = domain.clock().now();
    kinship.forEachLive(
        p -> {
          if (chosen[0] == null && mayGo(p, now)) {
            chosen[0] = p;
            p.inMemory = false;
            p.swapping = true;
          }
        });
    return chosen[0];
  }

  /** Returns whether a process may be swapped out. The table's lock is held. */
  private boolean mayGo(Process p, long now) {
    Vmspace v = p.vmspaceOrNull();
    return p.sleepsLong
        && p.inMemory
        && !p.swapping
        && !p.noSwap
        && !p.exiting
        && p.killReason == null
        && p.locked == 0
        && now - p.since >= options.swapSleepTicks()
        && v != null
        && v.refCount() == 1;
  }

  /** swapout. The process has just been chosen. */
  private void swapOut(Process p) {
    UArea u = p.uArea;
    if (u != null) {
      u.unwire();
    }
    KThread.current().count(Event.PROC_SWAPOUT);
    kinship.lock.lock();
    try {
      p.swapping = false;
      p.since = domain.clock().now();
      settled(p);
    } finally {
      kinship.lock.unlock();
    }
  }

  /** Lets a process that has waited for the end of a swap look again. The table's lock is held. */
  private void settled(Process p) {
    if (p.wantsIn) {
      domain.sleepQueues().wakeup(p);
    }
  }

  // ------------------------------------------------------------------------------------------------------------- in

  /**
   * Returns once the calling process, which has slept long, is in memory, or is killed and nobody has its u-area. The
   * table's lock is held, and let go in between.
   */
  @SuppressWarnings("GuardedBy") // the lock is let go by each sleep and retaken; each round tests again
  void comeBack(Process me) {
    while (me.swapping || (!me.inMemory && me.killReason == null)) {
      me.wantsIn = true;
      proc0.kick();
      me.swapper = proc0;
      domain.sleepQueues().sleepOn(me, kinship.lock, "swapin");
      kinship.lock.lock();
    }
    me.wantsIn = false;
    me.swapper = null;
  }

  /** scheduler: brings in who wants to run, whoever was out longest first, as memory allows. */
  private void schedule() {
    while (anybodyWaits()) {
      long gen = freeList.generation();
      if (!hasRoom()) {
        freeList.waitForMemory(gen, false); // and then looks who is still there
        continue;
      }
      Process p = chooseToCome();
      if (p != null) {
        faultIn(p);
      }
    }
  }

  private boolean hasRoom() {
    Thresholds t = freeList.thresholds();
    int needed = Math.min(t.freeReserved() + options.uPages() + 2, t.freeMin());
    return freeList.freeCount() + freeList.cacheCount() >= needed;
  }

  private boolean anybodyWaits() {
    boolean[] any = new boolean[1];
    kinship.forEachLive(p -> any[0] |= waits(p));
    return any[0];
  }

  /** Returns whether a process is to be brought in. The table's lock is held. */
  private static boolean waits(Process p) {
    return p.wantsIn && !p.inMemory && !p.swapping && p.killReason == null;
  }

  private @Nullable Process chooseToCome() {
    Process[] chosen = new Process[1];
    kinship.lock.lock();
    try {
      kinship.forEachLiveLocked(
          p -> {
            if (waits(p) && (chosen[0] == null || p.since <= chosen[0].since)) { // of equals the older process
              chosen[0] = p;
            }
          });
      if (chosen[0] != null) {
        chosen[0].swapping = true;
      }
    } finally {
      kinship.lock.unlock();
    }
    return chosen[0];
  }

  /** faultin. The process has just been chosen. */
  private void faultIn(Process p) {
    KThread t = KThread.current();
    boolean ok = true;
    UArea u = p.uArea;
    if (u != null) {
      t.actFor(p.thread); // it waits in comeBack, so it has one
      ok = u.wire();
      t.actFor(null); // only so that it keeps no dead thread: nothing else that proc0 waits for can be ended by a kill
    }
    kinship.lock.lock();
    try {
      p.swapping = false;
      if (ok) {
        p.inMemory = true;
        t.count(Event.PROC_SWAPIN);
      } else {
        kinship.killLocked(p, Process.KillReason.SWAP_ERROR);
      }
      settled(p);
    } finally {
      kinship.lock.unlock();
    }
  }

  /** Ends proc0; see {@link KDaemon#shutdown}. */
  void shutdown() {
    proc0.shutdown();
  }
}
