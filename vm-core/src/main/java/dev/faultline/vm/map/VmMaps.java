package dev.faultline.vm.map;

import dev.faultline.hw.PageTable;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.object.ObjectPages;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The map module: what all maps of a kernel share. */
public final class VmMaps {
  private final VmObjects objects; // (C)
  private final PmapModule pmaps; // (C)
  private final SyncDomain domain; // (C)
  final boolean hProtectMask; // (C)
  final boolean hShareProt; // (C)
  final boolean hMmapSteps; // (C)
  private final AtomicInteger nextId = new AtomicInteger(); // (A)
  private @Nullable Wiring wiring; // (C) once booted
  private @Nullable MapObserver observer; // (C) once booted

  public VmMaps(VmObjects objects, PmapModule pmaps, Set<Defect> defects) {
    this.objects = objects;
    this.pmaps = pmaps;
    this.domain = objects.domain();
    this.hProtectMask = defects.contains(Defect.H_PROTECT_MASK);
    this.hShareProt = defects.contains(Defect.H_SHAREPROT);
    this.hMmapSteps = defects.contains(Defect.H_MMAP_STEPS);
  }

  /** Tells who wires pages: the fault handler; at boot. */
  public void setWiring(Wiring w) {
    wiring = w;
  }

  /** Installs an observer of all maps; before the first thread runs. */
  public void setObserver(MapObserver o) {
    observer = o;
  }

  Wiring wiring() {
    Wiring w = wiring;
    if (w == null) {
      throw KernelPanic.of("vm_map: nobody here wires pages");
    }
    return w;
  }

  @Nullable MapObserver observer() {
    return observer;
  }

  public VmObjects objects() {
    return objects;
  }

  ObjectPages ranges() {
    return objects.ranges();
  }

  public PmapModule pmaps() {
    return pmaps;
  }

  public SyncDomain domain() {
    return domain;
  }

  public int pageSize() {
    return objects.pageSize();
  }

  /** Returns an empty address space as large as the hardware's. */
  public Vmspace newVmspace() {
    return new Vmspace(this, "space", 0, 1L << PageTable.VA_BITS);
  }

  int newId() {
    return nextId.getAndIncrement();
  }

  /**
   * Checks what one map alone cannot know: I-54, that a share map has as many references as entries refer to it, and
   * I-55, that entries of different maps over the same part of an anonymous object all have needs_copy.
   *
   * <p>At quiescence, with no map locked.
   *
   * @param mainMaps all maps of address spaces, and the kernel's; submaps are found through their entries
   */
  public void checkInvariants(Iterable<VmMap> mainMaps) {
    Map<VmMap, Integer> shareMaps = new HashMap<>();
    Map<VmObject, List<Mapped>> uses = new HashMap<>();
    List<VmMap> inOrder = new ArrayList<>();
    Map<VmMap, Boolean> seen = new HashMap<>();
    Deque<VmMap> left = new ArrayDeque<>();
    mainMaps.forEach(left::add);
    for (VmMap m = left.poll(); m != null; m = left.poll()) {
      if (seen.put(m, true) != null) {
        continue;
      }
      m.checkInvariants();
      for (VmMapEntry e = m.entries.first(); e != m.entries.header; e = e.next) {
        if (e.isAMap && shareMaps.merge(e.itsMap(), 1, Integer::sum) == 1) {
          inOrder.add(e.itsMap());
        }
        if (e.isSubMap) {
          left.add(e.itsMap());
        }
        note(uses, m, e);
      }
    }
    for (VmMap s : inOrder) {
      s.checkInvariants();
      int entries = shareMaps.getOrDefault(s, 0);
      if (s.refCountHint() != entries) {
        throw KernelPanic.of("I-54 share map has " + entries + " entries referring to it", s);
      }
      for (VmMapEntry e = s.entries.first(); e != s.entries.header; e = e.next) {
        note(uses, s, e);
      }
    }
    uses.values().forEach(VmMaps::checkSharing);
  }

  private record Mapped(VmMap map, VmMapEntry entry) {
    boolean overlaps(Mapped other) {
      return entry.offset < other.entry.offset + (other.entry.end - other.entry.start)
          && other.entry.offset < entry.offset + (entry.end - entry.start);
    }
  }

  private static void note(Map<VmObject, List<Mapped>> uses, VmMap m, VmMapEntry e) {
    if (e.object != null && e.object.isAnonymous()) {
      uses.computeIfAbsent(e.object, o -> new ArrayList<>()).add(new Mapped(m, e));
    }
  }

  private static void checkSharing(List<Mapped> uses) {
    for (Mapped a : uses) {
      for (Mapped b : uses) {
        if (!a.entry.needsCopy && a.map != b.map && a.overlaps(b)) {
          throw KernelPanic.of("I-55 entry shares an object without needs_copy", a.map, a.entry, b.map, b.entry);
        }
      }
    }
  }
}
