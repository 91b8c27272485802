package dev.faultline.vm.program;

/** How {@code msync} writes, in the order of the words of the language. */
public enum SyncMode {
  /** Until the pages are on the disk. */
  SYNC,
  /** Without waiting. */
  ASYNC,
  /** Until they are on the disk, and out of memory then. */
  INVALIDATE;

  private static final SyncMode[] VALUES = values();

  static SyncMode of(int ordinal) {
    return VALUES[ordinal];
  }
}
