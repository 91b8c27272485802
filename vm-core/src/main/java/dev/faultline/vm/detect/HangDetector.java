package dev.faultline.vm.detect;

import dev.faultline.hw.strand.WatchedTime;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.detect.WaitForGraph.Wait;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Notices that threads of a kernel will never do anything again though processes are left (I-58), that some have been
 * left asleep or try in vain (I-59, I-60: {@link Starvation}), and that nothing useful has happened for long.
 *
 * <p>For one strand, which looks every few milliseconds. Takes no lock that a hanging kernel could hold.
 */
public final class HangDetector {
  /*
   * Implementation overview
   *
   * A circle     Threads each of which waits for what the next one holds, in the same sleeps at two looks: whatever
   *              else moves, they do not.
   * Stillness    No thread runs, none is being started, the disk is idle, and no wait ends by itself: nobody is left to
   *              wake anybody. Two looks must see the very same sleeps, since a snapshot of moving threads proves
   *              nothing; and the disk was idle before the second, else that may have missed what a transfer woke.
   *              Whoever waits for a processor gets one, as nobody sleeps with one, so that is no stillness. A process
   *              in the sleep of a program (a timed wait that the kernel has no part in) holds
   *              nothing, so if the others wait for something of the kernel's, they hang while it sleeps.
   *              A daemon that works by the clock may still help: the looks go on until it has been through a whole
   *              pass, and all the others sleep the very same sleeps.
   * Lost time    A wait whose end is long past, by the clock, ends by itself no more: the clock has lost a callout, if
   *              that is seen for a second. The thread that keeps the clock may be late, as after a pause of the host.
   * Host time    counts as far as looks were made: see WatchedTime.
   * Lost I/O     The disk is busy, moves nothing for seconds, and everybody waits.
   * No progress  For a long time no command, no fault that ends and no block moved, though some thread runs: threads
   *              that keep each other busy. The patience is for the kernel, so a process that sleeps its own sleep does
   *              not prolong it while another one waits for something of the kernel's.
   */
  private static final long PATIENCE_NANOS = 30_000_000_000L;
  private static final long DISK_PATIENCE_NANOS = 10_000_000_000L;
  private static final long OVERDUE_NANOS = 1_000_000_000L;
  private static final long COST_NANOS = 200_000;
  private static final int PACE = 9; // of a look that takes longer, as many times as long until the next

  private final Kernel kernel; // (C)
  private final LongSupplier work; // (C)
  private final Starvation starvation; // (C)
  private final WatchedTime time = new WatchedTime();
  private @Nullable WaitForGraph before; // the last look's
  private @Nullable WaitForGraph firstStill; // the first look's at this stillness
  private long progress = Long.MIN_VALUE; // no sum: that may be below 0, as counters are read one after another
  private long since;
  private long stillSince;
  private long next = Long.MIN_VALUE; // no look before: among many threads one takes its time

  /**
   * Begins to watch a kernel.
   *
   * @param work a number that grows as the kernel's users get on, besides faults and transfers
   */
  public HangDetector(Kernel kernel, LongSupplier work) {
    this.kernel = kernel;
    this.work = work;
    this.starvation = new Starvation(kernel);
  }

  /**
   * Looks once.
   *
   * @param now host time in nanoseconds
   * @return the finding, or null while the kernel may still go on
   */
  public @Nullable Finding look(long now) {
    long began = kernel.domain().strands().nanoTime();
    if (began < next) {
      return null;
    }
    Finding f = lookNow(time.at(now));
    long end = kernel.domain().strands().nanoTime();
    next = end - began < COST_NANOS ? end : end + PACE * (end - began);
    return f;
  }

