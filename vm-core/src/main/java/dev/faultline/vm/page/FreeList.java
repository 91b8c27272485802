package dev.faultline.vm.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Subject;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.sync.Witness;
import dev.faultline.vm.trace.TraceEvent;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The free and zero lists, the gauges free_count and cache_count, and everybody's wait for memory: the fields under F.
 *
 * @see "vm-semantics 1.3, 1.7, 2.7, 3.2, 5.7 vm_wait; vm_page.c, vm_pageout.c"
 */
// the gauges are written under F only; volatile is for those who read without it
@SuppressWarnings("NonAtomicVolatileUpdate")
public final class FreeList implements Subject {
  /*
   * Implementation overview
   *
   * Waiting      A failed allocation carries the freeGen read in the hold of F that decided it. vm_wait(gen) sleeps
   *              only while freeGen is
   *              still gen, so that a free between failure and sleep is not lost (R9). freeGen rises with every free,
   *              every cached page
   *              and every time the daemon wakes the sleepers. A free or cache wakes them once free + cache >= free_min
   *              (R8).
   * The daemon   Its work flag is pagesNeeded; it sleeps on daemonChannel with F. Whoever raises the flag wakes it. The
   *              strand is
   *              started by the first kick (daemonStarter), so that a machine which never runs short has no daemon.
   * Zeroing      The idle loop is kicked where an allocation or a free leaves it something to do. The frame that it has
   *              in hand is on no list and counted nowhere (I-11).
   * Racy reads   The gauges are looked at without F where vm-semantics compares without it. An exploring engine
   *              hears of each such look, a step of its own, and of each change.
   */
  public final KMutex lock; // LockRank.FREE
  private final SyncDomain domain; // (C)
  private final long gauges = Strand.nameOfNew(); // (C) what an engine calls both; 0 without one
  private final Thresholds thresholds; // (C)
  private final boolean hEqWake; // (C)
  private final boolean hUncondWait; // (C)
  private final boolean hDoneSleep; // (C)
  private final boolean hKillWait; // (C)

  @GuardedBy("lock")
  private final PageQueue free = new PageQueue(VmPage.QUEUE_FREE);

  @GuardedBy("lock")
  private final PageQueue zero = new PageQueue(VmPage.QUEUE_ZERO);

  private volatile int freeCount; // written under lock; racy reads where vm-semantics compares without it
  private volatile int cacheCount; // likewise

  @GuardedBy("lock")
  private long freeGen;

  @GuardedBy("lock")
  private boolean pagesNeeded;

  @GuardedBy("lock")
  private boolean waiters;

  @GuardedBy("lock")
  private boolean stopping;

  private @Nullable Runnable daemonStarter; // (C) once booted
  private @Nullable KDaemon zeroer; // (C) once booted; null unless frames are zeroed in advance
  private int zeroMax; // (C) once booted: as many zeroed frames are enough

  private volatile @Nullable VmPage beingZeroed; // written under lock
  private volatile boolean daemonStarted; // set by the first kick

  /** What processes in want of memory sleep on. */
  public final NamedChannel freeChannel = new NamedChannel("free memory", 1, WaitClass.MEMORY);

  /** What the page daemon sleeps on. */
  public final NamedChannel daemonChannel = new NamedChannel("pageout daemon", 2);

  FreeList(SyncDomain domain, Thresholds thresholds) {
    this.domain = domain;
    this.thresholds = thresholds;
    hEqWake = domain.has(Defect.H_EQWAKE);
    hUncondWait = domain.has(Defect.H_UNCOND_WAIT);
    hDoneSleep = domain.has(Defect.H_DONE_SLEEP);
    hKillWait = domain.has(Defect.H_KILLWAIT);
    this.lock = new KMutex(domain, LockRank.FREE, "free list");
    domain.tracer().name(freeChannel, freeChannel.toString());
    domain.tracer().name(daemonChannel, daemonChannel.toString());
  }

  /** Tells how the daemon's strand is started; at boot. */
  public void setDaemonStarter(Runnable starter) {
    daemonStarter = starter;
  }

  /** Tells who zeroes free frames, and how many are enough; at boot. */
  void setZeroer(KDaemon z, int enough) {
    zeroer = z;
    zeroMax = enough;
  }

  /** Returns the idle loop if it is to be kicked: there is a frame that it could zero. */
  @GuardedBy("lock")
  private @Nullable KDaemon zeroerWanted() {
    return zeroer != null && mayZero(zeroMax) ? zeroer : null;
  }

