package dev.faultline.vm.object;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceEvent;
import org.jspecify.annotations.Nullable;

/**
 * vm_object_collapse: absorbs a backing object that nobody else needs, or goes round one that hides nothing more.
 *
 * @see "vm-semantics 3.3 collapse and qcollapse, 5.7; vm_object.c"
 */
final class Collapse {
  /*
   * Implementation overview
   *
   * Locks     O(o) of the caller throughout, then O(b), then for relinking O(b.backing): downward all the way. Never
   *           sleeps, so nothing
   *           is let go and both objects' pip and ref are what they were tested to be.
   * Faulters  hold pip on every level where they have a busy page or stand between a lookup and the next. With pip 0 on
   *           both levels
   *           there are no placeholders, so "o has a page" means a page with contents; with pip anywhere, qcollapse
   *           must tell (R20).
   */
  private Collapse() {}

  static void collapse(VmObject o) {
    assert o.lock.isHeld();
    while (true) {
      VmObject b = o.backing;
      if (b == null || !mayTakePart(o)) {
        return;
      }
      b.lock.lock();
      try {
        if (!mayTakePart(b)) {
          return;
        }
        if (o.pip != 0 || b.pip != 0) {
          qcollapse(o, b);
          return;
        }
        if (b.refCount == 1) {
          if (hasBusyPage(b)) {
            return;
          }
          absorb(o, b);
        } else if (!bypass(o, b)) {
          return;
        }
      } finally {
        b.lock.unlock();
      }
    }
  }

  private static boolean mayTakePart(VmObject o) {
    return o.isAnonymous() && !o.isDead();
  }

  /** A busy page without pip is in the hands of a copy (I-23's exceptions): leave such an object alone. */
  private static boolean hasBusyPage(VmObject b) {
    for (VmPage p = b.firstPage(); p != null; p = p.nextInObject()) {
      if (p.isBusyAnyway()) {
        return true;
      }
    }
    return false;
  }

  private static boolean inWindow(VmObject o, long n) {
    return n >= 0 && n < o.size();
  }

  /** Full collapse: o is the only one who needs b. */
  private static void absorb(VmObject o, VmObject b) {
    ResidentPages pages = o.module.pages();
    b.setDead();
    for (VmPage p = b.firstPage(), next; p != null; p = next) {
      next = p.nextInObject();
      long n = p.offset() - o.backingOffset;
      if (!inWindow(o, n) || pages.lookup(o, n) != null || o.pagerHasLocked(n)) {
        discard(pages, p);
      } else {
        pages.rename(p, o, n); // mappings and dirty state stay
      }
    }
    if (b.type() == ObjectType.SWAP) {
      SwapTransfer swap = o.module.swapTransfer();
      b.pipUp(1, HoldReason.SWAP_TRANSFER);
      if (o.type() == ObjectType.SWAP) {
        o.pipUp(1, HoldReason.SWAP_TRANSFER);
        swap.copy(b, o, o.backingOffset);
        o.pipDown(1);
      } else {
        swap.takeOver(b, o, o.backingOffset);
      }
      b.pipDown(1);
    }
    o.unlinkShadow(b);
    relink(o, b);
    b.backing = null;
    b.refCount = 0;
    VmObjects.ended(b);
    o.module.unlist(b);
    KThread.current().count(Event.COLLAPSES);
    o.module.tracer.event(TraceEvent.COLLAPSE, o, b);
  }

  /**
   * Makes o's next object b's next one; b's reference to that moves to o. O(o) and O(b) held, o is off b's shadow list.
   */
  private static void relink(VmObject o, VmObject b) {
    VmObject c = b.backing;
    if (c != null) {
      c.lock.lock();
      b.unlinkShadow(c);
      o.linkShadow(c);
      c.lock.unlock();
    }
    o.backing = c;
    o.backingOffset += b.backingOffset;
  }

  /** Bypass: goes round b, which others need, if o hides all of it. */
  private static boolean bypass(VmObject o, VmObject b) {
    if (b.type() != ObjectType.DEFAULT) {
      return false;
    }
    ResidentPages pages = o.module.pages();
    for (VmPage p = b.firstPage(); p != null; p = p.nextInObject()) {
      long n = p.offset() - o.backingOffset;
      boolean inside = o.module.hBypassLe ? n >= 0 && n <= o.size() : inWindow(o, n);
      if (inside) {
        VmPage pp = pages.lookup(o, n);
        if ((pp == null || pp.valid() == 0) && !o.pagerHasLocked(n)) {
          return false;
        }
      }
    }
    VmObject c = b.backing;
    o.unlinkShadow(b);
    if (c != null) {
      c.lock.lock();
      c.referenceLocked();
      o.linkShadow(c);
      c.lock.unlock();
    }
    o.backing = c;
    o.backingOffset += b.backingOffset;
    b.refCount--; // cannot reach 0: it was above 1
    KThread.current().count(Event.BYPASSES);
    o.module.tracer.event(TraceEvent.BYPASS, o, b);
    return true;
  }

  /** Paging is in progress somewhere: moves or frees what is quiet, and leaves the link as it is. */
  private static void qcollapse(VmObject o, VmObject b) {
    if (b.refCount != 1) {
      return;
    }
    ResidentPages pages = o.module.pages();
    for (VmPage p = b.firstPage(), next; p != null; p = next) {
      next = p.nextInObject();
      if (p.isBusyAnyway() || p.isCached() || p.isFictitious() || !p.isWhollyValid() || p.holdCount() != 0
          || p.wireCount() != 0) {
        continue;
      }
      long n = p.offset() - o.backingOffset;
      VmPage pp = inWindow(o, n) ? pages.lookup(o, n) : null;
      if (!o.module.hQcoll && pp != null && (pp.isBusyAnyway() || !pp.isWhollyValid())) {
        continue; // a placeholder: p may be the only copy (R20)
      }
      freeBlock(b, p);
      if (!inWindow(o, n) || pp != null || o.pagerHasLocked(n)) {
        discard(pages, p);
      } else {
        pages.rename(p, o, n);
        p.orDirty(VmPage.ALL_CHUNKS); // its block is gone
      }
    }
  }

  private static void freeBlock(VmObject b, VmPage p) {
    if (b.type() == ObjectType.SWAP) {
      b.module.swapTransfer().freeSpace(b, p.offset() + b.pagingOffset(), 1);
    }
  }

  private static void discard(ResidentPages pages, @Nullable VmPage p) {
    if (p == null) {
      return;
    }
    pages.mappings().protect(p, VmProt.NONE);
    pages.free(p);
  }
}
