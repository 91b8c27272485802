package dev.faultline.vm.sync;

import dev.faultline.hw.Callout;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.trace.TraceEvent;
import org.jspecify.annotations.Nullable;

/**
 * tsleep and wakeup. A sleeper waits on a channel until somebody wakes the channel or its time is up; waking remembers
 * nothing.
 *
 * @see "vm-semantics 3.1, 5.3; kern_synch.c"
 */
public final class SleepQueues {
  /*
   * Implementation overview
   *
   * Locks      W(bucket), rank 100, guards the bucket's list and the sleep fields of the threads in it.
   * Interlock  sleepOn enqueues under W while the caller's mutex is still held, then releases it: a waker that changes
   *            the predicate
   *            under the same mutex comes either before our test or after our enqueueing. The mutex is not taken again.
   * Waking     dequeues under W, clears sleepingOn, gives the permit. A sleeper parks until sleepingOn is null, so
   *            stray permits do
   *            no harm. Wakes all, in the order of their arrival.
   * H-SPL      The interlock is let go before the enqueueing, which spl made one step of on a single processor: in UP
   *            the token still does. Processes that wait for each other are spared (Kinship): what races in this model
   *            is memory.
   * UP         the token is what excludes; it is given up after the enqueueing and taken again before the return.
   */
  private static final class Bucket {
    final KMutex lock; // LockRank.SLEEP_QUEUE
    @Nullable KThread head; // guarded by lock
    @Nullable KThread tail; // guarded by lock

    Bucket(SyncDomain domain) {
      lock = KMutex.alwaysReal(domain, LockRank.SLEEP_QUEUE, null);
    }
  }

  private final SyncDomain domain; // (C)
  private final Bucket[] buckets; // (C)
  private final boolean hSpl; // (C)

  SleepQueues(SyncDomain domain, int count) {
    this.domain = domain;
    this.hSpl = domain.has(Defect.H_SPL);
    buckets = new Bucket[count];
    for (int i = 0; i < count; i++) {
      buckets[i] = new Bucket(domain);
    }
  }

  private Bucket bucket(Channel c) {
    return buckets[c.channelNumber() & (buckets.length - 1)];
  }

  /** Sleeps on {@code channel} until woken. See {@link #sleepOn(Channel, KMutex, String, long)}. */
  public void sleepOn(Channel channel, @Nullable KMutex interlock, String tag) {
    sleepOn(channel, interlock, tag, 0);
  }

  /**
   * Sleeps on {@code channel} until woken or until {@code ticks} have passed.
   *
   * @param interlock the mutex under which the caller tested its predicate; held on entry, released here, <em>not</em>
   *     held on return.
   *     No other mutex may be held. Null only where the caller's predicate needs none (a pure delay).
   * @param tag why, for reports (the original's wmesg)
   * @param ticks 0 for no limit
   * @return whether the time was up (EWOULDBLOCK) before a wakeup came
   */
  public boolean sleepOn(Channel channel, @Nullable KMutex interlock, String tag, long ticks) {
    KThread t = KThread.current();
    assert interlock == null || interlock.isHeld() : channel;
    Witness w = domain.witness();
    if (w != null) {
      w.beforeSleep(t, interlock, channel);
      w.beforeWait(t, channel, ticks);
    }
    t.strand().point(StepKind.SLEEP, channel);
    KMutex release = interlock;
    if (hSpl && release != null && release.rank() != LockRank.LEAF) {
      release.unlock();
      release = null;
      t.strand().point(StepKind.SLEEP, channel);
    }
    domain.tracer().word(TraceEvent.SLEEP, channel, tag);
    Bucket b = bucket(channel);
    b.lock.lock();
    t.timedOut = false;
    long turn = ++t.sleepTurn;
    t.sleepNext = null;
    t.sleepingOn = channel;
    t.sleepTag = tag;
    t.sleepEnds(ticks > 0 ? Math.max(1, domain.clock().now() + ticks) : 0);
    if (b.tail == null) {
      b.head = t;
    } else {
      b.tail.sleepNext = t;
    }
    b.tail = t;
    b.lock.unlock();
    if (release != null) {
      release.unlock();
    }
    Callout callout = ticks > 0 ? domain.clock().after(ticks, () -> timeout(t, channel, turn)) : null;
    t.beforeSleep();
    domain.token().leave();
    while (t.sleepingOn != null) {
      t.strand().park();
    }
    if (callout != null && !t.timedOut) {
      domain.clock().cancel(callout);
    }
    domain.token().enter();
    t.sleepTag = null;
    domain.tracer().event(TraceEvent.WOKEN, t.timedOut ? 1 : 0);
    t.afterSleep();
    return t.timedOut;
  }

  /**
   * Makes every sleeper on {@code channel} runnable. Never blocks; may be called by an interrupt strand and under any
   * mutex.
   */
  public void wakeup(Channel channel) {
    Strand.current().point(StepKind.WAKEUP, channel);
    domain.tracer().event(TraceEvent.WAKEUP, channel);
    Bucket b = bucket(channel);
    KThread woken = null;
    KThread wokenTail = null;
    b.lock.lock();
    try {
      KThread prev = null;
      KThread t = b.head;
      while (t != null) {
        KThread next = t.sleepNext;
        if (t.sleepingOn == channel) {
          unlink(b, prev, t);
          t.sleepNext = null;
          if (wokenTail == null) {
            woken = t;
          } else {
            wokenTail.sleepNext = t;
          }
          wokenTail = t;
        } else {
          prev = t;
        }
        t = next;
      }
    } finally {
      b.lock.unlock();
    }
    while (woken != null) {
      KThread next = woken.sleepNext; // ours until sleepingOn is cleared
      domain.tracer().event(TraceEvent.WAKES, woken.strand().id());
      woken.sleepingOn = null;
      woken.strand().unpark();
      woken = next;
    }
  }

  private void timeout(KThread t, Channel channel, long turn) {
    Bucket b = bucket(channel);
    boolean found = false;
    b.lock.lock();
    try {
      KThread prev = null;
      for (KThread x = b.head; x != null; prev = x, x = x.sleepNext) {
        if (x == t) {
          if (t.sleepTurn == turn) { // not a later sleep, when cancelling came too late
            unlink(b, prev, t);
            t.timedOut = true;
            found = true;
          }
          break;
        }
      }
    } finally {
      b.lock.unlock();
    }
    if (found) {
      domain.tracer().event(TraceEvent.WAKES, t.strand().id());
      t.sleepingOn = null;
      t.strand().unpark();
    }
  }

  private static void unlink(Bucket b, @Nullable KThread prev, KThread t) {
    KThread next = t.sleepNext;
    if (prev == null) {
      b.head = next;
    } else {
      prev.sleepNext = next;
    }
    if (next == null) {
      b.tail = prev;
    }
  }
}
