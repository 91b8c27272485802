package dev.faultline.stress.cli;

import dev.faultline.hw.Machine;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.page.FreeList;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;

/**
 * What a kernel has counted so far: the counters of vmmeter and the machine's, the gauges, the time.
 *
 * @param nanos time that the run took
 * @param commands commands that its processes carried out
 */
record RunStatistics(long nanos, long commands, List<Counter> counters) {
  /** The events that {@code vmstat -s} of FreeBSD 2.1 prints, in its order; those that it lacks follow it. */
  private static final List<Event> VMSTAT = List.of(
      Event.SWAPIN, Event.SWAPPGSIN, Event.SWAPOUT, Event.SWAPPGSOUT,
      Event.VNODEIN, Event.VNODEPGSIN, Event.VNODEOUT, Event.VNODEPGSOUT,
      Event.PDWAKEUPS, Event.PDPAGES, Event.REACTIVATED, Event.COW_FAULTS, Event.ZFOD, Event.INTRANS, Event.VM_FAULTS,
      Event.TFREE, Event.DFREE, Event.PFREE);

  /**
   * A number with a name.
   *
   * @param key what JSON calls it
   * @param text what {@code vmstat -s} would call it
   * @param main whether it belongs in the short table
   */
  record Counter(String key, long value, String text, boolean main) {}

  /**
   * Reads a kernel's. Exact when it is quiet; never waits for the kernel, which may hang. The caller is a strand of its
   * machine.
   */
  static RunStatistics of(Kernel kernel, long nanos, long commands) {
    List<Counter> c = new ArrayList<>();
    VMSTAT.forEach(e -> event(c, kernel, e));
    FreeList free = kernel.pages().freeList();
    int[] queues = kernel.pages().queues().lengths();
    Machine m = kernel.machine();
    gauge(c, "active_count", queues[0], "pages active");
    gauge(c, "inactive_count", queues[1], "pages inactive");
    gauge(c, "cache_count", free.cacheCount(), "pages in VM cache");
    gauge(c, "wire_count", kernel.pages().queues().wireCount(), "pages wired down");
    gauge(c, "free_count", free.freeCount(), "pages free");
    gauge(c, "page_size", m.config().pageSize(), "bytes per page");
    EnumSet.complementOf(EnumSet.copyOf(VMSTAT)).forEach(e -> event(c, kernel, e));
    gauge(c, "page_count", m.config().frames(), "pages managed");
    gauge(c, "swap_pages", kernel.config().swapPages(), "pages of swap");
    long misses = 0;
    long purges = 0;
    for (int i = 0; i < m.cpus(); i++) {
      misses += m.cpu(i).tlbMisses();
      purges += m.cpu(i).purges();
    }
    c.add(new Counter("tlb_misses", misses, "TLB misses", true));
    c.add(new Counter("tlb_purges", purges, "TLB purges", false));
    c.add(new Counter("shootdowns", m.shootdown().shootdowns(), "TLB shootdowns", true));
    c.add(new Counter("remote_purges", m.shootdown().remotePurges(), "TLB purges of other processors", false));
    c.add(new Counter("disk_reads", m.disk().reads(), "disk reads", true));
    c.add(new Counter("disk_writes", m.disk().writes(), "disk writes", true));
    c.add(new Counter("disk_blocks", m.disk().blocksMoved(), "disk blocks moved", false));
    c.add(new Counter("disk_errors", m.disk().errors(), "disk errors", true));
    return new RunStatistics(nanos, commands, List.copyOf(c));
  }

  private static boolean isMain(Event e) {
    return switch (e) {
      case VM_FAULTS, ZFOD, COW_FAULTS, SOFT_FAULTS, HARD_FAULTS, FAULT_RETRIES, SWAPPGSIN, SWAPPGSOUT, VNODEPGSIN,
          VNODEPGSOUT, FORKS, KILLS -> true;
      default -> false;
    };
  }

  private static void event(List<Counter> to, Kernel kernel, Event e) {
    long value = kernel.domain().events(e.ordinal());
    to.add(new Counter(e.name().toLowerCase(Locale.ROOT), value, e.text(), isMain(e)));
  }

  private static void gauge(List<Counter> to, String key, long value, String text) {
    to.add(new Counter(key, value, text, false));
  }

  /** Returns a counter's value by its JSON name. */
  long value(String key) {
    for (Counter c : counters) {
      if (c.key().equals(key)) {
        return c.value();
      }
    }
    throw new IllegalArgumentException("no counter " + key);
  }

  double seconds() {
    return nanos / 1e9;
  }

  double faultsPerSecond() {
    return nanos == 0 ? 0 : value("vm_faults") / seconds();
  }

  /** Returns the least that says how a run went. */
  String oneLine() {
    return String.format(
        Locale.ROOT,
        "%.3f s, %d commands, %d faults, %d pages in, %d pages out",
        seconds(),
        commands,
        value("vm_faults"),
        value("swappgsin") + value("vnodepgsin"),
        value("swappgsout") + value("vnodepgsout"));
  }

  /** Prints them as {@code vmstat -s} does; the short table has what says most. */
  void print(PrintWriter to, boolean all) {
    line(to, String.format(Locale.ROOT, "%.3f", seconds()), "seconds");
    line(to, String.format(Locale.ROOT, "%.0f", faultsPerSecond()), "faults per second");
    line(to, Long.toString(commands), "commands carried out");
    for (Counter c : counters) {
      if (all || (c.main() && c.value() != 0)) {
        line(to, Long.toString(c.value()), c.text());
      }
    }
    to.flush();
  }

  private static void line(PrintWriter to, String number, String text) {
    to.printf(Locale.ROOT, "%12s %s%n", number, text);
  }
}
