package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Notices that a kernel will never do anything again though processes are left (I-58), and that it has done nothing
 * useful for long.
 *
 * <p>For one strand, which looks now and then. Takes no lock that a hanging kernel could hold.
 */
public final class HangDetector {
  /*
   * Implementation overview
   *
   * Hung         Every thread of the kernel sleeps or is parked for a mutex, each live process has such a thread,
   *              none is being started, the disk is idle and no callout waits or acts: nobody is left to wake
   *              anybody. Two looks in a row must see the very same sleeps, since a snapshot of moving threads
   *              proves nothing. A daemon that works by the clock may still help: the looks go on until it has been
   *              through a whole pass, and all the others sleep the very same sleeps.
   * No progress  For a long time no command, no fault that ends and no block moved, though some thread runs: threads
   *              that keep each other busy, or starve one another.
   */
  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private final Kernel kernel; // (C)
  private final LongSupplier work; // (C)
  private @Nullable WaitForGraph before;
  private long progress = -1;
  private long since;

  /**
   * Begins to watch a kernel.
   *
   * @param work a number that grows as the kernel's users get on, besides faults and transfers
   */
  public HangDetector(Kernel kernel, LongSupplier work) {
    this.kernel = kernel;
    this.work = work;
  }

  /**
   * Looks once.
   *
   * @param now host time in nanoseconds
   * @return the finding, or null while the kernel may still go on
   */
  public @Nullable Finding look(long now) {
    WaitForGraph g = WaitForGraph.of(kernel.domain());
    boolean still = isStill(g);
    WaitForGraph first = before;
    boolean same = still && first != null && g.sameAs(first);
    boolean hung = same && first != null && g.periodsPassedSince(first);
    if (!same) {
      before = still ? g : null;
    }
    if (hung) {
      return finding("I-58 all threads wait and nobody is left to wake them", g);
    }
    long sum = work.getAsLong() + kernel.domain().events(Event.VM_FAULTS.ordinal())
        - kernel.domain().events(Event.FAULT_RETRIES.ordinal()) + kernel.machine().disk().blocksMoved();
    if (sum != progress || kernel.processes().live() == 0 || kernel.processes().sleeping() > 0) {
      progress = sum;
      since = now;
    }
    if (now - since >= PATIENCE_NANOS) {
      return finding("I-58 no progress for " + PATIENCE_NANOS / 1_000_000_000 + " s", g);
    }
    return null;
  }

  /**
   * Returns the finding that a run has not ended though it is many times as old as any that ends: it gets on, but so
   * slowly that it is as good as hung (I-60).
   *
   * @param age host time since the run began, nanoseconds
   */
  public Finding overdue(long age) {
    return finding("I-60 not ended after " + age / 1_000_000_000 + " s", WaitForGraph.of(kernel.domain()));
  }

  /** Whether nothing in this kernel can move, if the snapshot was of one instant. */
  private boolean isStill(WaitForGraph g) {
    int live = kernel.processes().live();
    return live > 0
        && g.running() == 0
        && kernel.domain().starting() == 0
        && g.waits().size() >= live
        && kernel.machine().disk().idle()
        && (kernel.machine().clock().idle()
            || (g.periodic() > 0 && kernel.machine().clock().pending() <= g.periodic()));
  }

  private Finding finding(String message, WaitForGraph g) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("live processes", Integer.toString(kernel.processes().live()));
    d.put("memory", kernel.pages().freeList().freeCount() + " free, " + kernel.pages().freeList().cacheCount()
        + " cached");
    d.put("disk", kernel.machine().disk().idle() ? "idle" : "busy");
    d.put("running threads", Integer.toString(g.running()));
    int i = 0;
    for (WaitForGraph.Wait w : g.waits()) {
      d.put("wait " + i++, w.toString());
    }
    if (!g.cycle().isEmpty()) {
      d.put("cycle", g.cycle().toString());
    }
    d.put("graph", g.toDot());
    return new Finding(Finding.SCHEMA, Finding.Kind.HANG, message, d, 0);
  }
}
