package dev.faultline.vm.detect;

import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The entries of a map at rest, to be searched by address. */
final class MapEntries {
  private MapEntries() {}

  /** Returns a map's entries in address order. */
  static List<VmMapEntry> of(VmMap map) {
    List<VmMapEntry> entries = new ArrayList<>();
    map.forEachEntry(entries::add);
    return entries;
  }

  /** Returns the entry that contains {@code va}, or null. */
  static @Nullable VmMapEntry find(List<VmMapEntry> entries, long va) {
    int low = 0;
    int high = entries.size() - 1;
    while (low <= high) {
      int mid = (low + high) >>> 1;
      VmMapEntry e = entries.get(mid);
      if (va < e.start()) {
        high = mid - 1;
      } else if (va >= e.end()) {
        low = mid + 1;
      } else {
        return e;
      }
    }
    return null;
  }
}