  private @Nullable Finding lookNow(long now) {
    boolean diskIdle = kernel.machine().disk().idle(); // first: a transfer may end while the snapshot is taken
    WaitForGraph g = WaitForGraph.of(kernel.domain());
    WaitForGraph earlier = before;
    before = g;
    List<KThread> circle = g.cycle();
    if (!circle.isEmpty() && earlier != null && sameSleeps(circle, g, earlier)) {
      return finding("I-58 threads wait for each other in a circle: " + circle, g);
    }
    boolean still = isStill(g);
    WaitForGraph first = firstStill;
    if (!still || first == null || !g.sameAs(first)) {
      firstStill = still ? g : null;
      stillSince = now;
    } else if (diskIdle) {
      if (g.periodsPassedSince(first) && (now - stillSince >= OVERDUE_NANOS || !isAnyOverdue(g))) {
        return finding("I-58 all threads wait and nobody is left to wake them", g);
      }
    } else if (now - stillSince >= DISK_PATIENCE_NANOS) {
      return finding("I-58 all threads wait, and the disk has done nothing for " + DISK_PATIENCE_NANOS / 1_000_000_000
          + " s", g);
    }
    String starved = starvation.look(now, g);
    if (starved != null) {
      return finding(starved, g);
    }
    long sum = work.getAsLong() + kernel.domain().events(Event.VM_FAULTS.ordinal())
        - kernel.domain().events(Event.FAULT_RETRIES.ordinal()) + kernel.machine().disk().blocksMoved();
    boolean excused = kernel.processes().sleeping() > 0 && g.waits().stream().noneMatch(Wait::isOfTheKernel);
    if (sum != progress || kernel.processes().live() == 0 || excused) {
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

  private static boolean sameSleeps(List<KThread> threads, WaitForGraph g, WaitForGraph earlier) {
    for (KThread t : threads) {
      Wait now = g.waitOf(t);
      Wait then = earlier.waitOf(t);
      if (now == null || then == null || !now.isSameAs(then)) {
        return false;
      }
    }
    return true;
  }

  /** Whether nothing in this kernel can move but the disk, if the snapshot was of one instant. */
  private boolean isStill(WaitForGraph g) {
    int live = kernel.processes().live();
    if (live == 0 || g.running() != 0 || kernel.domain().starting() != 0 || g.waits().size() < live) {
      return false;
    }
    boolean sleepers = false;
    boolean kernelWaits = false;
    for (Wait w : g.waits()) {
      if (w.tag().equals("mutex") && w.holders().stream().anyMatch(h -> isOnItsWay(g, h))) {
        return false;
      }
      if (w.tag().equals("cpu")) {
        return false; // whoever has a processor is on its way to sleep, or the waiter has it and is about to go on
      }
      boolean ends = w.end() != 0 && !isOverdue(w);
      if (w.periodic()) {
        continue; // nothing but its time: whether its pass helps is seen after it
      }
      if (ends && !w.tag().equals("nanslp")) {
        return false;
      }
      sleepers |= ends;
      kernelWaits |= w.isOfTheKernel();
    }
    return !sleepers || kernelWaits;
  }

  /** Whether a thread that has a mutex, or the token, is about to let go of it and sleep: it has not got there yet. */
  private static boolean isOnItsWay(WaitForGraph g, KThread t) {
    Wait w = g.waitOf(t);
    return w != null && !w.tag().equals("mutex");
  }

  private boolean isOverdue(Wait w) {
    long ticks = Math.max(10, OVERDUE_NANOS / kernel.machine().clock().tickNanos());
    return kernel.machine().clock().now() - w.end() > ticks;
  }

  private boolean isAnyOverdue(WaitForGraph g) {
    return g.waits().stream().anyMatch(w -> w.end() != 0 && isOverdue(w));
  }

  private Finding finding(String message, WaitForGraph g) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("live processes", Integer.toString(kernel.processes().live()));
    d.put("memory", memory());
    d.put("disk", kernel.machine().disk().idle() ? "idle" : "busy");
    d.put("running threads", Integer.toString(g.running()));
    int i = 0;
    for (Wait w : g.waits()) {
      d.put("wait " + i++, w.toString());
    }
    List<KThread> circle = g.cycle();
    if (!circle.isEmpty()) {
      d.put("cycle", circle.toString());
    }
    List<String> lost = new ArrayList<>();
    for (Wait w : g.waits()) {
      if (w.satisfied()) {
        lost.add(w.toString());
      }
      if (w.end() != 0 && isOverdue(w)) {
        lost.add(w + ", long past");
      }
    }
    if (!lost.isEmpty()) {
      d.put("lost wakeups", String.join("; ", lost));
    }
    d.put("graph", g.toDot());
    d.put("picture", g.toSvg());
    return Finding.of(Finding.Kind.HANG, message, d);
  }

  private String memory() {
    int[] queued = kernel.pages().queues().lengthHints();
    return kernel.pages().freeList().freeCount() + " free, " + kernel.pages().freeList().cacheCount() + " cached, "
        + queued[1] + " inactive, " + queued[0] + " active, " + kernel.pages().queues().wireCount() + " wired, of "
        + kernel.pages().pageCount() + "; swap " + kernel.swapPager().freePages() + " free of "
        + kernel.swapPager().swapPages() + (kernel.swapPager().isBusy() ? ", pageouts under way" : "");
  }
}
