package dev.faultline.vm.sync;

/** What for something is held: the part of a holder's story that the kernel itself tells. */
public enum HoldReason {
  /** Not said. */
  UNNAMED("", false, false),
  /** A fault: its pages, its pins. */
  FAULT("a fault", true, true),
  /** A neighbour that a fault has read with its page. */
  READ_AHEAD("read-ahead of a fault", true, false),
  /** The first entering of a file's resident pages at mmap. */
  PREFAULT("entering resident pages at mmap", false, false),
  /** A page made for a child at fork. */
  FORK_COPY("the copy of wired memory at fork", false, false),
  /** A pageout, until its pages are written. */
  PAGEOUT("a pageout", true, false),
  /** page_clean of a range. */
  CLEAN("the cleaning of a range", true, false),
  /** page_remove of a range. */
  REMOVE("the removal of a range", true, false),
  /** pmap_remove of a range. */
  UNMAP("the unmapping of a range", true, false),
  /** The hand-over of swap at a collapse. */
  SWAP_TRANSFER("the transfer of swap at a collapse", true, false),
  /** A collapse tried from below. */
  COLLAPSE_PIN("a collapse from below", true, false),
  /** The buffer cache: assembling a buffer, moving its data, its transfers. */
  BUFFER("the buffer cache", false, false),
  /** The kernel's own memory. */
  KERNEL("kernel memory", false, false),
  /** vnode_pager_uncache. */
  UNCACHE("uncache", true, false),
  /** A harness's doing. */
  TEST("a test", false, false);

  private final String label; // (C)
  private final boolean withPip; // (C) I-23
  private final boolean unqueued; // (C) I-15

  HoldReason(String label, boolean withPip, boolean unqueued) {
    this.label = label;
    this.withPip = withPip;
    this.unqueued = unqueued;
  }

  /** Returns whether a page that is busy for this lies in an object with pip (I-23, INV4). */
  public boolean isWithPip() {
    return withPip;
  }

  /** Returns whether a page that is busy for this is on no queue (I-15, INV2). */
  public boolean isUnqueued() {
    return unqueued;
  }

  @Override
  public String toString() {
    return label;
  }
}