  @GuardedBy("lock")
  private boolean mayZero(int max) {
    return freeCount > thresholds.freeReserved() && zero.length < max && free.length > 0;
  }

  /** Returns the frame that is being zeroed and therefore on no list, or null. */
  public @Nullable VmPage beingZeroed() {
    return beingZeroed;
  }

  public Thresholds thresholds() {
    return thresholds;
  }

  @Override
  public long subjectName() {
    return gauges;
  }

  private void look() {
    Strand s = gauges == 0 ? null : Strand.currentOrNull();
    if (s != null) {
      s.point(StepKind.READ, this);
    }
  }

  private void changes() {
    if (gauges != 0) {
      Strand.tell(gauges, true);
    }
  }

  @GuardedBy("lock")
  private void setFreeCount(int n) {
    changes();
    freeCount = n;
  }

  @GuardedBy("lock")
  private void setCacheCount(int n) {
    changes();
    cacheCount = n;
  }

  /** Returns free_count: length of the free and zero lists together. Exact under F, else a snapshot. */
  public int freeCount() {
    look();
    return freeCount;
  }

  /** Returns cache_count. Exact under F, else a snapshot. */
  public int cacheCount() {
    look();
    return cacheCount;
  }

  /**
   * Returns whether memory is fine: free &gt;= reserved and free + cache &gt;= free_min. Exact under F, else a
   * snapshot.
   */
  public boolean isFine() {
    look();
    return freeCount >= thresholds.freeReserved() && freeCount + cacheCount >= thresholds.freeMin();
  }

  @GuardedBy("lock")
  void boot(VmPage m) {
    free.addTail(m);
    setFreeCount(freeCount + 1);
  }

  /**
   * Takes a frame off the free or zero list as {@code allocClass} allows; on refusal notes freeGen in {@code
   * t.memoryGen}.
   *
   * @return the frame, on no queue, or null: the cache queue is next (NORMAL and SYSTEM)
   */
  @Nullable VmPage take(KThread t, int allocClass) {
    int base = allocClass & ~AllocClass.ZERO;
    boolean wantZero = (allocClass & AllocClass.ZERO) != 0;
    boolean kick = false;
    KDaemon idle = null;
    VmPage m = null;
    lock.lock();
    try {
      int n = freeCount;
      boolean allowed =
          switch (base) {
            case AllocClass.INTERRUPT -> true;
            case AllocClass.SYSTEM ->
                n >= thresholds.freeReserved() || (cacheCount == 0 && n >= thresholds.interruptFreeMin());
            default -> n >= thresholds.freeReserved();
          };
      if (allowed && n > 0) {
        if ((wantZero && zero.length > 0) || free.length == 0) {
          m = zero.removeHead();
        } else {
          m = free.removeHead();
        }
        setFreeCount(n - 1);
        if (m != null) {
          m.gen++;
        }
        if (n - 1 + cacheCount < thresholds.freeMin() || n - 1 < thresholds.pageoutFreeMin()) {
          kick = raiseNeeded(t);
        }
        idle = zeroerWanted();
      } else {
        t.memoryGen = freeGen;
      }
    } finally {
      lock.unlock();
    }
    if (idle != null) {
      idle.kick();
    }
    if (kick) {
      kickDaemon();
    }
    return m;
  }

  /**
   * Answers an allocation that found nothing: whether nothing has come free since {@code t.memoryGen}. Wakes the daemon
   * if so.
   */
  boolean refused(KThread t) {
    boolean kick;
    lock.lock();
    try {
      if (freeGen != t.memoryGen) {
        return false;
      }
      kick = raiseNeeded(t);
    } finally {
      lock.unlock();
    }
    if (kick) {
      kickDaemon();
    }
    return true;
  }

  /** Puts a frame that is on no queue on the tail of the free list, and wakes whoever waits for memory. */
  void give(VmPage m) {
    boolean wake;
    KDaemon idle;
    lock.lock();
    try {
      m.gen++;
      free.addTail(m);
      setFreeCount(freeCount + 1);
      wake = freed();
      idle = zeroerWanted();
    } finally {
      lock.unlock();
    }
    if (idle != null) {
      idle.kick();
    }
    if (wake) {
      domain.sleepQueues().wakeup(freeChannel);
    }
  }

