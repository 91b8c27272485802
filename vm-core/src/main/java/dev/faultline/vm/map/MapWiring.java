package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;

/**
 * vm_map_pageable: wiring and unwiring of a range of addresses, in two passes.
 *
 * @see "vm-semantics 3.4 pageable, 5.7 wiring; vm_map.c: vm_map_pageable"
 */
final class MapWiring {
  /*
   * Implementation overview
   *
   * Wire      Pass 1, M write: makes every shadow and object that the faults will need, clips, raises the counts. Pass
   *           2 faults the pages in, as the recursive owner of a read hold (user maps) or with nothing held (the
   *           kernel's). A recursive upgrade does not exclude other readers, hence pass 1.
   * Kernel    maps are unlocked in pass 2. The kernel's threads are trusted to leave the region's addresses alone, but
   *           not its neighbours': what is wired next door may be done first and be merged into our entry. An entry
   *           that is being wired is therefore merged with nothing, and pass 2 goes by what pass 1 noted, not by links
   *           and bounds that change meanwhile.
   * Submaps   are refused: their lock is not ours, and the parent's was to be let go before it.
   * Failure   The counts that this call raised are lowered under the read hold, before anybody can change the region. A
   *           fault of some other thread may have wired pages of any of these entries meanwhile (W1), so what is there
   *           after the next write lock, and is not wired, is unwired: that is harmless where nothing is Wired (W3).
   *           (The original unwires what it wired, and counts down by address: whatever is mapped there by then.)
   */
  private MapWiring() {}

  private static boolean isFollowedByHole(VmMap map, VmMapEntry e, long end) {
    return e.end < end && (e.next == map.entries.header || e.next.start > e.end);
  }

  static KernReturn unwire(VmMap map, long start, long end) {
    map.lockWrite();
    try {
      VmMapEntry first = map.entries.find(start);
      if (first == null) {
        return KernReturn.INVALID_ADDRESS;
      }
      for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
        if (e.isSubMap || e.wiredCount == 0 || isFollowedByHole(map, e, end)) {
          return KernReturn.INVALID_ARGUMENT;
        }
      }
      MapClip.clipStart(map, first, start);
      for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
        MapClip.clipEnd(map, e, end);
        change(e, -1);
        if (e.wiredCount == 0) {
          unwireEntry(map, e);
        }
      }
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  /** vm_map_entry_unwire: ends every wiring of the entry. Caller holds M write. */
  static void unwireEntry(VmMap map, VmMapEntry e) {
    map.maps.wiring().unwire(map, e.start, e.end);
    e.wiredCount = 0;
  }

  private static void change(VmMapEntry e, int by) {
    int n = e.wiredCount + by; // no other thread changes it: M write, or the recursive owner's read hold
    e.wiredCount = n;
  }

  static KernReturn wire(VmMap map, long start, long end) {
    boolean kernel = map.pmap() == map.maps.pmaps().kernelPmap();
    map.lockWrite();
    VmMapEntry first = map.entries.find(start);
    KernReturn refusal = first == null ? KernReturn.INVALID_ADDRESS : raise(map, first, start, end);
    if (first == null || refusal != KernReturn.SUCCESS) {
      map.unlock();
      return refusal;
    }
    List<VmMapEntry> region = noted(map, first, end, kernel);
    if (kernel) {
      map.unlock();
    } else {
      map.lock.setRecursive();
      map.downgrade();
    }
    KernReturn r = KThread.current().mayWaitUnderMap("wiring", () -> faultIn(map, region)); // pass 2
    if (kernel) {
      map.lockWrite();
    }
    for (VmMapEntry e : region) {
      e.beingWired = false;
      if (r != KernReturn.SUCCESS) {
        change(e, -1);
      }
    }
    if (!kernel) {
      map.lock.clearRecursive();
    }
    map.unlock();
    if (r != KernReturn.SUCCESS) {
      unwireStrays(map, start, end);
    }
    return r;
  }

  /** Pass 1. */
  private static KernReturn raise(VmMap map, VmMapEntry first, long start, long end) {
    for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
      // the original comes upon a hole on its way and takes the counts back
      if (e.isSubMap || isFollowedByHole(map, e, end)) {
        return KernReturn.INVALID_ARGUMENT;
      }
    }
    for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
      if (e.wiredCount == 0) {
        prepare(map, e); // before the clipping, for fewer objects
      }
      MapClip.clipStart(map, e, start);
      MapClip.clipEnd(map, e, end);
      change(e, 1);
    }
    return KernReturn.SUCCESS;
  }

  /** Does what a lookup would need the write lock for. A share map's entries are left: its lock is not ours. */
  private static void prepare(VmMap map, VmMapEntry e) {
    if (e.map != null) {
      return;
    }
    if (e.needsCopy && (e.protection & VmProt.WRITE) != 0) {
      map.shadow(e);
    } else if (e.object == null) {
      map.makeObject(e);
    }
  }

  /** Returns the entries of the range, for the time when they cannot be followed by their links. M write is held. */
  private static List<VmMapEntry> noted(VmMap map, VmMapEntry first, long end, boolean kernel) {
    List<VmMapEntry> region = new ArrayList<>(1);
    for (VmMapEntry e = first; e != map.entries.header && e.start < end; e = e.next) {
      region.add(e);
      e.beingWired = kernel;
    }
    return region;
  }

  private static KernReturn faultIn(VmMap map, List<VmMapEntry> region) {
    for (VmMapEntry e : region) {
      if (e.wiredCount == 1) { // else somebody wired its pages before
        KernReturn r = map.maps.wiring().wire(map, e.start, e.end);
        if (r != KernReturn.SUCCESS) {
          return r;
        }
      }
    }
    return KernReturn.SUCCESS;
  }

  /** Unwires what faults of other threads wired while a wiring that failed was under way. */
  private static void unwireStrays(VmMap map, long start, long end) {
    map.lockWrite();
    try {
      for (VmMapEntry e = map.entries.firstEndingAbove(start); e != map.entries.header && e.start < end; e = e.next) {
        if (e.wiredCount == 0 && !e.isSubMap) {
          map.maps.wiring().unwireStrays(map, e.start, e.end);
        }
      }
    } finally {
      map.unlock();
    }
  }
}
