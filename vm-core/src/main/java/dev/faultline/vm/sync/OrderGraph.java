package dev.faultline.vm.sync;

import dev.faultline.vm.base.KernelPanic;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The order in which things have been waited for, as a graph: lock classes and {@link WaitClass}es are its nodes, an
 * edge from x to y says that a thread that held an x has waited for a y. A circle is a deadlock that some schedule has,
 * found from one run of each of its paths.
 */
final class OrderGraph {
  /*
   * Implementation overview
   *
   * into[y] has a bit for each x with an edge from x to y, and answers nearly every question with one load. An edge
   * keeps the thread that made it first and where that was. Edges only come; nobody waits for anybody here.
   */
  private static final LockRank[] RANKS = LockRank.values();
  private static final WaitClass[] CLASSES = WaitClass.values();
  static final int NODES = RANKS.length + CLASSES.length; // at most 32

  private record Edge(int from, int to, String thread, String awaited, Throwable where) {
    String describe() {
      StringBuilder b = new StringBuilder(thread + ", holding " + name(from) + ", waited for " + awaited + " at");
      int shown = 0;
      for (StackTraceElement e : where.getStackTrace()) {
        boolean own = e.getClassName().startsWith("dev.faultline.vm.sync.");
        if (!own && shown++ < 6) {
          b.append(' ').append(e.getFileName()).append(':').append(e.getLineNumber());
        }
      }
      return b.toString();
    }
  }

  private final AtomicIntegerArray into = new AtomicIntegerArray(NODES);
  private final AtomicReferenceArray<@Nullable Edge> edges = new AtomicReferenceArray<>(NODES * NODES);

  static String name(int node) {
    return node < RANKS.length ? RANKS[node].name() : CLASSES[node - RANKS.length].toString();
  }

  /**
   * A thread that holds {@code held}, a bit for each node, is about to wait for a thing of class {@code node}.
   *
   * @throws KernelPanic if that closes a circle
   */
  void waits(KThread t, int node, int held, Object what) {
    int fresh = held & ~into.getPlain(node) & ~(1 << node); // within a class sub-orders and other rules decide
    if (fresh != 0) {
      add(t, node, fresh, what);
    }
  }

  private void add(KThread t, int node, int fresh, Object what) {
    Throwable where = new Throwable();
    for (int from = 0; from < NODES; from++) {
      if ((fresh & 1 << from) == 0) {
        continue;
      }
      Edge e = new Edge(from, node, t.toString(), String.valueOf(what), where);
      edges.compareAndSet(from * NODES + node, null, e);
      into.getAndAccumulate(node, 1 << from, (a, b) -> a | b);
      List<Edge> circle = new ArrayList<>();
      if (path(node, from, new boolean[NODES], circle)) {
        StringBuilder b = new StringBuilder();
        b.append("1. ").append(e.describe());
        for (int i = circle.size() - 1; i >= 0; i--) {
          b.append("; ").append(circle.size() - i + 1).append(". ").append(circle.get(i).describe());
        }
        throw KernelPanic.of("witness: I-56 a circle of waits: " + name(from) + " and " + name(node), b);
      }
    }
  }

  /** Finds a path between two nodes; its edges come in reverse. */
  private boolean path(int from, int to, boolean[] seen, List<Edge> found) {
    seen[from] = true;
    for (int next = 0; next < NODES; next++) {
      Edge e = edges.get(from * NODES + next);
      if (e == null || seen[next]) {
        continue;
      }
      if (next == to || path(next, to, seen, found)) {
        found.add(e);
        return true;
      }
    }
    return false;
  }

  /** Returns the edges, each with who made it first. */
  List<String> describe() {
    List<String> l = new ArrayList<>();
    for (int i = 0; i < NODES * NODES; i++) {
      Edge e = edges.get(i);
      if (e != null) {
        l.add(name(e.from) + " -> " + name(e.to) + ": " + e.describe());
      }
    }
    return l;
  }
}
