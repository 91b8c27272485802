package dev.faultline.vm.map;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayDeque;

/**
 * References to objects and share maps that a thread gave up while it held a map lock, to be dropped after its last one
 * is released: dropping may wait for pip, whose holder may want the very lock (R29).
 *
 * <p>One a thread, found through {@link KThread#deferred}; used by that thread only.
 */
final class DeferredReleases {
  private final ArrayDeque<Object> queue = new ArrayDeque<>(); // VmObject or VmMap
  private boolean running;

  private static DeferredReleases of(KThread t) {
    DeferredReleases d = (DeferredReleases) t.deferred;
    if (d == null) {
      d = new DeferredReleases();
      t.deferred = d;
    }
    return d;
  }

  /** Drops a reference to {@code o} later, or now if the thread holds no map lock. */
  static void release(VmObject o) {
    defer(o);
  }

  /** Drops a reference to the share map or submap {@code m} later, or now if the thread holds no map lock. */
  static void release(VmMap m) {
    defer(m);
  }

  private static void defer(Object reference) {
    KThread t = KThread.current();
    of(t).queue.add(reference);
    runIfUnlocked(t);
  }

  /** Does what was put off if the thread holds no map lock. Called after every unlock of a map; may sleep then. */
  static void runIfUnlocked(KThread t) {
    DeferredReleases d = (DeferredReleases) t.deferred;
    if (d != null && t.mapLocksHeld == 0 && !d.running && !d.queue.isEmpty()) {
      d.run();
    }
  }

  /** Ending a share map locks it and defers again: this outermost run goes on until nothing is left. */
  private void run() {
    running = true;
    try {
      for (Object r = queue.poll(); r != null; r = queue.poll()) {
        if (r instanceof VmObject o) {
          o.deallocate();
        } else if (r instanceof VmMap m) {
          m.deallocate();
        }
      }
    } finally {
      running = false;
    }
  }
}
