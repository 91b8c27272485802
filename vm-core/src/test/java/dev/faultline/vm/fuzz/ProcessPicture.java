package dev.faultline.vm.fuzz;

import dev.faultline.vm.map.Segments;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.ProcThread;
import java.util.ArrayList;
import java.util.List;

/**
 * What a process can know of itself but for the contents of memory, which the oracle judges: ranges with the same
 * attributes, however many entries they consist of, its segments, its limits, how many pages it has locked, and how
 * long the files are. A refused call has changed none of it; that it clipped an entry, or made a shadow that was due,
 * nobody can see.
 */
final class ProcessPicture {
  private ProcessPicture() {}

  /** Takes the picture of the process of {@code t}, in the kernel. No other thread changes anything meanwhile. */
  static List<String> of(ProcThread t, FuzzWorld w) {
    Vmspace space = t.process().vmspace();
    List<String> lines = ranges(space.map());
    Segments s = space.segments();
    lines.add("data " + s.dataStart() + "-" + s.dataEnd() + " stack " + s.stackMin() + "-" + s.stackTop() + " from "
        + s.stackBottom());
    lines.add(t.process().limits().toString());
    lines.add("wired " + space.pmap().wiredCount());
    lines.add("size " + space.map().size());
    for (Vnode file : w.files()) {
      lines.add(file + " " + file.size());
    }
    return lines;
  }

  private static List<String> ranges(VmMap map) {
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
