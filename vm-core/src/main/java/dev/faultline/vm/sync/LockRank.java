package dev.faultline.vm.sync;

/**
 * The total order of locks, vm-semantics 5.1: a thread may block only on a lock that ranks above every mutex it holds.
 */
public enum LockRank {
  MAP(10),
  VNODE(20),
  VNODE_INTERLOCK(25),
  /** O(object). Two of them: the shadow before its backing object. */
  OBJECT(30),
  PAGE_QUEUES(40),
  OBJECT_LIST(45),
  PMAP(50),
  PV(60),
  HASH(70),
  FREE(80),
  LEAF(85),
  SWAP(90),
  DISK(95),
  INTERLOCK(98),
  SLEEP_QUEUE(100);

  private final int level; // (C)

  LockRank(int level) {
    this.level = level;
  }

  /** Returns the number of the rank table. */
  public int level() {
    return level;
  }
}
