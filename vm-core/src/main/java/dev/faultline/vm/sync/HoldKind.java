package dev.faultline.vm.sync;

import org.jspecify.annotations.Nullable;

/** In which way something is held that is no lock, and may be held across sleeps (vm-semantics 5.1, logical holds). */
public enum HoldKind {
  /** PG_BUSY: the page is one thread's or one transfer's. */
  BUSY("busy", WaitClass.BUSY),
  /** page.busy: a transfer is in flight. */
  IO("soft busy", WaitClass.BUSY),
  /** paging_in_progress. */
  PIP("pip", WaitClass.PIP),
  /** A reference that a thread takes and drops again, as opposed to one that an entry or a backing link stands for. */
  REFERENCE("reference", null),
  /** hold_count. */
  HOLD("hold", null);

  private final String label; // (C)
  private final @Nullable WaitClass waitClass; // (C)

  HoldKind(String label, @Nullable WaitClass waitClass) {
    this.label = label;
    this.waitClass = waitClass;
  }

  /** Returns what others wait for while this is held; null if nobody waits for it. */
  @Nullable WaitClass waitClass() {
    return waitClass;
  }

  @Override
  public String toString() {
    return label;
  }
}
