package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.KernelPanic;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks every acquisition against the rank table while tests run, so that a deadlock is found from one run of each
 * path, without the unlucky schedule (vm-semantics 5.1, I-56).
 */
public final class Witness {
  /*
   * Implementation overview
   *
   * Each kernel thread carries the mutexes that it holds, in order of acquisition, in KThread.held, which only that
   * thread touches. A blocking acquisition must rank above all of them, or equal the highest where the sub-order allows
   * it. A try is exempt, but what it gained counts from then on.
   *
   * The sleepable locks M and V rank below all mutexes and are slept for: they are checked where they are about to be
   * taken, whether or not there will be a wait. V is counted; the maps that a thread holds are listed, once a hold, as
   * the subject of a map lock says which others it may be waited for under. A map that the thread holds already it may
   * wait for as its recursive owner alone: a writer queued in between would stop a second reading (R30).
   *
   * Beyond locks   Busy pages, pip, memory, the disk and the like are waited for in the same order graph (OrderGraph),
   *                in which a circle is reported from one run of each of its paths. What a thread holds of them is the
   *                ownership registry's to know; without it only locks are held. What 5.1 forbids outright is told at
   *                once: no wait for a busy page or pip with a busy page held; with pip on X a wait only for busy
   *                pages of X; nothing of that kind with a map lock held but at the places that 5.1 and 5.2 list
   *                (KThread.mapWaitPlace), and never for pip; memory with no page, pip or vnode held.
   *                A wait with a time limit, which somebody else's failing to act cannot prolong, is no edge.
   */
  private static final int MAX_HELD = 64;
  private static final int MAP = LockRank.MAP.ordinal();
  private static final int VNODE = LockRank.VNODE.ordinal();

  /** The sleepable locks and the logical classes: what may be held across a sleep. */
  private static final int SLEEPABLE = 1 << MAP | 1 << VNODE | -(1 << LockRank.values().length);

  private final OrderGraph order = new OrderGraph();

  /** Checks that {@code me} may block on {@code m}. */
  void beforeLock(Strand me, KMutex m) {
    KThread t = KThread.of(me);
    if (t == null) {
      return;
    }
    for (int i = t.heldCount - 1; i >= 0; i--) {
      KMutex h = t.held[i];
      if (h == null || h.rank().level() < m.rank().level()) {
        continue;
      }
      if (h.rank() == m.rank() && h != m && m.subject() instanceof SubOrdered s && s.mayFollow(h.subject() == null ? h
          : h.subject())) {
        continue;
      }
      throw KernelPanic.of("witness: I-56 lock order: " + t + " waits for " + m + " while it holds " + h, held(t));
    }
    order.waits(t, m.rank().ordinal(), t.classesHeld(), m);
  }

  void locked(Strand me, KMutex m) {
    KThread t = KThread.of(me);
    if (t == null) {
      return;
    }
    if (t.heldCount == MAX_HELD) {
      throw KernelPanic.of("witness: too many mutexes held", held(t));
    }
    t.held[t.heldCount++] = m;
    t.classBegins(m.rank().ordinal());
  }

  void unlocked(Strand me, KMutex m) {
    KThread t = KThread.of(me);
    if (t == null) {
      return;
    }
    for (int i = t.heldCount - 1; i >= 0; i--) {
      if (t.held[i] == m) {
        System.arraycopy(t.held, i + 1, t.held, i, t.heldCount - i - 1);
        t.heldCount--;
        t.classEnds(m.rank().ordinal());
        return;
      }
    }
    throw KernelPanic.of("witness: " + t + " unlocks " + m + ", which it does not hold", held(t));
  }

  /** Checks that {@code t} holds no mutex but {@code interlock}, and is no interrupt: it is about to sleep. */
  void beforeSleep(KThread t, @Nullable KMutex interlock, Object channel) {
    if (t.isInterrupt()) {
      throw KernelPanic.of("witness: I-56 " + t + " sleeps on " + channel + " in interrupt context");
    }
    for (int i = 0; i < t.heldCount; i++) {
      if (t.held[i] != interlock) {
        throw KernelPanic.of("witness: I-56 " + t + " sleeps on " + channel + " with a mutex held", held(t));
      }
    }
  }

