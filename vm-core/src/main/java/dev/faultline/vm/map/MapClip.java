package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;

/**
 * Splitting and joining of entries. Both halves of what is split share the object, or the map behind it.
 *
 * @see "vm-semantics 3.4 clip_start, clip_end, simplify, submap; vm_map.c"
 */
final class MapClip {
  private MapClip() {}

  /** vm_map_clip_start: makes {@code e}, if it contains {@code va}, begin there. Caller holds M write. */
  static void clipStart(VmMap map, VmMapEntry e, long va) {
    assert map.isWritable();
    if (va > e.start && va < e.end) {
      VmMapEntry front = split(e);
      map.entries.splitFront(e, front, va);
      e.offset += va - front.start;
    }
  }

  /** vm_map_clip_end: makes {@code e}, if it contains {@code va}, end there. Caller holds M write. */
  static void clipEnd(VmMap map, VmMapEntry e, long va) {
    assert map.isWritable();
    if (va > e.start && va < e.end) {
      VmMapEntry rear = split(e);
      rear.offset += va - e.start;
      map.entries.splitRear(e, rear, va);
    }
  }

  /** Returns a twin with a reference of its own. */
  private static VmMapEntry split(VmMapEntry e) {
    VmMapEntry twin = e.twin();
    if (twin.map != null) {
      twin.map.reference();
    } else if (twin.object != null) {
      twin.object.reference();
    }
    return twin;
  }

  /**
   * Returns the first entry of a range, clipped to begin with it if it began earlier. Caller holds M write.
   *
   * @return the header or an entry at or above {@code end} if nothing is mapped in the range
   */
  static VmMapEntry clippedFirst(VmMap map, long start) {
    VmMapEntry e = map.entries.firstEndingAbove(start);
    if (e != map.entries.header) {
      clipStart(map, e, start);
    }
    return e;
  }

  /** vm_map_simplify: merges the entry at {@code start} into the one before if the two are alike. For kernel maps. */
  static void simplify(VmMap map, long start) {
    map.lockWrite();
    try {
      simplifyLocked(map, start);
    } finally {
      map.unlock();
    }
  }

  /** Like {@link #simplify}. Caller holds M write. */
  static void simplifyLocked(VmMap map, long start) {
    VmMapEntry e = map.entries.find(start);
    if (e == null || !map.isMain() || !continues(map, e.prev, e) || e.start != start) {
      return;
    }
    VmMapEntry before = e.prev;
    map.entries.unlink(e);
    map.entries.extend(before, e.end);
    MapDelete.giveUp(e);
  }

  private static boolean continues(VmMap map, VmMapEntry a, VmMapEntry b) {
    return a != map.entries.header && !a.beingWired && !b.beingWired && a.end == b.start
        && a.map == null && b.map == null && a.object == b.object
        && (a.object == null || a.offset + (a.end - a.start) == b.offset)
        && a.inheritance == b.inheritance && a.protection == b.protection && a.maxProtection == b.maxProtection
        && a.wiredCount == b.wiredCount
        && a.copyOnWrite == b.copyOnWrite && a.needsCopy == b.needsCopy;
  }

  /**
   * vm_map_submap: lets {@code sub} stand for a range that was mapped anonymously and never touched.
   *
   * @return INVALID_ARGUMENT if the range is not that
   */
  static KernReturn submap(VmMap map, long start, long end, VmMap sub) {
    map.lockWrite();
    try {
      VmMapEntry e = map.entries.find(start);
      if (e == null || end > e.end || start >= end || e.map != null || e.object != null || e.copyOnWrite) {
        return KernReturn.INVALID_ARGUMENT;
      }
      clipStart(map, e, start);
      clipEnd(map, e, end);
      e.isSubMap = true;
      e.map = sub;
      sub.reference();
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  /** Maps a submap over a range that is free; consumes a reference to it. Caller holds M write. */
  static void insertSubmap(VmMap map, VmMap sub, long start, long end) {
    assert map.isWritable();
    assert map.entries.isFree(start, end);
    VmMapEntry e = new VmMapEntry(start, end);
    e.isSubMap = true;
    e.map = sub;
    map.entries.link(map.entries.floor(start), e);
  }
}
