package dev.faultline.vm.detect;

import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The invariants of objects, vm-semantics 7.2, at quiescence. */
final class ObjectInvariants {
  private final KernelParts kernel; // (C)
  private final InvariantReport report; // (C)
  private final List<VmObject> all = new ArrayList<>();

  ObjectInvariants(KernelParts kernel, InvariantReport report) {
    this.kernel = kernel;
    this.report = report;
    kernel.objects().forEach(all::add);
  }

  /** I-20, I-21, I-24 to I-27, the part of I-29 that needs no table. */
  void check() {
    references();
    Map<VmObject, Boolean> listed = new HashMap<>();
    all.forEach(o -> listed.put(o, true));
    int cached = 0;
    for (VmObject o : all) {
      cached += o.isCached() ? 1 : 0;
      report.check(o.pip() == 0, "I-21 pip", o);
      report.check(!o.isPipWanted(), "I-21 pip waited for", o);
      report.check(!o.isDead(), "I-27 dead object", o);
      report.check((o.refCount() == 0) == o.isCached(), "I-27 ref 0 and cached are one", o, "cached=" + o.isCached());
      report.check(!o.isCached() || (o.type() == ObjectType.VNODE && o.canPersist()), "I-27 cached, but no file's", o);
      report.check(o.type() != ObjectType.DEFAULT || o.pagerData() == null, "I-29 default object with a table", o);
      report.check(o.type() != ObjectType.SWAP || o.pagerData() != null, "I-29 swap object without a table", o);
      VmObject b = o.backing();
      report.check(b == null || listed.containsKey(b), "I-31 backed by an object that has ended", o, b);
      chain(o);
      shadows(o);
      pages(o);
    }
    int n = kernel.objects().cachedCount();
    report.check(n == cached, "I-27 " + n + " cached objects, " + cached + " say so");
  }

  /**
   * I-28, which is weak: counts anonymous objects with one reference, that of their only shadow, which is anonymous,
   * too, while pip of neither keeps them apart: a collapse that was missed, or that nobody had reason to try yet.
   */
  int missedCollapses() {
    int n = 0;
    for (VmObject o : all) {
      VmObject s = o.firstShadow();
      if (s == null || s.nextShadow() != null || o.refCount() != 1 || o.pip() != 0 || s.pip() != 0) {
        continue;
      }
      n += o.isAnonymous() && s.isAnonymous() ? 1 : 0;
    }
    return n;
  }

  /** I-20: counts the references again. */
  private void references() {
    Map<VmObject, Integer> expected = new HashMap<>(kernel.holds().get());
    Map<VmMap, Boolean> seen = new HashMap<>();
    for (VmMap map : kernel.mainMaps().get()) {
      count(map, expected, seen);
    }
    for (VmObject o : all) {
      VmObject b = o.backing();
      if (b != null) {
        expected.merge(b, 1, Integer::sum);
      }
    }
    for (VmObject o : all) {
      int n = expected.getOrDefault(o, 0);
      report.check(o.refCount() == n, "I-20 ref_count is " + o.refCount() + ", references are " + n, o);
    }
  }

  /** Counts a map's entries, and those of its share maps and submaps, once each. */
  private static void count(VmMap map, Map<VmObject, Integer> expected, Map<VmMap, Boolean> seen) {
    if (seen.put(map, true) != null) {
      return;
    }
    for (VmMapEntry e : MapEntries.of(map)) {
      VmObject o = e.object();
      if (o != null) {
        expected.merge(o, 1, Integer::sum);
      }
      VmMap m = e.map();
      if (m != null) {
        count(m, expected, seen);
      }
    }
  }

  /** I-24. */
  private void chain(VmObject o) {
    int depth = 0;
    for (VmObject x = o; x != null; x = x.backing()) {
      if (depth++ > all.size()) {
        report.check(false, "I-24 backing links in a circle", o);
        return;
      }
    }
  }

  /** I-25, both ways. */
  private void shadows(VmObject o) {
    int limit = all.size() + 1;
    for (VmObject s = o.firstShadow(); s != null && limit > 0; s = s.nextShadow()) {
      report.check(s.backing() == o, "I-25 on the shadow list of an object that does not back it", s, o);
      limit--;
    }
    report.check(limit > 0, "I-25 shadow list without end", o);
    VmObject b = o.backing();
    if (b == null) {
      return;
    }
    int times = 0;
    int steps = all.size() + 1;
    for (VmObject s = b.firstShadow(); s != null && steps-- > 0; s = s.nextShadow()) {
      times += s == o ? 1 : 0;
    }
    report.check(times == 1, "I-25 " + times + " times on its backing object's shadow list", o, b);
  }

  /** I-26. */
  private void pages(VmObject o) {
    int limit = o.residentPageCount() + 1;
    for (VmPage m = o.firstPage(); m != null && limit-- > 0; m = m.nextInObject()) {
      boolean inside = m.offset() >= 0 && m.offset() < o.size() && m.offset() % kernel.objects().pageSize() == 0;
      report.check(inside || m.bmapped() != 0, "I-26 page outside its object, or not aligned", m, o);
    }
  }
}
