package dev.faultline.vm.proc;

import dev.faultline.vm.map.VmMap;

/** What calls ask about the range of user addresses that they are given. */
final class UserRange {
  /*
   * Addresses must be multiples of the machine's page size, which need not be the programs' 4096; lengths are rounded
   * up.
   */
  private final int pageSize; // (C)

  UserRange(int pageSize) {
    this.pageSize = pageSize;
  }

  /** Returns the map of the address space that the thread's accesses go to. */
  static VmMap map(ProcThread t) {
    return t.process().vmspace().map();
  }

  /** Returns whether [address, address + length) is a range of user pages. */
  boolean isRange(VmMap map, long address, long length) {
    return (address & (pageSize - 1)) == 0
        && address >= map.min()
        && length > 0
        && length <= map.max()
        && address <= map.max() - roundUp(length);
  }

  /** Returns a length, not negative, in whole pages. */
  long roundUp(long length) {
    return (length + pageSize - 1) & -(long) pageSize;
  }

  @Override
  public String toString() {
    return "ranges in pages of " + pageSize;
  }
}
