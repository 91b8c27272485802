package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.function.LongConsumer;

/**
 * Making of mappings: where there is room, or in place of what is mapped.
 *
 * @see "vm-semantics 3.4 insert, find; 3.8 mmap; vm_map.c, vm_mmap.c"
 */
final class MapInsert {
  private MapInsert() {}

  /**
   * vm_map_insert: maps a range that is free. Caller holds M write.
   *
   * @return INVALID_ADDRESS out of bounds, NO_SPACE if something is mapped there; nothing was changed then
   */
  static KernReturn insert(VmMap map, Mapping what, long start, long end) {
    assert map.isWritable();
    assert start % map.maps.pageSize() == 0 && end % map.maps.pageSize() == 0;
    if (!map.isInside(start, end)) {
      return KernReturn.INVALID_ADDRESS;
    }
    if (!map.entries.isFree(start, end)) {
      return KernReturn.NO_SPACE;
    }
    place(map, what, start, end);
    return KernReturn.SUCCESS;
  }

  /** Maps what is known to fit. Caller holds M write. */
  private static void place(VmMap map, Mapping what, long start, long end) {
    VmMapEntry before = map.entries.floor(start);
    if (!extend(map, before, what, start, end)) {
      VmMapEntry e = new VmMapEntry(start, end);
      e.object = what.object();
      e.offset = what.offset();
      e.copyOnWrite = what.copyOnWrite();
      e.needsCopy = what.needsCopy();
      e.protection = what.protection();
      e.maxProtection = what.maxProtection();
      e.inheritance = what.inheritance();
      map.entries.link(before, e);
    }
    MapObserver o = map.maps.observer();
    if (o != null) {
      o.mapped(map, start, end);
    }
  }

  private static boolean extend(VmMap map, VmMapEntry before, Mapping what, long start, long end) {
    boolean like = what.object() == null && what.isPlain() && before != map.entries.header && before.end == start
        && map.isMain() && !before.isAMap && !before.isSubMap && before.inheritance == Inheritance.COPY
        && before.protection == VmProt.ALL && before.maxProtection == VmProt.ALL && before.wiredCount == 0;
    if (!like) {
      return false;
    }
    VmObject o = before.object;
    if (o != null && !map.maps.ranges().coalesce(o, before.offset, before.end - before.start, end - start)) {
      return false;
    }
    map.entries.extend(before, end);
    return true;
  }

  /**
   * mmap at a fixed address: replaces what is mapped there. One write section, so that no other thread sees the range
   * unmapped or with other rights than these (R33).
   *
   * @param then what else belongs in the write section, after the mapping (translations entered in advance); must not
   *     sleep nor take a map's lock
   * @return INVALID_ADDRESS out of bounds, PROTECTION_FAILURE if the protection exceeds the maximum; nothing was
   *     changed then
   */
  static KernReturn mapFixed(VmMap map, Mapping what, long start, long end, Runnable then) {
    if (!map.isInside(start, end)) {
      return KernReturn.INVALID_ADDRESS;
    }
    if ((what.protection() & ~what.maxProtection()) != 0) {
      return KernReturn.PROTECTION_FAILURE;
    }
    Mapping first = what;
    map.lockWrite();
    try {
      MapDelete.delete(map, start, end);
      if (map.maps.hMmapSteps) {
        map.unlock();
        map.lockWrite();
        first = wideOpen(what);
      }
      KernReturn r = insert(map, first, start, end);
      if (r != KernReturn.SUCCESS) {
        return r;
      }
      then.run();
    } finally {
      map.unlock();
    }
    if (first != what) {
      narrow(map, what, start, end);
    }
    return KernReturn.SUCCESS;
  }

  /**
   * mmap where there is room: first fit at or above {@code from}. One write section as in {@link #mapFixed}.
   *
   * @param then is given the address, in the write section
   * @return the address, or -1 if there is no room or the protection exceeds the maximum; nothing was changed then
   */
  static long mapAnywhere(VmMap map, Mapping what, long from, long length, LongConsumer then) {
    if ((what.protection() & ~what.maxProtection()) != 0) {
      return -1;
    }
    Mapping first = map.maps.hMmapSteps ? wideOpen(what) : what;
    long start;
    map.lockWrite();
    try {
      start = map.findspace(from, length);
      if (start < 0 || insert(map, first, start, start + length) != KernReturn.SUCCESS) {
        return -1;
      }
      then.accept(start);
    } finally {
      map.unlock();
    }
    if (first != what) {
      narrow(map, what, start, start + length);
    }
    return start;
  }

  /** What vm_map_insert makes of a mapping, whatever it is to become (H-MMAP-STEPS). */
  private static Mapping wideOpen(Mapping what) {
    boolean copy = what.needsCopy();
    return new Mapping(what.object(), what.offset(), copy, copy, VmProt.ALL, VmProt.ALL, Inheritance.COPY);
  }

  /** Gives a mapping the rights that it was asked for, in a locking of the map for each (H-MMAP-STEPS). */
  private static void narrow(VmMap map, Mapping what, long start, long end) {
    if (what.copyOnWrite()) {
      map.lockRead();
      VmMapEntry e = map.entries.find(start);
      map.unlock();
      if (e != null) {
        e.copyOnWrite = true; // without the lock, as vm_mmap does
      }
    }
    map.protect(start, end, what.maxProtection(), true);
    map.protect(start, end, what.protection(), false);
    if (what.inheritance() != Inheritance.COPY) {
      map.inherit(start, end, what.inheritance());
    }
  }
}
