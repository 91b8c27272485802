package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.pmap.Pmap;

/**
 * Protection and inheritance of a range of addresses.
 *
 * @see "vm-semantics 3.4 protect, inherit, check_protection; vm_map.c"
 */
final class MapProtect {
  private MapProtect() {}

  /**
   * vm_map_protect: sets the protection of what is mapped in a range, or the maximum and with it what exceeds it. Holes
   * are skipped. What is taken away is gone from every processor before the return; what is given comes with a fault.
   *
   * @return INVALID_ARGUMENT for a submap, PROTECTION_FAILURE beyond the maximum; nothing was changed then
   */
  static KernReturn protect(VmMap map, long start, long end, int prot, boolean setMax) {
    map.lockWrite();
    try {
      long from = Math.max(start, map.min());
      long to = Math.min(end, map.max());
      for (VmMapEntry e = map.entries.firstEndingAbove(from); e != map.entries.header && e.start < to; e = e.next) {
        if (e.isSubMap) {
          return KernReturn.INVALID_ARGUMENT;
        }
        if ((prot & ~e.maxProtection) != 0) {
          return KernReturn.PROTECTION_FAILURE;
        }
      }
      VmMapEntry first = MapClip.clippedFirst(map, from);
      for (VmMapEntry e = first; e != map.entries.header && e.start < to; e = e.next) {
        MapClip.clipEnd(map, e, to);
        int old = e.protection;
        if (setMax) {
          e.maxProtection = prot;
          e.protection = prot & old;
        } else {
          e.protection = prot;
        }
        if (e.protection != old) {
          lower(map, e, map.maps.hProtectMask ? first : e);
        }
      }
      MapObserver o = map.maps.observer();
      if (o != null) {
        o.protectionChanged(map, from, to, prot, setMax);
      }
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  /** Takes from the translations what the entry no longer grants; never adds. WRITE is withheld from private copies. */
  private static void lower(VmMap map, VmMapEntry e, VmMapEntry maskOf) {
    Pmap p = map.itsPmap();
    if (!e.isAMap) {
      p.protect(e.start, e.end, masked(e.protection, maskOf));
      return;
    }
    VmMap share = e.itsMap();
    long delta = e.offset - e.start;
    share.lockRead(); // the original takes it for writing; nothing of it is changed here
    try {
      for (VmMapEntry x = share.entries.firstEndingAbove(e.offset);
          x != share.entries.header && x.start < e.end + delta; x = x.next) {
        long from = Math.max(x.start - delta, e.start);
        long to = Math.min(x.end - delta, e.end);
        p.protect(from, to, masked(e.protection, x));
      }
    } finally {
      share.unlock();
    }
  }

  private static int masked(int prot, VmMapEntry e) {
    return e.copyOnWrite ? prot & ~VmProt.WRITE : prot;
  }

  /** vm_map_inherit: says what fork does with what is mapped in a range, unless a submap is there. */
  static KernReturn inherit(VmMap map, long start, long end, Inheritance inheritance) {
    map.lockWrite();
    try {
      long from = Math.max(start, map.min());
      long to = Math.min(end, map.max());
      for (VmMapEntry e = map.entries.firstEndingAbove(from); e != map.entries.header && e.start < to; e = e.next) {
        if (e.isSubMap) {
          return KernReturn.INVALID_ARGUMENT;
        }
      }
      for (VmMapEntry e = MapClip.clippedFirst(map, from); e != map.entries.header && e.start < to; e = e.next) {
        MapClip.clipEnd(map, e, to);
        e.inheritance = inheritance;
      }
      MapObserver o = map.maps.observer();
      if (o != null) {
        o.inheritanceChanged(map, from, to, inheritance);
      }
      return KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  /** vm_map_check_protection. Caller holds M. */
  static boolean checkProtectionLocked(VmMap map, long start, long end, int prot) {
    long at = start;
    for (VmMapEntry e = map.entries.firstEndingAbove(start); at < end; e = e.next) {
      if (e == map.entries.header || e.start > at || (prot & ~e.protection) != 0) {
        return false;
      }
      at = e.end;
    }
    return true;
  }
}
