package dev.faultline.vm.detect;

import dev.faultline.hw.Pte;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The invariants of mappings, vm-semantics 7.3, at quiescence: what the page tables say against what the maps and
 * objects say.
 */
final class MappingInvariants {
  private final KernelParts kernel; // (C)
  private final ResidentPages pages; // (C)
  private final InvariantReport report; // (C)
  private final Map<VmMap, List<VmMapEntry>> entries = new HashMap<>();

  MappingInvariants(KernelParts kernel, InvariantReport report) {
    this.kernel = kernel;
    this.pages = kernel.pages();
    this.report = report;
  }

  /** I-30, I-32 to I-40 but for I-38, which follows from I-37 and is told with it. */
  void check() {
    kernel.pmaps().checkInvariants(report);
    for (VmMap map : kernel.mainMaps().get()) {
      Pmap pmap = map.pmap();
      if (pmap != null) {
        pmap.forEachMapping((va, pte) -> mapping(map, va, pte));
      }
    }
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      int wirings = kernel.pmaps().wiredMappings(m);
      report.check(m.wireCount() == wirings, "I-40 wire_count is not the number of wired mappings, " + wirings, m);
    }
    List<VmObject> devices = new ArrayList<>();
    kernel
        .objects()
        .forEach(
            o -> {
              if (o.type() == ObjectType.DEVICE) {
                devices.add(o);
              }
            });
    devices.forEach(this::devicePages);
  }

  /** I-9, I-11, I-40 of what is in no table of pages. */
  private void devicePages(VmObject o) {
    o.lock.lock();
    try {
      int limit = o.residentPageCount() + 1;
      for (VmPage m = o.firstPage(); m != null && limit-- > 0; m = m.nextInObject()) {
        report.check(pages.lookup(o, m.offset()) == m, "I-9 device page is not found", m, o);
        boolean outside = m.isFictitious() && !pages.isManaged(m.frame()) && m.queue() == VmPage.QUEUE_NONE;
        report.check(outside, "I-11 device page is on a queue, or is memory", m, o);
        report.check(!m.isBusyAnyway() && !m.isWanted(), "I-13 busy device page", m, o);
        int wirings = kernel.pmaps().wiredMappings(m) + 1;
        report.check(m.wireCount() == wirings, "I-40 wire_count of a device page is not " + wirings, m);
      }
    } finally {
      o.lock.unlock();
    }
  }

  private List<VmMapEntry> entriesOf(VmMap map) {
    return entries.computeIfAbsent(map, MapEntries::of);
  }

  private static String at(VmMap map, long va, long pte) {
    return "map " + map.id() + " 0x" + Long.toHexString(va) + " -> " + Pte.toString(pte);
  }

  private void mapping(VmMap map, long va, long pte) {
    if ((pte & Pte.V) == 0) {
      return; // I-32's
    }
    VmMapEntry main = MapEntries.find(entriesOf(map), va);
    VmMap sub = main == null || !main.isSubMap() ? null : main.map();
    while (sub != null) {
      main = MapEntries.find(entriesOf(sub), va);
      sub = main == null || !main.isSubMap() ? null : main.map();
    }
    if (main == null) {
      report.check(false, "I-34 mapping outside every entry", at(map, va, pte));
      return;
    }
    VmMapEntry e = main;
    long address = va;
    VmMap share = main.map();
    if (share != null) {
      address = va - main.start() + main.offset();
      e = MapEntries.find(entriesOf(share), address);
      if (e == null) {
        report.check(false, "I-34 mapping outside every entry of the share map", at(map, va, pte), main);
        return;
      }
    }
    boolean writable = (pte & Pte.W) != 0;
    int rights = VmProt.widened(main.protection());
    boolean mayStore = (rights & VmProt.WRITE) != 0;
    String at = at(map, va, pte);
    report.check((rights & VmProt.READ) != 0, "I-35 mapping where no access is allowed", at, main);
    report.check(!writable || mayStore, "I-35 writable mapping where stores are not allowed", at, main);
    report.check(!writable || !e.needsCopy(), "I-35 writable mapping through needs_copy", at, e);
    boolean mayBeWired = (pte & Pte.WIRED) == 0 || main.wiredCount() > 0;
    report.check(mayBeWired, "I-40 wired mapping of an entry that is not", at, main);
    page(at, pte, e, address - e.start() + e.offset());
  }

  /** I-34, I-37, I-38: looks for the page from the top object down. */
  private void page(String at, long pte, VmMapEntry e, long offset) {
    VmObject top = e.object();
    VmObject o = top;
    long off = offset;
    boolean writable = (pte & Pte.W) != 0;
    for (int steps = kernel.objects().objectCount() + 1; o != null && steps > 0; steps--) {
      VmPage m = lookup(o, off);
      if (m != null) {
        report.check(m.frame() == Pte.frame(pte), "I-34 maps another frame than the first page of the chain", at, e, m);
        report.check(!writable || o == top, "I-37 writable mapping of a page below the top object", at, e, m);
        report.check(!writable || o == top, "I-38 writable mapping of a page that another object shadows", at, top, m);
        boolean told = o.type() != ObjectType.VNODE || o.isWriteable();
        report.check(!writable || told, "I-30 writable mapping of a file that is not OBJ_WRITEABLE", at, m, o);
        return;
      }
      if (pagerHas(o, off)) {
        report.check(false, "I-34 mapped, but the first page of the chain is paged out", at, e, o);
        return;
      }
      off += o.backingOffset();
      o = o.backing();
    }
    report.check(false, "I-34 maps a frame where the chain has no page", at, e);
  }

  private @Nullable VmPage lookup(VmObject o, long offset) {
    o.lock.lock();
    try {
      return pages.lookup(o, offset);
    } finally {
      o.lock.unlock();
    }
  }

  private static boolean pagerHas(VmObject o, long offset) {
    o.lock.lock();
    try {
      return o.pagerHasLocked(offset);
    } finally {
      o.lock.unlock();
    }
  }
}
