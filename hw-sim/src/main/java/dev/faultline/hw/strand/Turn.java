package dev.faultline.hw.strand;

import dev.faultline.hw.strand.SerialStrand.Wait;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Who of a serial supply's strands runs, who waits for what, and what time it is. */
final class Turn {
  /*
   * Implementation overview
   *
   * The turn      One strand has it and runs; all others' threads wait until they are its holder. Whoever waits or is
   *               preempted chooses the next one and wakes that one's thread.
   * Choosing      Among those in line and those whose lock is free, one is drawn. It runs for a burst: a number of
   *               schedule points that is drawn, too, evenly over the magnitudes, so that some windows of a few steps
   *               are hit and long stretches go by undisturbed. With underLocks false a strand that holds a lock
   *               (the kernel token, in UP mode) keeps the turn until it has given it back, or waits.
   * Time          Each step takes STEP_NANOS, each turn of a waiting loop more. When nobody can go on, time jumps to
   *               the first alarm. Alarms that are due put their strands in line when the next one is chosen.
   * Outside       The strands run only while an attached thread waits; when the last one is detached, nobody has the
   *               turn until one comes again. Else the host's timing would say how far they get meanwhile.
   * Standstill    Nobody can go on and there is no alarm: an attached strand is made to throw. Nor does anybody get
   *               on if a strand has the turn and makes no step: attached threads look at the clock once in a while of
   *               the host's time, throw, and go on without the turn, to report. The runaway unwinds at its next
   *               point, if there is one.
   * Closing       Strands that are left get the turn one after another, and throw Unwind from what they wait for.
   *               Threads that attach, such as one that wants to stop the run just then, come after them, and wait for
   *               nothing.
   * Locks         lock guards all fields below it; nothing is taken under it. The generator and the rest of the burst
   *               belong to the holder, who draws under lock.
   */
  private static final long STEP_NANOS = 50; // about what a step takes that runs freely
  private static final int PAUSES_SHORT = 100;
  private static final long PAUSE_NANOS = 100;
  private static final long PAUSE_LONG_NANOS = 50_000;

  private static final int LOOKS = 30; // without a step in between, within the patience

  private final Executor threads; // (C)
  private final int burstBits; // (C)
  private final boolean underLocks; // (C)
  private final long patienceNanos; // (C) the host's
  private final SplittableRandom random; // the holder's
  private int burst; // the holder's: steps left
  private final AtomicLong now = new AtomicLong(); // (A) the holder's to write; opaque
  private volatile @Nullable SerialStrand holder; // guarded by lock to write

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition allEnded = lock.newCondition();
  private final List<SerialStrand> line = new ArrayList<>(); // can go on
  private final List<SerialStrand> lockWaiters = new ArrayList<>();
  private final PriorityQueue<Alarm> alarms = new PriorityQueue<>();
  private final Set<SerialStrand> started = new LinkedHashSet<>(); // and not ended
  private final List<SerialStrand> outsiders = new ArrayList<>(); // attached
  private long alarmsSet;
  private volatile boolean closing;
  private volatile boolean escaped; // somebody makes no step and keeps the turn

  /** The end of a timed wait, if that is not over before. */
  private record Alarm(long time, long number, SerialStrand strand, long turn) implements Comparable<Alarm> {
    @Override
    public int compareTo(Alarm o) {
      return time != o.time ? Long.compare(time, o.time) : Long.compare(number, o.number);
    }

    boolean isVoid() {
      return strand.wait == Wait.NONE || strand.waits != turn;
    }
  }

  Turn(Executor threads, long seed, int burstMax, boolean underLocks, long patienceNanos) {
    if (burstMax < 1) {
      throw new IllegalArgumentException("bursts of " + burstMax + " steps: expected 1 or more");
    }
    this.threads = threads;
    this.underLocks = underLocks;
    this.patienceNanos = patienceNanos;
    burstBits = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(burstMax);
    random = new SplittableRandom(seed);
  }

  long now() {
    return now.getOpaque();
  }

  private void pass(long nanos) {
    now.setOpaque(now.getPlain() + nanos);
  }

  // ---------------------------------------------------------------------------------------------- who comes and goes

  SerialStrand start(SerialStrands supply, String name, Runnable body) {
    SerialStrand s = create(supply, name, false);
    threads.execute(() -> run(s, body)); // may fail, if the host has no thread left
    lock.lock();
    try {
      started.add(s);
      line.add(s);
    } finally {
      lock.unlock();
    }
    return s;
  }

  private SerialStrand create(SerialStrands supply, String name, boolean attached) {
    lock.lock();
    try {
      if (isOver() && !attached) {
        throw Unwind.NOW;
      }
      return new SerialStrand(this, supply, supply.nextNumber(), name, attached);
    } finally {
      lock.unlock();
    }
  }