  /** Counts a page that has just been put on the cache queue. Caller holds Q. */
  void cached() {
    boolean wake;
    lock.lock();
    try {
      setCacheCount(cacheCount + 1);
      wake = freed();
    } finally {
      lock.unlock();
    }
    if (wake) {
      domain.sleepQueues().wakeup(freeChannel);
    }
  }

  /** Counts a page that has just been taken off the cache queue. Caller holds Q. */
  void uncached(KThread t) {
    boolean kick = false;
    lock.lock();
    try {
      setCacheCount(cacheCount - 1);
      if (freeCount + cacheCount < thresholds.freeReserved()) {
        kick = raiseNeeded(t);
      }
    } finally {
      lock.unlock();
    }
    if (kick) {
      kickDaemon();
    }
  }

  /**
   * Counts a page that went from the cache queue straight to a new owner: a new generation of the frame. Caller holds
   * Q.
   */
  void recycled(KThread t, VmPage m) {
    boolean kick = false;
    lock.lock();
    try {
      m.gen++;
      setCacheCount(cacheCount - 1);
      if (freeCount + cacheCount < thresholds.freeMin() || freeCount < thresholds.pageoutFreeMin()) {
        kick = raiseNeeded(t);
      }
    } finally {
      lock.unlock();
    }
    if (kick) {
      kickDaemon();
    }
  }

  @GuardedBy("lock")
  private boolean freed() {
    freeGen++;
    int n = freeCount + cacheCount;
    if (waiters && (hEqWake ? n == thresholds.freeMin() : n >= thresholds.freeMin())) {
      waiters = false;
      return true;
    }
    return false;
  }

  @GuardedBy("lock")
  private boolean raiseNeeded(KThread t) {
    if (pagesNeeded || t.isPageDaemon()) {
      return false;
    }
    pagesNeeded = true;
    t.count(Event.PDWAKEUPS);
    return true;
  }

  /** Starts the daemon if it never ran, else wakes it. Holds no lock; the flag was raised under F. */
  private void kickDaemon() {
    if (!daemonStarted) {
      Runnable starter = null;
      lock.lock();
      try {
        if (!daemonStarted) {
          daemonStarted = true;
          starter = daemonStarter;
        }
      } finally {
        lock.unlock();
      }
      if (starter != null) {
        starter.run();
        return;
      }
    }
    domain.sleepQueues().wakeup(daemonChannel);
  }

  /** pagedaemon_wakeup: asks the daemon for a pass, unless it is asked already or the caller is the daemon. */
  public void wakeDaemon() {
    boolean kick;
    lock.lock();
    try {
      kick = raiseNeeded(KThread.current());
    } finally {
      lock.unlock();
    }
    if (kick) {
      kickDaemon();
    }
  }

  /** Wakes the daemon whether or not pages are needed: a pageout has completed and waits for its finish (R10). */
  public void wakeDaemonForCompletion() {
    lock.lock();
    // the daemon asks for finished pageouts while it holds F: after this it has either seen ours or sleeps
    lock.unlock();
    kickDaemon();
  }

  /**
   * VM_WAIT: sleeps until something was freed or cached, or the daemon ended a pass, since generation {@code gen}.
   *
   * @param gen {@code memoryGen} of the calling thread as its failed allocation left it
   * @param killable whether a process killed for want of memory stops waiting
   */
  @SuppressWarnings("GuardedBy") // F is let go and retaken around sleeps; each round tests again
  public void waitForMemory(long gen, boolean killable) {
    KThread t = KThread.current();
    assert !t.isPageDaemon();
    Witness w = domain.witness();
    if (w != null) {
      w.mayWait(t, freeChannel); // also where memory has come meanwhile
    }
    t.count(Event.MEMORY_WAITS);
    domain.tracer().event(TraceEvent.MEMORY_WAIT, freeCount, cacheCount);
    lock.lock();
    boolean look = !hUncondWait;
    while ((!look || freeGen == gen) && !(killable && endsWait(t))) {
      look = true;
      boolean kick = raiseNeeded(t);
      waiters = true;
      if (kick) {
        lock.unlock();
        kickDaemon();
        lock.lock(); // freeGen is tested again; the daemon may have come and gone
        if (freeGen != gen && !hUncondWait) {
          break;
        }
        waiters = true;
      }
      domain.sleepQueues().sleepOn(freeChannel, lock, "vmwait");
      lock.lock();
    }
    lock.unlock();
    domain.tracer().event(TraceEvent.MEMORY_WAIT_END, freeCount, cacheCount);
  }

