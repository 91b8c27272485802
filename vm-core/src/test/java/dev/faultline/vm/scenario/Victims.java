package dev.faultline.vm.scenario;

import dev.faultline.vm.sync.KThread;

/** Kills threads for want of memory, as the page daemon would (vm-semantics 5.7). */
public final class Victims {
  private Victims() {}

  /** Marks the kernel threads of a name as killed, and wakes who waits for memory. */
  public static void kill(World w, String name) {
    w.inKernel(
        () -> {
          w.kernel()
              .domain()
              .forEachThread(
                  t -> {
                    if (t.name().equals(name)) {
                      t.kill();
                    }
                  });
          w.kernel().pages().freeList().wakeWaiters();
        });
  }

  /** Returns whether a thread of a name sleeps with {@code tag}. */
  public static boolean sleeps(World w, String name, String tag) {
    boolean[] found = new boolean[1];
    w.inKernel(() -> w.kernel().domain().forEachThread((KThread t) -> found[0] |= t.name().equals(name)
        && tag.equals(t.sleepTag())));
    return found[0];
  }
}
