package dev.faultline.vm.sync;

import dev.faultline.vm.trace.TraceKind;

/**
 * The total order of locks, vm-semantics 5.1: a thread may block only on a lock that ranks above every mutex it holds.
 */
public enum LockRank {
  MAP(10, TraceKind.LOCK_M),
  VNODE(20, TraceKind.LOCK_V),
  VNODE_INTERLOCK(25, TraceKind.LOCK_VI),
  /** O(object). Two of them: the shadow before its backing object. */
  OBJECT(30, TraceKind.LOCK_O),
  PAGE_QUEUES(40, TraceKind.LOCK_Q),
  OBJECT_LIST(45, TraceKind.LOCK_OL),
  PMAP(50, TraceKind.LOCK_P),
  PV(60, TraceKind.LOCK_PV),
  HASH(70, TraceKind.LOCK_H),
  FREE(80, TraceKind.LOCK_F),
  LEAF(85, TraceKind.LOCK_LEAF),
  SWAP(90, TraceKind.LOCK_SWAP),
  DISK(95, TraceKind.LOCK_DISK),
  INTERLOCK(98, TraceKind.NONE),
  SLEEP_QUEUE(100, TraceKind.NONE);

  private final int level; // (C)
  private final TraceKind traceKind; // (C)

  LockRank(int level, TraceKind traceKind) {
    this.level = level;
    this.traceKind = traceKind;
  }

  /** Returns what traces call a lock of this rank. */
  TraceKind traceKind() {
    return traceKind;
  }

  /** Returns the number of the rank table. */
  public int level() {
    return level;
  }
}
