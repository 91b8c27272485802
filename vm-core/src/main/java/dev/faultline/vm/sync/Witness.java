package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.KernelPanic;
import java.util.Arrays;
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
   */
  private static final int MAX_HELD = 64;

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
      throw KernelPanic.of("witness: lock order: " + t + " waits for " + m + " while it holds " + h, held(t));
    }
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
        return;
      }
    }
    throw KernelPanic.of("witness: " + t + " unlocks " + m + ", which it does not hold", held(t));
  }

  /** Checks that {@code t} holds no mutex but {@code interlock}: it is about to sleep. */
  void beforeSleep(KThread t, @Nullable KMutex interlock, Object channel) {
    for (int i = 0; i < t.heldCount; i++) {
      if (t.held[i] != interlock) {
        throw KernelPanic.of("witness: " + t + " sleeps on " + channel + " with a mutex held", held(t));
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
      throw KernelPanic.of("witness: lock order: " + t + " waits for " + m + " while it holds a vnode");
    }
    for (int i = 0; i < t.mapsHeldCount; i++) {
      MapLock h = t.mapsHeld[i];
      if (h == null || (h == m && again) || (h != m && m.subject() instanceof SubOrdered s
          && s.mayFollow(h.subject()))) {
        continue;
      }
      throw KernelPanic.of("witness: lock order: " + t + " waits for " + m + " while it holds " + h);
    }
  }

  /** Lists a hold of a map lock. */
  void mapLocked(KThread t, MapLock m) {
    if (t.mapsHeldCount == t.mapsHeld.length) {
      t.mapsHeld = Arrays.copyOf(t.mapsHeld, 2 * t.mapsHeldCount); // a fork holds as many share maps as it copies from
    }
    t.mapsHeld[t.mapsHeldCount++] = m;
  }

  /**
   * Takes the latest hold of a map lock off the list, if it is there: a harness may end one that another thread took.
   */
  void mapUnlocked(KThread t, MapLock m) {
    for (int i = t.mapsHeldCount - 1; i >= 0; i--) {
      if (t.mapsHeld[i] == m) {
        System.arraycopy(t.mapsHeld, i + 1, t.mapsHeld, i, t.mapsHeldCount - i - 1);
        t.mapsHeld[--t.mapsHeldCount] = null;
        return;
      }
    }
  }

  /** Checks that {@code t} may wait for a vnode: it holds no mutex. */
  void beforeVnodeLock(KThread t, SleepLock v) {
    beforeSleep(t, null, v);
  }

  /** Checks that {@code t} holds no mutex at all: it returns to user mode or ends. */
  public void nothingHeld(KThread t) {
    if (t.heldCount != 0) {
      throw KernelPanic.of("witness: " + t + " leaves the kernel with mutexes held", held(t));
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
