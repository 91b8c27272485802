package dev.faultline.vm.detect;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for what, and who has it: a snapshot of all threads of a kernel, exact where nothing moves any more.
 *
 * <p>Immutable once taken.
 */
public final class WaitForGraph {
  /**
   * One thread that waits.
   *
   * @param waiter the thread
   * @param tag why, as the kernel tells (wmesg); "mutex" for a mutex
   * @param subject what it waits for
   * @param holder the thread that has it, where that is known
   * @param turn which of the waiter's sleeps this is
   * @param periodic whether the waiter is a daemon that has nothing to do until its time has come
   */
  public record Wait(
      KThread waiter, String tag, String subject, @Nullable KThread holder, long turn, boolean periodic) {
    @Override
    public String toString() {
      return waiter + " waits, " + tag + ", for " + subject + (holder == null ? "" : ", which " + holder + " has");
    }
  }

  private final List<Wait> waits; // (C)
  private final int running; // (C)

  private WaitForGraph(List<Wait> waits, int running) {
    this.waits = List.copyOf(waits);
    this.running = running;
  }

  /** Takes a snapshot. The caller is a strand; it, if it is one of the kernel's, is left out. */
  public static WaitForGraph of(SyncDomain domain) {
    Strand self = Strand.currentOrNull();
    List<Wait> waits = new ArrayList<>();
    int[] running = {0};
    domain.forEachThread(
        t -> {
          if (t.strand() == self) {
            return;
          }
          Wait w = waitOf(t);
          if (w == null) {
            running[0]++;
          } else {
            waits.add(w);
          }
        });
    return new WaitForGraph(waits, running[0]);
  }

  private static @Nullable Wait waitOf(KThread t) {
    Channel c = t.sleepChannel();
    if (c != null) {
      Object holder = c.holder();
      String tag = String.valueOf(t.sleepTag());
      KThread who = holder instanceof KThread ? (KThread) holder : null;
      return new Wait(t, tag, String.valueOf(c), who, t.sleepCount(), t.isDaemonBetweenPeriods());
    }
    StrandLock lock = t.strand().awaitedLock();
    if (lock == null) {
      return null;
    }
    Strand owner = lock.owner();
    KThread holder = owner == null ? null : (KThread) owner.context;
    return owner == null ? null : new Wait(t, "mutex", lock.toString(), holder, t.sleepCount(), false);
  }

  /** Returns the threads that wait. */
  public List<Wait> waits() {
    return waits;
  }

  /** Returns how many threads do not wait. */
  public int running() {
    return running;
  }

  /** Returns threads each of which waits for what the next has, the last for what the first has; empty if none do. */
  public List<KThread> cycle() {
    Map<KThread, KThread> next = new LinkedHashMap<>();
    for (Wait w : waits) {
      if (w.holder() != null) {
        next.put(w.waiter(), w.holder());
      }
    }
    for (KThread start : next.keySet()) {
      List<KThread> path = new ArrayList<>();
      KThread t = start;
      while (t != null && !path.contains(t)) {
        path.add(t);
        t = next.get(t);
      }
      if (t != null) {
        return path.subList(path.indexOf(t), path.size());
      }
    }
    return List.of();
  }

  /** Returns the graph in Graphviz's language: threads as boxes, what they wait for as ellipses. */
  public String toDot() {
    StringBuilder s = new StringBuilder("digraph waits {\n  rankdir=LR;\n");
    for (Wait w : waits) {
      s.append("  ").append(quoted(w.waiter())).append(" [shape=box];\n");
      s.append("  ").append(quoted(w.waiter())).append(" -> ").append(quoted(w.subject()));
      s.append(" [label=").append(quoted(w.tag())).append("];\n");
      if (w.holder() != null) {
        s.append("  ").append(quoted(w.subject())).append(" -> ").append(quoted(w.holder())).append(";\n");
      }
    }
    return s.append("}\n").toString();
  }

  private static String quoted(Object o) {
    return '"' + o.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  /** Returns how many daemons wait for nothing but their time. */
  int periodic() {
    return (int) waits.stream().filter(Wait::periodic).count();
  }

  /** Returns whether the same threads wait for the same things, in the same sleeps; daemons with a period aside. */
  boolean sameAs(WaitForGraph other) {
    return running == other.running && others().equals(other.others());
  }

  private List<Wait> others() {
    return waits.stream().filter(w -> !w.periodic()).toList();
  }

  /** Returns whether each daemon with a period that waited then has done all it does since, from beginning to end. */
  boolean periodsPassedSince(WaitForGraph then) {
    for (Wait w : waits) {
      for (Wait before : then.waits) {
        if (w.periodic() && w.waiter() == before.waiter() && w.turn() < before.turn() + 2) {
          return false;
        }
      }
    }
    return true;
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    for (Wait w : waits) {
      s.append(w).append('\n');
    }
    List<KThread> cycle = cycle();
    if (!cycle.isEmpty()) {
      s.append("cycle: ").append(cycle).append('\n');
    }
    return s.toString();
  }
}
