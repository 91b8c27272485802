package dev.faultline.vm.map;

import dev.faultline.vm.object.VmObject;
import java.util.function.Predicate;

/** A walk over the objects that a map's entries refer to, for who must not wait for a map. */
public final class MapObjects {
  private MapObjects() {}

  /**
   * Shows the object of each entry, through share maps, while {@code visitor} says so. Each map is locked for reading
   * by try, and skipped where that fails; it is locked during the calls. Never sleeps.
   */
  public static void tryEach(VmMap map, Predicate<VmObject> visitor) {
    tryWalk(map, visitor);
  }

  private static boolean tryWalk(VmMap map, Predicate<VmObject> visitor) {
    if (!map.tryLockRead()) {
      return true;
    }
    try {
      for (VmMapEntry e = map.entries.first(); e != map.entries.header; e = e.next) {
        boolean goOn = true;
        if (e.isAMap) {
          goOn = tryWalk(e.itsMap(), visitor);
        } else if (e.object != null && !e.isSubMap) {
          goOn = visitor.test(e.object);
        }
        if (!goOn) {
          return false;
        }
      }
      return true;
    } finally {
      map.unlock();
    }
  }
}
