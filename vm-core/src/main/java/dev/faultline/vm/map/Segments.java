package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;

/**
 * The two parts of an address space that change their size in place: the data segment, which grows upward with brk, and
 * the stack, which grows downward by itself. Both are ordinary zero-filled mappings; what is kept here is where they
 * begin and end.
 *
 * @see "vm-semantics 2.6, 3.8 obreak, exec, page fault trap; vm_unix.c: obreak, vm_machdep.c: grow"
 */
public final class Segments {
  /*
   * Implementation overview
   *
   * Lock        M(map) write, over check, mapping and new size together: threads of one address space may move the
   *             break and fault on the stack at once. The fields are volatile for those who look without it: a fault
   *             that is not in the stack's window needs no lock, and the window moves only in exec, when nobody else
   *             uses the address space.
   * Stack       Has a window from stackMin to stackTop. A fault below what is mapped of it maps it down to there, and
   *             some more, so that it need not be asked every page. What a program has mapped itself in the window
   *             stays, and is no part of the stack (the original refused every access to it).
   */
  private static final long STACK_GROWTH = 128L << 10;

  private final VmMap map; // (C)
  private volatile long dataStart; // (M)
  private volatile long dataBytes; // (M)
  private volatile long stackTop; // (M)
  private volatile long stackMin; // (M)
  private volatile long stackBytes; // (M)

  Segments(VmMap map) {
    this.map = map;
  }

  /**
   * Sets where the segments are, and that nothing of them is mapped: exec, whose address space nobody else uses. All
   * page aligned.
   */
  public void setUp(long newDataStart, long newStackMin, long newStackTop) {
    assert newDataStart % map.maps.pageSize() == 0;
    assert newStackMin % map.maps.pageSize() == 0 && newStackTop % map.maps.pageSize() == 0;
    dataStart = newDataStart;
    dataBytes = 0;
    stackMin = newStackMin;
    stackTop = newStackTop;
    stackBytes = 0;
  }

  /** Takes over a parent's. Caller holds M(parent) write; nobody else can see this address space. */
  void copyFrom(Segments parent) {
    dataStart = parent.dataStart;
    dataBytes = parent.dataBytes;
    stackMin = parent.stackMin;
    stackTop = parent.stackTop;
    stackBytes = parent.stackBytes;
  }

  /** Returns where the data segment begins. */
  public long dataStart() {
    return dataStart;
  }

  /** Returns where the data segment ends; a snapshot where other threads use the address space. */
  public long dataEnd() {
    return dataStart + dataBytes;
  }

  /** Returns the lowest address of the stack's window. */
  public long stackMin() {
    return stackMin;
  }

  /** Returns the address above the stack. */
  public long stackTop() {
    return stackTop;
  }

  /** Returns the lowest address that is mapped of the stack; a snapshot as {@link #dataEnd}. */
  public long stackBottom() {
    return stackTop - stackBytes;
  }

  private long roundUp(long bytes) {
    long size = map.maps.pageSize();
    return (bytes + size - 1) & -size;
  }

  /**
   * obreak: moves the end of the data segment. May sleep.
   *
   * @param end the new end, to be rounded up to a page
   * @param limitBytes of the segment, when it grows
   * @param swapFull whether it must not grow
   * @return INVALID_ARGUMENT below the segment's beginning; when it would grow, RESOURCE_SHORTAGE for want of swap,
   *     NO_SPACE beyond the limit or over something mapped, INVALID_ADDRESS out of the map. Nothing was changed then
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under M write
  public KernReturn setBreak(long end, long limitBytes, boolean swapFull) {
    map.lockWrite();
    try {
      if (end < dataStart) {
        return KernReturn.INVALID_ARGUMENT;
      }
      if (end > map.max()) {
        return KernReturn.INVALID_ADDRESS;
      }
      long oldEnd = dataStart + dataBytes;
      long newEnd = roundUp(end);
      if (newEnd > oldEnd) {
        if (newEnd - dataStart > limitBytes) {
          return KernReturn.NO_SPACE;
        }
        if (swapFull) {
          return KernReturn.RESOURCE_SHORTAGE;
        }
        KernReturn r = MapInsert.insert(map, Mapping.anonymous(), oldEnd, newEnd);
        if (r != KernReturn.SUCCESS) {
          return r;
        }
      } else if (newEnd < oldEnd) {
        MapDelete.delete(map, newEnd, oldEnd);
      }
      dataBytes = newEnd - dataStart;
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  /**
   * grow: makes the stack reach down to an address that a fault was taken on, if it is one of the stack's. May sleep.
   *
   * @param limitBytes of the stack
   * @return whether the fault may be handled; false if the stack would grow beyond its limit, or over something mapped
   */
  public boolean growStack(long va, long limitBytes) {
    if (va < stackMin || va >= stackTop || va >= stackBottom()) { // below, nothing can be added: only spares M
      return true;
    }
    map.lockWrite();
    try {
      long page = va & -(long) map.maps.pageSize();
      long bottom = stackBottom();
      if (page >= bottom || map.entries.find(page) != null) {
        return true; // somebody was faster, or it is no part of the stack
      }
      if (stackTop - page > limitBytes) {
        return false;
      }
      long low = bottom - (bottom - page + STACK_GROWTH - 1) / STACK_GROWTH * STACK_GROWTH;
      low = Math.max(low, Math.max(stackMin, map.entries.floor(page).end));
      if (stackTop - low > limitBytes) {
        low = roundUp(stackTop - limitBytes);
      }
      if (MapInsert.insert(map, Mapping.anonymous(), low, bottom) != KernReturn.SUCCESS) {
        return false;
      }
      stackBytes = stackTop - low;
      return true;
    } finally {
      map.unlock();
    }
  }

  @Override
  public String toString() { // racy, for reports
    return "data 0x" + Long.toHexString(dataStart) + "+0x" + Long.toHexString(dataBytes) + " stack 0x"
        + Long.toHexString(stackTop) + "-0x" + Long.toHexString(stackBytes);
  }
}