  /**
   * Checks that {@code t} may wait for a map lock: it holds no mutex, and no vnode (5.4: nobody waits so), and of map
   * locks those alone that this one may follow.
   *
   * @param again whether a hold of the lock itself is no obstacle: an upgrade, or a recursive owner
   */
  void beforeMapLock(KThread t, MapLock m, boolean again) {
    beforeSleep(t, null, m);
    if (t.vnodeLocksHeld != 0) {
      throw KernelPanic.of("witness: I-56 lock order: " + t + " waits for " + m + " while it holds a vnode");
    }
    for (int i = 0; i < t.mapsHeldCount; i++) {
      MapLock h = t.mapsHeld[i];
      if (h == null || (h == m && again) || (h != m && m.subject() instanceof SubOrdered s
          && s.mayFollow(h.subject()))) {
        continue;
      }
      throw KernelPanic.of("witness: I-56 lock order: " + t + " waits for " + m + " while it holds " + h);
    }
    order.waits(t, MAP, t.classesHeld(), m);
  }

  /** Checks that {@code t} may sleep for what {@code c} stands for, with what it holds besides mutexes (5.1, I-56). */
  void beforeWait(KThread t, Channel c, long ticks) {
    WaitClass w = c.waitClass();
    if (w == null) {
      return;
    }
    switch (w) {
      case BUSY -> {
        refuse(t, c, WaitClass.BUSY, null);
        refuse(t, c, WaitClass.PIP, c.waitScope());
      }
      case PIP -> {
        refuse(t, c, WaitClass.BUSY, null);
        refuse(t, c, WaitClass.PIP, null);
      }
      case MEMORY -> {
        refuse(t, c, WaitClass.BUSY, null);
        refuse(t, c, WaitClass.PIP, null);
        refuseVnode(t, c);
      }
      case DEAD_OBJECT -> refuseVnode(t, c);
      default -> {}
    }
    boolean never = w == WaitClass.PIP || w == WaitClass.DEAD_OBJECT;
    if (t.mapsHeldCount != 0 && (never || t.mapWaitPlace == null)) {
      throw KernelPanic.of("witness: I-56 " + t + " waits for " + w + ", " + c + ", while it holds " + t.mapsHeld[0]
          + (never ? "" : ", at no place that may"));
    }
    if (ticks == 0) {
      order.waits(t, w.node(), t.classesHeld() & SLEEPABLE, c);
    }
  }

  /** Checks the same where {@code t} may be about to sleep, whether or not it then has to. */
  public void mayWait(KThread t, Channel c) {
    beforeWait(t, c, 0);
  }

  private static void refuse(KThread t, Channel c, WaitClass held, @Nullable Object scope) {
    if (t.classHolds(held) == 0) {
      return;
    }
    Object other = t.holdTable().otherThan(scope, held);
    if (other != null) {
      throw KernelPanic.of("witness: I-56 " + t + " waits for " + c.waitClass() + ", " + c + ", while it holds " + held
          + " of " + other, t.holdTable());
    }
  }

  private static void refuseVnode(KThread t, Channel c) {
    if (t.vnodeLocksHeld != 0) {
      throw KernelPanic.of("witness: I-56 " + t + " waits for " + c.waitClass() + ", " + c
          + ", while it holds a vnode");
    }
  }

  /** Returns the edges of the order graph, each with who made it first; for reports. */
  public List<String> order() {
    return order.describe();
  }

  /**
   * Checks that {@code t} may wait for a vnode: it holds no mutex, and no other vnode, which is for tries alone.
   *
   * @param again whether it is its owner
   */
  void beforeVnodeLock(KThread t, SleepLock v, boolean again) {
    beforeSleep(t, null, v);
    if (again) {
      return;
    }
    if (t.vnodeLocksHeld != 0) {
      throw KernelPanic.of("witness: I-56 lock order: " + t + " waits for " + v + " while it holds another vnode");
    }
    order.waits(t, VNODE, t.classesHeld(), v);
  }

  /** Checks that {@code t} holds no lock at all: it returns to user mode or ends (I-57). */
  public void nothingHeld(KThread t) {
    if (t.mapsHeldCount != 0 || t.vnodeLocksHeld != 0) {
      throw KernelPanic.of("witness: I-57 " + t + " leaves the kernel with " + t.mapsHeldCount + " map locks and "
          + t.vnodeLocksHeld + " vnode locks held", String.valueOf(t.mapsHeld[0]));
    }
    if (t.heldCount != 0) {
      throw KernelPanic.of("witness: I-57 " + t + " leaves the kernel with mutexes held", held(t));
    }
  }

  static KMutex[] newStack() {
    return new KMutex[MAX_HELD];
  }

  private static String held(KThread t) {
    StringBuilder b = new StringBuilder("held:");
    for (int i = 0; i < t.heldCount; i++) {
      b.append(' ').append(t.held[i]);
    }
    return b.toString();
  }
}
