package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;

/**
 * Unmapping.
 *
 * @see "vm-semantics 3.4 delete, remove; R29; vm_map.c"
 */
final class MapDelete {
  private MapDelete() {}

  /**
   * vm_map_delete: unmaps a range. Translations go first, then the entries; the references that they held are dropped
   * after the unlock. Holes are fine. Caller holds M write.
   */
  static void delete(VmMap map, long start, long end) {
    assert map.isWritable();
    VmMapEntry first = MapClip.clippedFirst(map, start);
    if (first == map.entries.header || first.start >= end) {
      return;
    }
    VmMapEntry last = first;
    for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
      MapClip.clipEnd(map, e, end);
      if (e.wiredCount != 0) { // first, as pmap_remove is slow with wired translations
        MapWiring.unwireEntry(map, e);
      }
      VmObject o = e.object;
      if (o != null && (o.isKernel() || !map.isMain())) {
        unmapEverywhere(map, o, e);
      }
      last = e;
    }
    if (map.pmap() != null) {
      map.itsPmap().remove(first.start, last.end); // one shootdown for them all
    }
    VmMapEntry stop = last.next;
    for (VmMapEntry e = first; e != stop; e = e.next) {
      map.entries.unlink(e);
      giveUp(e);
    }
    MapObserver o = map.maps.observer();
    if (o != null) {
      o.removed(map, start, end);
    }
  }

  /** Ends the translations of an entry of which not all mappers are known. Waits for busy pages. */
  private static void unmapEverywhere(VmMap map, VmObject o, VmMapEntry e) {
    KThread.current().mayWaitUnderMap("delete", () -> {
      if (o.isKernel()) {
        map.maps.ranges().remove(o, e.offset, e.offset + (e.end - e.start), false);
      } else { // whoever maps it through this share map is not known
        map.maps.ranges().pmapRemove(o, e.offset, e.offset + (e.end - e.start));
      }
      return o;
    });
  }

  /** Drops the references of an entry that is in no list any more, once no map is locked (R29). */
  static void giveUp(VmMapEntry e) {
    if (e.map != null) {
      DeferredReleases.release(e.map);
    } else if (e.object != null) {
      DeferredReleases.release(e.object);
    }
  }

  /** vm_map_remove: unmaps what the map has of a range. Holes are fine. */
  static KernReturn remove(VmMap map, long start, long end) {
    map.lockWrite();
    try {
      delete(map, Math.max(start, map.min()), Math.min(end, map.max()));
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }
}