  private void run(SerialStrand s, Runnable body) {
    Thread t = Thread.currentThread();
    String idleName = t.getName();
    t.setName(s.name());
    s.bind();
    try {
      await(s);
      body.run();
    } catch (Unwind u) {
      assert isOver();
    } catch (Throwable e) {
      if (!isOver()) { // else it is of the unwinding's making
        s.supply.died(s, e);
      }
    } finally {
      s.unbind();
      t.setName(idleName);
      end(s);
    }
  }

  private void end(SerialStrand s) {
    lock.lock();
    try {
      s.ended = true;
      started.remove(s);
      for (SerialStrand j : s.joiners) {
        if (j.wait == Wait.JOIN && j.target == s) {
          goOn(j);
        }
      }
      handOn();
      if (started.isEmpty()) {
        allEnded.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  SerialStrand attach(SerialStrands supply, String name) {
    SerialStrand s = create(supply, name, true);
    s.bind();
    lock.lock();
    try {
      outsiders.add(s);
      if (holder == null) {
        holder = s;
        drawBurst();
      } else {
        line.add(s);
      }
    } finally {
      lock.unlock();
    }
    await(s);
    return s;
  }

  void detach(SerialStrand s) {
    lock.lock();
    try {
      s.ended = true;
      outsiders.remove(s);
      handOn();
    } finally {
      lock.unlock();
    }
    s.unbind();
  }

  void close() {
    lock.lock();
    try {
      closing = true;
      if (holder == null) {
        handOn();
      }
      while (!started.isEmpty() && !escaped) {
        allEnded.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------------------------------------- the turn

  /** Waits on the calling thread, {@code me}'s, until that has the turn. */
  private void await(SerialStrand me) {
    me.keepInterrupt();
    if (me.attached) {
      awaitWatching(me);
    } else {
      while (holder != me) {
        LockSupport.park(this);
        me.keepInterrupt();
      }
      if (isOver()) {
        throw Unwind.NOW;
      }
    }
    String why = me.standstill;
    if (why != null) {
      me.standstill = null;
      throw new Standstill(why);
    }
  }

  private void awaitWatching(SerialStrand me) {
    long seen = -1;
    int looks = 0;
    while (holder != me && !escaped) {
      LockSupport.parkNanos(this, patienceNanos / LOOKS);
      me.keepInterrupt();
      long time = now();
      looks = time == seen ? looks + 1 : 0;
      seen = time;
      SerialStrand runaway = holder;
      if (looks > LOOKS && runaway != me && runaway != null) {
        escaped = true;
        lock.lock();
        try {
          allEnded.signalAll();
        } finally {
          lock.unlock();
        }
        throw new Standstill(runaway + " has made no step for " + patienceNanos / 1_000_000 + " ms" + where(runaway));
      }
    }
  }

  private static String where(SerialStrand s) {
    Thread t = s.thread;
    StringBuilder b = new StringBuilder();
    StackTraceElement[] stack = t == null ? new StackTraceElement[0] : t.getStackTrace();
    for (int i = 0; i < Math.min(stack.length, 6); i++) {
      b.append(i == 0 ? ": at " : " < ").append(stack[i]);
    }
    return b.toString();
  }

  private boolean isOver() {
    return closing || escaped;
  }

  /** Gives the turn to whoever is next, if anybody may run. The lock is held. */
  private void handOn() {
    if (!isOver()) {
      handTo(outsiders.isEmpty() ? null : choose());
    } else if (started.isEmpty()) {
      handTo(outsiders.isEmpty() ? null : outsiders.get(0));
    } else {
      handTo(started.iterator().next());
    }
  }

  private void handTo(@Nullable SerialStrand next) {
    holder = next;
    if (next != null) {
      Thread t = next.thread;
      if (t != null && t != Thread.currentThread()) {
        LockSupport.unpark(t); // else it looks at holder once it has begun
      }
    }
  }

  private void drawBurst() {
    burst = 1 + random.nextInt(1 << random.nextInt(burstBits + 1));
  }

  /** Draws who is next and takes it out of where it waits. The lock is held. */
  private SerialStrand choose() {
    ring();
    while (true) {
      int count = ready();
      if (count > 0) {
        drawBurst();
        int n = count == 1 ? 0 : random.nextInt(count);
        return n < line.size() ? removeAt(line, n) : removeFree(n - line.size());
      }
      if (!jump()) {
        return deadlocked();
      }
    }
  }

  /** Returns how many can go on. The lock is held. */
  private int ready() {
    int free = 0;
    for (int i = 0; i < lockWaiters.size(); i++) {
      free += isFree(lockWaiters.get(i)) ? 1 : 0;
    }
    return line.size() + free;
  }

  private static boolean isFree(SerialStrand s) {
    StrandLock l = s.wanted;
    return l == null || l.owner() == null;
  }

  private SerialStrand removeFree(int n) {
    int left = n;
    for (int i = 0; ; i++) {
      if (isFree(lockWaiters.get(i)) && left-- == 0) {
        SerialStrand s = removeAt(lockWaiters, i);
        s.wait = Wait.NONE;
        s.wanted = null;
        return s;
      }
    }
  }

  private static SerialStrand removeAt(List<SerialStrand> from, int i) {
    SerialStrand s = from.get(i);
    SerialStrand last = from.remove(from.size() - 1);
    if (last != s) {
      from.set(i, last);
    }
    return s;
  }

  /** Ends the waits whose time has come. The lock is held. */
  private void ring() {
    for (Alarm a = alarms.peek(); a != null && (a.time <= now.getPlain() || a.isVoid()); a = alarms.peek()) {
      alarms.remove();
      if (!a.isVoid()) {
        goOn(a.strand);
      }
    }
  }

  /** Moves time to the next alarm, if there is one; returns whether somebody can go on. The lock is held. */
  private boolean jump() {
    Alarm a = alarms.peek();
    if (a == null) {
      return false;
    }
    now.setOpaque(a.time); // ring has thrown away the void ones before it, and all that were due
    ring();
    return true;
  }

  private void goOn(SerialStrand s) {
    s.wait = Wait.NONE;
    s.target = null;
    line.add(s);
  }

  /** Has an attached strand throw. The lock is held; there is one, or nobody would run. */
  private SerialStrand deadlocked() {
    StringBuilder who = new StringBuilder();
    for (SerialStrand s : outsiders) {
      who.append(who.length() == 0 ? "" : "; ").append(s.what());
    }
    for (SerialStrand s : started) {
      who.append("; ").append(s.what());
    }
    SerialStrand s = outsiders.get(0);
    s.standstill = "no strand can go on: " + who;
    lockWaiters.remove(s);
    s.wait = Wait.NONE;
    s.wanted = null;
    s.target = null;
    return s;
  }

  // ---------------------------------------------------------------------------------------------- strands' calls

  /** Comes to a schedule point. */
  void step(SerialStrand me) {
    if (isOver()) {
      if (escaped && !me.attached) {
        throw Unwind.NOW; // the runaway, back again
      }
      return; // unlocking on its way out
    }
    assert holder == me : me + " runs though the turn is " + holder + "'s";
    pass(STEP_NANOS);
    if (--burst <= 0 && (underLocks || me.holdsNothing())) {
      lock.lock();
      try {
        line.add(me);
        handOn();
      } finally {
        lock.unlock();
      }
      await(me);
    }
  }

  void awaitFree(SerialStrand me, StrandLock wanted) {
    begin(me, Wait.LOCK, wanted, null, Long.MAX_VALUE);
  }

  void park(SerialStrand me, long nanos) {
    begin(me, Wait.PARK, null, null, nanos);
  }

  boolean join(SerialStrand me, SerialStrand target, long nanos) {
    begin(me, Wait.JOIN, null, target, nanos);
    return target.ended;
  }

  /** Waits, unless what is waited for is there. */
  private void begin(
      SerialStrand me, Wait wait, @Nullable StrandLock wanted, @Nullable SerialStrand target, long nanos) {
    if (isOver()) {
      waitInVain(me, wait, nanos);
      return;
    }
    lock.lock();
    try {
      assert holder == me : me + " waits though the turn is " + holder + "'s";
      pass(STEP_NANOS);
      if (me.permit && wait == Wait.PARK) {
        me.permit = false;
        return;
      }
      if (target != null) {
        if (target.ended) {
          return;
        }
        target.joiners.add(me);
      }
      me.wait = wait;
      me.waits++;
      me.wanted = wanted;
      me.target = target;
      if (wait == Wait.LOCK) {
        lockWaiters.add(me);
      } else if (nanos < Long.MAX_VALUE - now.getPlain()) {
        alarms.add(new Alarm(now.getPlain() + nanos, alarmsSet++, me, me.waits));
      }
      handOn();
    } finally {
      lock.unlock();
    }
    await(me);
  }

  /** Nobody runs any more who could be waited for. */
  private static void waitInVain(SerialStrand me, Wait wait, long nanos) {
    if (!me.attached) {
      throw Unwind.NOW;
    }
    if (nanos == Long.MAX_VALUE) {
      throw new Standstill(me + " waits for a " + wait + " though nobody runs any more");
    }
  }

  void unpark(SerialStrand s) {
    lock.lock();
    try {
      if (s.wait == Wait.PARK) {
        goOn(s);
      } else {
        s.permit = true;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets others go on; if there are none, time. */
  void pause(SerialStrand me, int attempt) {
    if (isOver()) {
      waitInVain(me, Wait.NONE, Long.MAX_VALUE);
    }
    lock.lock();
    try {
      assert holder == me : me + " pauses though the turn is " + holder + "'s";
      pass(attempt < PAUSES_SHORT ? PAUSE_NANOS : PAUSE_LONG_NANOS);
      ring();
      if (ready() > 0 || jump()) {
        SerialStrand next = choose();
        line.add(me);
        handTo(next);
      }
    } finally {
      lock.unlock();
    }
    await(me);
  }

  @Override
  public String toString() {
    return "turn of " + holder + " at " + now() + " ns";
  }
}
