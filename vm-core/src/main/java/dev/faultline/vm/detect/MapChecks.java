package dev.faultline.vm.detect;

import dev.faultline.hw.Pte;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What must hold of a map's translations whenever M is let go by a writer. The caller holds M for writing. */
final class MapChecks {
  private static final int PAGES = 16;

  private final ResidentPages pages; // (C)
  private final int pageSize; // (C)

  MapChecks(VmObjects objects) {
    this.pages = objects.pages();
    this.pageSize = objects.pageSize();
  }

  /**
   * Looks at some pages of one entry of the map's own (I-37, and I-38 with it). With M held for writing nobody enters
   * a translation of this map; page-based operations only weaken them, and only under O is a page moved or freed.
   *
   * @param pick which entry and pages, any number
   */
  @Nullable String check(VmMap map, int pick) {
    Pmap pmap = map.pmap();
    List<VmMapEntry> entries = new ArrayList<>();
    map.forEachEntryHeld(entries::add);
    if (pmap == null || entries.isEmpty()) {
      return null;
    }
    VmMapEntry e = entries.get(Math.floorMod(pick, entries.size()));
    VmObject top = e.object();
    if (top == null || e.isAMap() || e.isSubMap()) {
      return null;
    }
    long count = (e.end() - e.start()) / pageSize;
    long first = Math.floorMod((long) pick * 31, count);
    for (long i = 0; i < Math.min(PAGES, count); i++) {
      long va = e.start() + (first + i) % count * pageSize;
      if ((pmap.word(va) & Pte.W) != 0) {
        String wrong = writable(pmap, e, top, va);
        if (wrong != null) {
          return wrong;
        }
      }
    }
    return null;
  }

  private @Nullable String writable(Pmap pmap, VmMapEntry e, VmObject top, long va) {
    top.lock.lock();
    try {
      VmPage m = pages.lookup(top, va - e.start() + e.offset());
      long pte = pmap.word(va); // after the page: O keeps it where it is, and the word only gets weaker
      if ((pte & (Pte.V | Pte.W)) != (Pte.V | Pte.W)) {
        return null;
      }
      if (e.needsCopy()) {
        return "I-37 writable mapping through needs_copy at 0x" + Long.toHexString(va) + " " + e;
      }
      return m != null && m.frame() == Pte.frame(pte) ? null
          : "I-37 writable mapping of what is no page of the top object at 0x" + Long.toHexString(va) + " -> "
              + Pte.toString(pte) + " " + e + " " + m;
    } finally {
      top.lock.unlock();
    }
  }
}
