package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel knows of one of its threads (the curproc of 1995): a process's own thread, a daemon, an interrupt
 * strand.
 *
 * <p>Found by {@link #current}. All fields belong to the thread itself unless they say otherwise.
 */
public class KThread {
  private static final VarHandle EVENTS = MethodHandles.arrayElementVarHandle(long[].class);

  private final SyncDomain domain; // (C)
  private final Strand strand; // (C)
  private final String name; // (C)
  private final int id; // (C)
  private final boolean plainCounts; // (C) H-COUNTERS
  private final long[] events = new long[Event.count()]; // (T) written by the thread, read by anybody (opaque)

  /** Whether this is the page daemon (the original's {@code curproc == pageproc}). */
  private final boolean pageDaemon; // (C)

  /** Set by whoever kills the process for want of memory; ends its waits for memory. Never cleared. */
  private volatile boolean killed; // (A)

  // The sleep: written under the channel's sleep queue lock.
  volatile @Nullable Channel sleepingOn;
  @Nullable KThread sleepNext;
  boolean timedOut;
  long sleepTurn; // number of this sleep
  volatile @Nullable String sleepTag; // racy, for reports
  private volatile @Nullable Channel restChannel; // written by the thread: a daemon's
  private volatile @Nullable KThread behalf; // written by the thread
  private volatile long sleepEnd; // racy, for reports: the tick at which a timed sleep ends, 0 of one without end
  private volatile boolean awaitingCpu; // racy, for reports
  private volatile long returns; // (T) written by the thread: how often it has returned to user mode

  // Witness: mutexes held, in order.
  final KMutex[] held;
  int heldCount;
  int vnodeLocksHeld; // (T) all vnodes together, recursive holds too
  @Nullable MapLock[] mapsHeld = new MapLock[4]; // (T) one for each hold
  int mapsHeldCount; // (T)
  private final int[] classHolds = new int[OrderGraph.NODES]; // (T) holds by node of the order graph
  private int classesHeld; // (T) a bit for each node with holds
  private final HoldTable holdTable = new HoldTable(this); // (T)
  private final boolean interrupt; // (C) it runs interrupts only, and may not sleep
  private volatile boolean inInterrupt; // (T) written by the thread, read by anybody

  /**
   * Where the thread is, if that is one of the places of vm-semantics 5.1 that may wait for busy pages, memory or the
   * disk with a map lock held; null elsewhere. For the witness.
   */
  @Nullable String mapWaitPlace; // (T)

  /** Number of map locks held, all maps together; deferred work runs when it falls to 0 (R29). */
  public int mapLocksHeld; // (T)

  /** Work put off until no map lock is held: the map package's. */
  public @Nullable Object deferred; // (T)

  /** freeGen as the last failed allocation of this thread saw it; what vm_wait compares (R9). */
  public long memoryGen; // (T)

  /** Locks let go since the last look at what one of them guards; the release checks'. */
  public int releases; // (T)

  /** Whether the thread is looking at what a lock guards, and lets go of others meanwhile; the release checks'. */
  public boolean checking; // (T)

  /** The fault handler's reusable state, so that a fault allocates nothing. */
  public @Nullable Object faultState; // (T)

  /** The pmap module's spare pv entries. */
  public @Nullable Object pvCache; // (T)

  /** Makes the calling strand a kernel thread. */
  public KThread(SyncDomain domain, String name, boolean pageDaemon) {
    this(domain, name, pageDaemon, false);
  }

  KThread(SyncDomain domain, String name, boolean pageDaemon, boolean interrupt) {
    this.interrupt = interrupt;
    this.domain = domain;
    this.strand = Strand.current();
    this.name = name;
    this.pageDaemon = pageDaemon;
    this.plainCounts = domain.has(Defect.H_COUNTERS);
    this.held = domain.witness() == null ? new KMutex[0] : Witness.newStack();
    this.id = domain.register(this);
    strand.context = this;
  }

  /** Returns the calling thread's structure. */
  public static KThread current() {
    KThread t = of(Strand.current());
    if (t == null) {
      throw new IllegalStateException("strand is no kernel thread: " + Strand.current());
    }
    return t;
  }

  static @Nullable KThread of(Strand s) {
    return (KThread) s.context;
  }

  /** Returns the calling thread's structure, or null if it has none; for reports. */
  public static @Nullable KThread currentOrNull() {
    Strand s = Strand.currentOrNull();
    return s == null ? null : of(s);
  }

  /** Checks, with detectors on, that the thread holds nothing (I-57): it returns to user mode, or ends. */
  public final void checkNothingHeld() {
    Witness w = domain.witness();
    if (w != null) {
      w.nothingHeld(this);
    }
    Ownership o = domain.ownership();
    if (o != null) {
      o.nothingHeld(this);
    }
  }

  /** Ends the kernel thread's life; its counts go to the kernel's totals. */
  public final void end() {
    checkNothingHeld();
    abandon();
  }

  /** The same where the thread ends because something went wrong, holding what it may. */
  public final void abandon() {
    domain.unregister(this);
    domain.tracer().ended();
    strand.context = null;
  }

  /** Counts an event. */
  public final void count(Event e) {
    count(e, 1);
  }

  /** Counts an event {@code n} times. */
  public final void count(Event e, long n) {
    int i = e.ordinal();
    if (plainCounts) {
      domain.countPlainly(strand, i, n);
      return;
    }
    EVENTS.setOpaque(events, i, events[i] + n);
  }

  final long eventCount(int i) {
    return (long) EVENTS.getOpaque(events, i);
  }

  /** Lists a hold of a map lock. */
  final void mapBegins(MapLock m) {
    if (mapsHeldCount == mapsHeld.length) {
      mapsHeld = Arrays.copyOf(mapsHeld, 2 * mapsHeldCount); // a fork holds as many share maps as it copies from
    }
    mapsHeld[mapsHeldCount++] = m;
    classBegins(LockRank.MAP.ordinal());
  }

  /** Takes the latest hold of a map lock off the list, if it is there: a harness may end one that another took. */
  final void mapEnds(MapLock m) {
    for (int i = mapsHeldCount - 1; i >= 0; i--) {
      if (mapsHeld[i] == m) {
        System.arraycopy(mapsHeld, i + 1, mapsHeld, i, mapsHeldCount - i - 1);
        mapsHeld[--mapsHeldCount] = null;
        classEnds(LockRank.MAP.ordinal());
        return;
      }
    }
  }

  /** A hold begins of something that others wait for, a node of the order graph. */
  final void classBegins(int node) {
    classHolds[node]++;
    classesHeld |= 1 << node;
  }

  final void classEnds(int node) {
    if (--classHolds[node] == 0) {
      classesHeld &= ~(1 << node);
    }
  }

  /**
   * Says that the thread is, or is no longer, the one whom others wait for in that way: who ends a dead object, or
   * makes memory. For the witness.
   */
  public final void provides(WaitClass c, boolean on) {
    if (on) {
      classBegins(c.node());
    } else {
      classEnds(c.node());
    }
  }

  /**
   * Runs {@code body}, which is one of the places where vm-semantics 5.1 and 5.2 allow waits for busy pages, memory and
   * the disk with a map lock held: wiring, msync, the deletes of share maps and kernel maps, the copy of wired pages at
   * fork. The witness refuses such waits elsewhere.
   */
  public final <T> T mayWaitUnderMap(String place, Supplier<T> body) {
    String before = mapWaitPlace;
    mapWaitPlace = place;
    try {
      return body.get();
    } finally {
      mapWaitPlace = before;
    }
  }

  final int classesHeld() {
    return classesHeld;
  }

  /** Returns whether the thread holds a mutex that ranks above {@code r}; known with a witness only. */
  public final boolean holdsAbove(LockRank r) {
    int mutexes = classesHeld & ((1 << LockRank.values().length) - 1);
    return mutexes >>> r.ordinal() > 1;
  }

  final int classHolds(WaitClass c) {
    return classHolds[c.node()];
  }

  final HoldTable holdTable() {
    return holdTable;
  }

  final boolean isInterrupt() {
    return interrupt;
  }

  final void inInterrupt(boolean on) {
    inInterrupt = on;
  }

  /** Returns whether the thread is an interrupt strand's with no interrupt to serve; a racy snapshot for reports. */
  public final boolean isInterruptAtRest() {
    return interrupt && !inInterrupt;
  }

  public final SyncDomain domain() {
    return domain;
  }

  public final Strand strand() {
    return strand;
  }

  public final String name() {
    return name;
  }

  public final int id() {
    return id;
  }

  public final boolean isPageDaemon() {
    return pageDaemon;
  }

  public final boolean isKilled() {
    KThread b = behalf;
    return killed || (b != null && b.killed);
  }

  /** Says that what the thread does now is for another's sake: if that is killed, it is in vain. Null ends it. */
  public final void actFor(@Nullable KThread other) {
    behalf = other;
  }

  /** Makes the thread a daemon's, which has nothing to do while it sleeps on {@code channel} without a time limit. */
  public final void restsOn(Channel channel) {
    restChannel = channel;
  }

  /** Returns whether this is no daemon, or one that is at rest; a snapshot. */
  public final boolean isDaemonAtRest() {
    Channel rest = restChannel;
    return rest == null || (sleepingOn == rest && sleepEnd == 0);
  }

  /**
   * Returns whether this is a daemon that has nothing to do until its time has come; a snapshot. The page daemon is
   * none: it pauses between passes of one piece of work, and only after several that were in vain does it kill.
   */
  public final boolean isDaemonBetweenPeriods() {
    Channel rest = restChannel;
    return rest != null && sleepingOn == rest && sleepEnd != 0 && !isPageDaemon();
  }

  /** Returns whether faults of this thread are counted as a process's (D47): not a daemon's. */
  public boolean keepsStatistics() {
    return restChannel == null;
  }

  /** Marks the thread's process as killed; the caller then wakes the free channel. */
  public final void kill() {
    killed = true;
  }

  /** Returns what the thread sleeps on, or null; a racy snapshot for reports. */
  public final @Nullable Channel sleepChannel() {
    return sleepingOn;
  }

  /** Returns how many sleeps the thread has begun; a racy snapshot for reports. */
  public final long sleepCount() {
    return sleepTurn;
  }

  /** Returns the tick at which the present sleep ends by itself; 0 if it does not. A racy snapshot for reports. */
  public final long sleepEnd() {
    return sleepEnd;
  }

  final void sleepEnds(long tick) {
    sleepEnd = tick;
  }

  /** Returns whether the thread is parked for a processor; a racy snapshot for reports. */
  public final boolean awaitsCpu() {
    return awaitingCpu;
  }

  /** Says that the thread is about to be parked for a processor, or has one. */
  public final void awaitsCpu(boolean on) {
    awaitingCpu = on;
  }

  /**
   * Returns a number that grows as the thread gets on with something: its returns to user mode, and its events
   * but for those that only tell of waiting and trying again. A racy snapshot for reports.
   */
  public final long progress() {
    return sum() - idle() + returns;
  }

  /**
   * Returns how often the thread has slept or tried again, not for want of memory. A racy snapshot for reports.
   */
  public final long attempts() {
    return eventCount(Event.FAULT_RETRIES.ordinal()) + sleepTurn - 2 * eventCount(Event.MEMORY_WAITS.ordinal());
  }

  /** Counts a return to user mode. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the thread's own
  protected final void returned() {
    returns++;
  }

  private long sum() {
    long sum = 0;
    for (int i = 0; i < events.length; i++) {
      sum += eventCount(i);
    }
    return sum;
  }

  private long idle() {
    return eventCount(Event.FAULT_RETRIES.ordinal()) + eventCount(Event.INTRANS.ordinal())
        + eventCount(Event.MEMORY_WAITS.ordinal());
  }

  /** Calls {@code visitor} for each map lock that the thread holds; racy but for a thread that waits. For reports. */
  public final void forEachMapHeld(Consumer<MapLock> visitor) {
    @Nullable MapLock[] held = mapsHeld;
    for (int i = 0; i < Math.min(mapsHeldCount, held.length); i++) {
      MapLock m = held[i];
      if (m != null) {
        visitor.accept(m);
      }
    }
  }

  /** Returns why the thread sleeps (the original's wmesg), or null; a racy snapshot for reports. */
  public final @Nullable String sleepTag() {
    return sleepTag;
  }

  /** Called on the thread right before it gives the processor away in a sleep, holding no mutex. */
  protected void beforeSleep() {}

  /** Called on the thread right after a sleep, holding no mutex. */
  protected void afterSleep() {}

  @Override
  public String toString() {
    return name + "(t" + id + ")";
  }
}
