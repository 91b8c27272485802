package dev.faultline.vm.fuzz;

import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import java.util.ArrayList;
import java.util.List;

/**
 * What an address space looks like to its process: ranges with the same attributes, however many entries they consist
 * of. A refused call has changed none of it; that it clipped an entry, or made a shadow that was due, nobody can see.
 */
final class MapPicture {
  private MapPicture() {}

  /** Takes the picture of {@code map}. No thread changes it meanwhile. */
  static List<String> of(VmMap map) {
    List<VmMapEntry> entries = new ArrayList<>();
    map.forEachEntry(entries::add);
    List<String> ranges = new ArrayList<>();
    String attributes = "";
    long start = 0;
    long end = Long.MIN_VALUE;
    for (VmMapEntry e : entries) {
      String a = e.protection() + " of " + e.maxProtection() + " " + e.inheritance() + " wired " + e.wiredCount();
      if (e.start() != end || !a.equals(attributes)) {
        add(ranges, start, end, attributes);
        start = e.start();
        attributes = a;
      }
      end = e.end();
    }
    add(ranges, start, end, attributes);
    return ranges;
  }

  private static void add(List<String> ranges, long start, long end, String attributes) {
    if (end != Long.MIN_VALUE) {
      ranges.add(Long.toHexString(start) + "-" + Long.toHexString(end) + " " + attributes);
    }
  }
}
