package dev.faultline.vm.detect;

import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import org.jspecify.annotations.Nullable;

/** What must hold of an object and its pages whenever O is let go. The caller holds O. */
final class ObjectChecks {
  private static final int PAGES_MAX = 64;
  private static final int STEPS_MAX = 256;

  private final ResidentPages pages; // (C)
  private final int pageSize; // (C)

  ObjectChecks(VmObjects objects) {
    this.pages = objects.pages();
    this.pageSize = objects.pageSize();
  }

  /** Returns what does not hold, or null. */
  @Nullable String check(VmObject o) {
    Holders h = o.holders();
    if (h != null) {
      h.agrees(HoldKind.PIP, o.pip()); // I-22
    }
    if (o.refCount() < 0 || (o.isCached() && o.refCount() != 0)) {
      return "I-27 cached object with references, or fewer than none " + o;
    }
    ObjectType type = o.type();
    if ((type == ObjectType.DEFAULT && o.pagerData() != null) || (type == ObjectType.SWAP && o.pagerData() == null)) {
      return "I-29 type and table disagree " + o + " " + o.pagerData();
    }
    String wrong = pages(o);
    return wrong != null ? wrong : links(o);
  }

  private @Nullable String pages(VmObject o) {
    int count = o.residentPageCount();
    if (count > PAGES_MAX) {
      return null;
    }
    int n = 0;
    for (VmPage m = o.firstPage(); m != null && n <= count; m = m.nextInObject()) {
      n++;
      String wrong = m.isFictitious() ? null : page(o, m);
      if (wrong != null) {
        return wrong;
      }
    }
    return n == count ? null : "I-10 resident_page_count is not the length of memq, " + n + " " + o;
  }

  private @Nullable String page(VmObject o, VmPage m) {
    if (m.object() != o || pages.lookup(o, m.offset()) != m) {
      return "I-9 page of memq has another identity, or is not found " + m + " " + o;
    }
    boolean busy = m.isBusyAnyway();
    boolean file = o.type() == ObjectType.VNODE; // between a truncation's sizes and its removals its pages lie beyond
    boolean inside = m.offset() >= 0 && (m.offset() < o.size() || file);
    if ((!inside || m.offset() % pageSize != 0) && m.bmapped() == 0) {
      return "I-26 page outside its object, or not aligned " + m + " " + o;
    }
    if (m.isWanted() && !busy) {
      return "I-14 wanted page is not busy " + m;
    }
    if (!busy && (m.dirty() & ~m.valid()) != 0) {
      return "I-17 dirty where it is not valid " + m;
    }
    if (!busy && m.isZero() && !pages.memory().isZero(m.frame())) {
      return "I-16 PG_ZERO page is not all zeros " + m;
    }
    Holders h = m.holders();
    HoldReason why = h == null ? null : h.busyFor();
    if (m.isBusy() && why != null && why.isWithPip() && o.pip() == 0) {
      return "I-23 page busy for " + why + ", but pip is 0 " + m + " " + o;
    }
    boolean writable = (m.pvFlags & VmPage.PV_WRITEABLE) != 0;
    if (file && writable && !busy && o.pip() == 0 && !o.isWriteable() && !o.isDead()) {
      return "I-30 page that may be mapped writable of a file that is not OBJ_WRITEABLE " + m + " " + o;
    }
    return null;
  }

  /** I-24 and I-25 of the link to the backing object, whose lock is tried. */
  private static @Nullable String links(VmObject o) {
    VmObject b = o.backing();
    if (b == o) {
      return "I-24 object backed by itself " + o;
    }
    if (b == null || o.isDead() || !b.lock.tryLock()) {
      return null;
    }
    try {
      int times = 0;
      int steps = STEPS_MAX;
      for (VmObject s = b.firstShadow(); s != null; s = s.nextShadow()) {
        times += s == o ? 1 : 0;
        if (--steps == 0) {
          return null;
        }
      }
      return times == 1 ? null : "I-25 " + times + " times on its backing object's shadow list " + o + " " + b;
    } finally {
      b.lock.unlock();
    }
  }
}
