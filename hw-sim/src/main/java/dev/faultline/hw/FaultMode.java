package dev.faultline.hw;

/** How a bad place on a disk fails; see {@link Disk#fail}. */
public enum FaultMode {
  /** The next read that touches the place fails. */
  TRANSIENT_READ(true, false, false),
  /** The next write that touches the place fails. */
  TRANSIENT_WRITE(false, true, false),
  /** Every read that touches the place fails. */
  STICKY_READ(true, false, true),
  /** Every write that touches the place fails. */
  STICKY_WRITE(false, true, true),
  /** Every request that touches the place fails. */
  STICKY_ALL(true, true, true);

  private final boolean reads;
  private final boolean writes;
  private final boolean sticky;

  FaultMode(boolean reads, boolean writes, boolean sticky) {
    this.reads = reads;
    this.writes = writes;
    this.sticky = sticky;
  }

  boolean hits(boolean write) {
    return write ? writes : reads;
  }

  boolean sticky() {
    return sticky;
  }
}