  /** Returns whether a wait for memory is over for good, as the thread's process has been killed meanwhile (5.7). */
  public boolean endsWait(KThread t) {
    return !hKillWait && t.isKilled();
  }

  /** Returns the present generation, to wait for a change of it. */
  public long generation() {
    lock.lock();
    try {
      return freeGen;
    } finally {
      lock.unlock();
    }
  }

  /** Wakes everybody who waits for memory: the end of a daemon pass, or a kill. */
  public void wakeWaiters() {
    lock.lock();
    try {
      freeGen++;
      waiters = false;
    } finally {
      lock.unlock();
    }
    domain.sleepQueues().wakeup(freeChannel);
  }

  /**
   * The daemon's sleep (vm-semantics 5.7): returns when a pass is needed or {@code moreWork} says so.
   *
   * @param moreWork asked under F whether finished pageouts wait, or the kernel shuts down
   */
  @SuppressWarnings("GuardedBy") // F is let go and retaken around sleeps; each round tests again
  public void daemonSleep(BooleanSupplier moreWork) {
    lock.lock();
    boolean wake = false;
    if (pagesNeeded && isFine()) {
      pagesNeeded = false;
      if (!hUncondWait) {
        freeGen++;
        waiters = false;
        wake = true;
      }
    }
    if (wake) {
      lock.unlock();
      domain.sleepQueues().wakeup(freeChannel);
      lock.lock();
    }
    boolean look = !hDoneSleep || stopping;
    while (!pagesNeeded && !(look && moreWork.getAsBoolean())) {
      look = true;
      domain.sleepQueues().sleepOn(daemonChannel, lock, "psleep");
      lock.lock();
    }
    pagesNeeded = false;
    lock.unlock();
  }

  /** The daemon's rest after a pass that changed nothing: one tick, or until a pageout completes or memory is fine. */
  public void daemonPause(BooleanSupplier moreWork) {
    long until = domain.clock().now() + 1;
    lock.lock();
    while (!moreWork.getAsBoolean() && !isFine() && domain.clock().now() < until) {
      domain.sleepQueues().sleepOn(daemonChannel, lock, "pgpause", 1);
      lock.lock();
    }
    lock.unlock();
  }

  /** Lets a sleeping daemon see that it is to end; one that never started will not. The caller is in the kernel. */
  public void stopDaemon() {
    lock.lock();
    try {
      daemonStarted = true;
      stopping = true;
    } finally {
      lock.unlock();
    }
    domain.sleepQueues().wakeup(daemonChannel);
  }

  /**
   * zero_idle: takes a free frame to be zeroed, if there are plenty and fewer than {@code max} of them are zeroed.
   */
  public @Nullable VmPage takeForZeroing(int max) {
    boolean kick = false;
    VmPage m;
    lock.lock();
    try {
      if (!mayZero(max)) {
        return null;
      }
      m = free.removeHead();
      if (m != null) {
        m.gen++;
        beingZeroed = m;
        setFreeCount(freeCount - 1);
        if (freeCount + cacheCount < thresholds.freeMin() || freeCount < thresholds.pageoutFreeMin()) {
          kick = raiseNeeded(KThread.current());
        }
      }
    } finally {
      lock.unlock();
    }
    if (kick) {
      kickDaemon();
    }
    return m;
  }

  /** zero_idle: gives back a frame that is all zeros now. */
  public void giveZeroed(VmPage m) {
    boolean wake;
    lock.lock();
    try {
      m.gen++;
      m.setZero(true);
      zero.addTail(m);
      beingZeroed = null;
      setFreeCount(freeCount + 1);
      wake = freed();
    } finally {
      lock.unlock();
    }
    if (wake) {
      domain.sleepQueues().wakeup(freeChannel);
    }
  }

  /** Returns the first frame of the free list, or of the zero list, or null; for inspection. */
  @GuardedBy("lock")
  public @Nullable VmPage headLocked(boolean zeroed) {
    return zeroed ? zero.head : free.head;
  }

  /** Returns what {@link #lengths} does, to who holds F. */
  @GuardedBy("lock")
  public int[] lengthsLocked() {
    return new int[] {free.length, zero.length, freeCount};
  }

  /** Returns the lengths of the free and the zero list, and free_count, read under one hold of F; for I-7. */
  public int[] lengths() {
    lock.lock();
    try {
      return new int[] {free.length, zero.length, freeCount};
    } finally {
      lock.unlock();
    }
  }
}
