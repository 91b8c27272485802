package dev.faultline.vm.sync;

/**
 * What threads wait for besides locks: a node of the witness's order graph. One for all pages, one for all objects, and
 * so on, as a lock has one for all locks of its rank.
 */
public enum WaitClass {
  /** A page that is busy in some way. */
  BUSY("busy page"),
  /** pip == 0 of an object. */
  PIP("pip"),
  /** Free memory. The page daemon holds it, so to speak, while it makes some. */
  MEMORY("memory"),
  /** A transfer of the disk. */
  DISK("disk transfer"),
  /** A control block of the swap pager. */
  CONTROL("swap control block"),
  /** The end of a dead object of a file. Held by who ends it. */
  DEAD_OBJECT("end of a dead object");

  private final String label; // (C)

  WaitClass(String label) {
    this.label = label;
  }

  /** Returns the number of the node in the order graph: these come after the lock ranks. */
  int node() {
    return LockRank.values().length + ordinal();
  }

  @Override
  public String toString() {
    return label;
  }
}
