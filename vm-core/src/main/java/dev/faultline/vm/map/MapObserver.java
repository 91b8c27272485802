package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;

/**
 * Is told what happens to maps, at the instant it does: for the content oracle and for tests. Called with the map's
 * lock held as each method says; must neither sleep nor take a lock, but {@link #upgrading} may.
 */
public interface MapObserver {
  /** A range was mapped or an entry grew; attributes are final. M(map) held for writing. */
  default void mapped(VmMap map, long start, long end) {}

  /** A range was unmapped: its translations are gone from every processor. M(map) held for writing. */
  default void removed(VmMap map, long start, long end) {}

  /** A range's protection changed, and the translations with it. M(map) held for writing. */
  default void protectionChanged(VmMap map, long start, long end, int protection, boolean setMax) {}

  /** A range's inheritance changed. M(map) held for writing. */
  default void inheritanceChanged(VmMap map, long start, long end, Inheritance inheritance) {}

  /**
   * A fork is complete, the instant whose contents the child shares: M(parent) is held for writing, and so is every
   * share map that the child got a copy of; all that was copied is write-protected on every processor (I-62).
   */
  default void forked(VmMap parent, VmMap child) {}

  /** A lookup is about to upgrade its read hold of {@code holder}. A place for gates: here it may be held up. */
  default void upgrading(VmMap holder) {}
}
