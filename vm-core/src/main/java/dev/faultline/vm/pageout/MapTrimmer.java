package dev.faultline.vm.pageout;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapObjects;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.KThread;

/**
 * vm_pageout_map_deactivate_pages and vm_pageout_object_deactivate_pages: takes an address space's pages away from it,
 * those it has not used first, until it has as few as it may.
 *
 * @see "vm-semantics 3.5 vm_daemon, 5.7 W1; vm_pageout.c"
 */
public final class MapTrimmer {
  /*
   * Implementation overview
   *
   * Locks     M read of each map by try (a contended one is skipped; whoever holds it may wait for memory). Down a
   *           chain of objects hand over hand, the backing object's lock taken inside its shadow's: so the link is
   *           never followed into an object that a collapse has taken out. Q inside, for one page at a time.
   * Wired     pages are left alone, and their mappings with them.
   * Swapped   A process that is swapped out loses the rest of its mappings at once (not the Wired ones), by M write, if
   *           that is to be had: it will not use them soon, and their pages then age by themselves.
   */
  private static final int ACT_DECLINE = 1;
  private static final int ACT_ADVANCE = 3;
  private static final int ACT_MAX = 100;

  private final VmPageQueues queues; // (C)
  private final PageMappings mappings; // (C)

  public MapTrimmer(ResidentPages pages) {
    this.queues = pages.queues();
    this.mappings = pages.mappings();
  }

  /**
   * Takes pages from an address space that has more than {@code limit}. The caller has a reference to the map and holds
   * nothing; never sleeps.
   */
  void trim(VmMap map, int limit, boolean swappedOut) {
    Pmap pmap = map.pmap();
    if (pmap == null) {
      return;
    }
    MapObjects.tryEach(map, top -> {
      int wanted = pmap.residentCount() - limit;
      if (wanted > 0) {
        trimChain(pmap, top, wanted);
      }
      return wanted > 0;
    });
    if (swappedOut && pmap.residentCount() > 0 && map.tryLockWrite()) {
      pmap.removeUnwired(map.min(), map.max());
      map.unlock();
    }
  }

  /** An object and those that back it; M read is held, and keeps the first. */
  @SuppressWarnings("GuardedBy") // hand over hand
  private void trimChain(Pmap pmap, VmObject top, int wanted) {
    int left = wanted;
    boolean removeOnly = false;
    VmObject o = top;
    o.lock.lock();
    while (true) {
      if (o.pip() == 0 && !o.isDead()) {
        left -= trimObject(pmap, o, left, removeOnly);
      }
      VmObject below = o.backing();
      if (below == null || left <= 0) {
        o.lock.unlock();
        return;
      }
      below.lock.lock();
      o.lock.unlock();
      removeOnly |= below.refCount() != 1; // others see these pages, too: no reason to call them unused
      o = below;
    }
  }

  /** Returns how many pages this address space has lost. Caller holds O(o). */
  private int trimObject(Pmap pmap, VmObject o, int wanted, boolean removeOnly) {
    KThread t = KThread.current();
    int lost = 0;
    for (VmPage m = o.firstPage(); m != null && lost < wanted; m = m.nextInObject()) {
      t.count(Event.PDPAGES);
      if (m.pvFlags == 0 || m.isFictitious() || m.isBusyAnyway() || m.bmapped() != 0) {
        continue;
      }
      queues.lock.lock();
      try {
        if (m.wireCount() == 0 && m.holdCount() == 0 && pmap.pageExists(m) && takeAway(o, m, removeOnly)) {
          t.count(Event.TRIMMED);
          lost++;
        }
      } finally {
        queues.lock.unlock();
      }
    }
    return lost;
  }

  /** Ages a page that this address space maps; unmaps it if it is old. Caller holds O(o) and Q. */
  @SuppressWarnings("GuardedBy") // Q is held by the only caller
  private boolean takeAway(VmObject o, VmPage m, boolean removeOnly) {
    if (!m.isActive()) {
      mappings.protect(m, VmProt.NONE);
      return true;
    }
    if (mappings.isReferenced(m)) {
      mappings.clearReference(m);
      m.setReferenced(true);
    }
    if (m.isReferenced()) {
      m.setReferenced(false);
      m.setActCount(Math.min(m.actCount() + ACT_ADVANCE, ACT_MAX));
      queues.requeueLocked(m);
      return false;
    }
    m.setActCount(Math.max(0, m.actCount() - ACT_DECLINE));
    if (m.actCount() != 0 && o.refCount() != 0) {
      queues.requeueLocked(m);
      return false;
    }
    mappings.protect(m, VmProt.NONE);
    if (!removeOnly) {
      queues.deactivateLocked(m);
    }
    return true;
  }
}
