package dev.faultline.vm.detect;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.MapLock;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for what, and who has it: a snapshot of all threads of a kernel, exact where nothing moves any more.
 *
 * <p>Immutable once taken.
 */
public final class WaitForGraph {
  /*
   * Implementation overview
   *
   * Holders    A mutex and a vnode have one owner; a map lock its writer, or all threads that list a hold of it; a page
   *            its owner, and pip all its holders, by the ownership registry where that is on. A wait ends only when
   *            all of them have let go.
   * Circle     Threads that wait for each other stay as they are for ever, whatever else moves: each sleeps, and what
   *            it holds only it can let go. Two snapshots with the same sleeps prove it.
   */
  /**
   * One thread that waits.
   *
   * @param waiter the thread
   * @param tag why, as the kernel tells (wmesg); "mutex" for a mutex, "cpu" for a processor
   * @param subject what it waits for
   * @param kind what kind of thing that is, where it has a place in the order of waits
   * @param holders the threads that have it, where they are known
   * @param others what else has it: transfers and the like
   * @param turn which of the waiter's sleeps this is
   * @param end the tick at which the wait ends by itself, or 0
   * @param satisfied whether what it waits for is there already
   * @param periodic whether the waiter is a daemon that has nothing to do until its time has come
   */
  public record Wait(
      KThread waiter,
      String tag,
      String subject,
      @Nullable WaitClass kind,
      List<KThread> holders,
      List<String> others,
      long turn,
      long end,
      boolean satisfied,
      boolean periodic) {

    /** Returns whether this is the same wait of the same thread. */
    boolean isSameAs(Wait other) {
      return waiter == other.waiter && turn == other.turn && tag.equals(other.tag) && subject.equals(other.subject);
    }

    /** Returns whether the kernel is to end this wait, and not another process or the passing of time. */
    boolean isOfTheKernel() {
      return kind != null || tag.equals("mutex") || tag.equals("vnlock") || tag.startsWith("thrd_")
          || tag.equals("cpu");
    }

    @Override
    public String toString() {
      StringBuilder b = new StringBuilder(waiter + " waits, " + tag + ", for " + subject);
      List<String> who = new ArrayList<>(holders.stream().map(KThread::toString).toList());
      who.addAll(others);
      if (!who.isEmpty()) {
        b.append(", which ").append(String.join(" and ", who)).append(who.size() == 1 ? " has" : " have");
      } else if (satisfied) {
        b.append(", which nobody has any more");
      }
      return b.append(end == 0 ? "" : ", until tick " + end).toString();
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
    List<KThread> threads = new ArrayList<>();
    domain.forEachThread(threads::add);
    Map<MapLock, List<KThread>> readers = new IdentityHashMap<>();
    for (KThread t : threads) {
      t.forEachMapHeld(m -> readers.computeIfAbsent(m, x -> new ArrayList<>()).add(t));
    }
    List<Wait> waits = new ArrayList<>();
    int running = 0;
    for (KThread t : threads) {
      if (t.strand() == self || t.isInterruptAtRest()) {
        continue;
      }
      Wait w = waitOf(t, readers);
      if (w == null) {
        running++;
      } else {
        waits.add(w);
      }
    }
    return new WaitForGraph(waits, running);
  }

  private static @Nullable Wait waitOf(KThread t, Map<MapLock, List<KThread>> readers) {
    long turn = t.sleepCount();
    Channel c = t.sleepChannel();
    if (c != null) {
      Set<KThread> threads = new LinkedHashSet<>();
      Set<String> others = new LinkedHashSet<>();
      c.forEachHolder(h -> {
        if (h instanceof KThread k) {
          threads.add(k);
        } else {
          others.add(String.valueOf(h));
        }
      });
      if (c instanceof MapLock m) {
        threads.addAll(readers.getOrDefault(m, List.of()));
        threads.remove(t); // an upgrade waits for the other readers
      }
      String tag = String.valueOf(t.sleepTag());
      return new Wait(t, tag, String.valueOf(c), c.waitClass(), List.copyOf(threads), List.copyOf(others), turn,
          t.sleepEnd(), c.isSatisfied(), t.isDaemonBetweenPeriods());
    }
    if (t.awaitsCpu()) {
      return new Wait(t, "cpu", "a processor", null, List.of(), List.of(), turn, 0, false,
          false);
    }
    StrandLock lock = t.strand().awaitedLock();
    if (lock == null) {
      return null;
    }
    Strand owner = lock.owner();
    if (owner == null || owner == t.strand()) { // its own: it has just been granted the lock
      return null;
    }
    KThread holder = (KThread) owner.context;
    List<KThread> holders = holder == null ? List.of() : List.of(holder);
    return new Wait(t, "mutex", lock.toString(), null, holders, List.of(), turn, 0, false, false);
  }

  /** Returns the threads that wait. */
  public List<Wait> waits() {
    return waits;
  }

  /** Returns how many threads do not wait. */
  public int running() {
    return running;
  }

  /** Returns a thread's wait, or null if it does not wait. */
  @Nullable Wait waitOf(KThread t) {
    for (Wait w : waits) {
      if (w.waiter() == t) {
        return w;
      }
    }
    return null;
  }

  /** Returns threads each of which waits for what the next has, the last for what the first has; empty if none do. */
  public List<KThread> cycle() {
    Map<KThread, Wait> of = new LinkedHashMap<>();
    waits.forEach(w -> of.put(w.waiter(), w));
    Set<KThread> done = new LinkedHashSet<>();
    for (KThread start : of.keySet()) {
      List<KThread> found = circle(start, of, new ArrayList<>(), done);
      if (!found.isEmpty()) {
        return found;
      }
    }
    return List.of();
  }

  private static List<KThread> circle(KThread t, Map<KThread, Wait> of, List<KThread> path, Set<KThread> done) {
    int at = path.indexOf(t);
    if (at >= 0) {
      return List.copyOf(path.subList(at, path.size()));
    }
    Wait w = of.get(t);
    if (w == null || w.end() != 0 || !done.add(t)) {
      return List.of(); // a wait with an end is no part of a circle that lasts
    }
    path.add(t);
    for (KThread next : w.holders()) {
      Wait his = of.get(next);
      if (w.tag().equals("mutex") && his != null && !his.tag().equals("mutex")) {
        continue; // on its way to sleep, it has yet to let go
      }
      List<KThread> found = circle(next, of, path, done);
      if (!found.isEmpty()) {
        return found;
      }
    }
    path.remove(path.size() - 1);
    return List.of();
  }

  /** Returns the graph in Graphviz's language: threads as boxes, what they wait for as ellipses. */
  public String toDot() {
    StringBuilder s = new StringBuilder("digraph waits {\n  rankdir=LR;\n");
    for (Wait w : waits) {
      s.append("  ").append(quoted(w.waiter())).append(" [shape=box];\n");
      s.append("  ").append(quoted(w.waiter())).append(" -> ").append(quoted(w.subject()));
      s.append(" [label=").append(quoted(w.tag())).append("];\n");
      for (KThread holder : w.holders()) {
        s.append("  ").append(quoted(w.subject())).append(" -> ").append(quoted(holder)).append(";\n");
      }
      for (String other : w.others()) {
        s.append("  ").append(quoted(w.subject())).append(" -> ").append(quoted(other)).append(";\n");
      }
    }
    return s.append("}\n").toString();
  }

  private static String quoted(Object o) {
    return '"' + o.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  /** Returns the graph as a picture, an SVG document. */
  public String toSvg() {
    return new WaitForPicture(this).svg();
  }

  /** Returns whether the same threads wait for the same things, in the same sleeps; daemons with a period aside. */
  public boolean sameAs(WaitForGraph other) {
    List<Wait> mine = others();
    List<Wait> theirs = other.others();
    if (running != other.running || mine.size() != theirs.size()) {
      return false;
    }
    for (int i = 0; i < mine.size(); i++) {
      if (!mine.get(i).isSameAs(theirs.get(i))) {
        return false;
      }
    }
    return true;
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
