package dev.faultline.vm.object;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.HoldReason;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Operations on ranges of an object's resident pages: clean, remove, write-protect, unmap; and growing an object in
 * place.
 *
 * <p>None is on the fault path. Each takes O itself; a range is [start, end) in bytes, page aligned.
 *
 * @see "vm-semantics 3.3: page_clean, page_remove, pmap_copy, pmap_remove, coalesce"
 */
public final class ObjectPages {
  /*
   * Implementation overview
   *
   * A range is worked off by offset, from a list of the offsets resident at the start: every wait for a busy page and
   * every write drops O(o), after which the page is looked up again. Our pip keeps o and its chain across those gaps;
   * pages that come later were entered after the range was looked at, and for a clean of the whole object have set
   * OBJ_WRITEABLE again (R17).
   *
   * A clean makes two passes, so that writes are under way before it waits for anybody: idle pages first, then those
   * that were busy. The original goes round again while OBJ_WRITEABLE was set meanwhile; here that is left to the
   * caller who needs it, the last deallocation, which also looks whether it still is the last (5.7).
   */
  private final VmObjects module; // (C)

  ObjectPages(VmObjects module) {
    this.module = module;
  }

  private ResidentPages pages() {
    return module.pages();
  }

  /** Returns the offsets of o's resident pages in the range, ascending. Caller holds O(o). */
  private long[] offsets(VmObject o, long start, long end) {
    long[] offsets = new long[o.residentPageCount()];
    int n = 0;
    for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
      if (m.offset() >= start && m.offset() < end) {
        offsets[n++] = m.offset();
      }
    }
    long[] found = Arrays.copyOf(offsets, n);
    Arrays.sort(found);
    return found;
  }

  /**
   * Returns the page at an offset once it is idle, or null once none is there. Caller holds O(o) and pip; O is dropped
   * while it waits.
   */
  private @Nullable VmPage awaitIdle(VmObject o, long offset, String tag) {
    while (true) {
      VmPage m = pages().lookup(o, offset);
      if (m == null || !m.isBusyAnyway()) {
        return m;
      }
      m.setWanted();
      module.domain().sleepQueues().sleepOn(m, o.lock, tag);
      o.lock.lock();
    }
  }

  /**
   * vm_object_page_clean: writes the dirty pages of a range and waits. No-op unless OBJ_WRITEABLE. The caller holds V
   * of a vnode's object.
   *
   * @param end 0 together with start 0 for the whole object, which clears OBJ_WRITEABLE first
   * @return whether everything that was stored to the range before the call is on the disk. False if a write failed:
   *     its page is still dirty and OBJ_WRITEABLE is set again. Stores made meanwhile are nobody's concern here
   */
  public boolean clean(VmObject o, long start, long end, boolean whole) {
    o.lock.lock();
    if (o.type() != ObjectType.VNODE || !o.isWriteable()) {
      o.lock.unlock();
      return true;
    }
    boolean ok = true;
    o.pipUp(1, HoldReason.CLEAN);
    if (whole) {
      o.setWriteable(false); // before write-protecting, and busy pages are waited for (R17)
    }
    long[] offsets = offsets(o, whole ? 0 : start, whole ? Long.MAX_VALUE : end);
    int busy = 0;
    for (long offset : offsets) {
      VmPage m = pages().lookup(o, offset);
      if (m != null && m.isBusyAnyway()) {
        offsets[busy++] = offset; // a place that was passed: this one's at the latest
      } else if (m != null) {
        ok &= cleanIdle(o, m);
      }
    }
    for (int i = 0; i < busy; i++) {
      VmPage m = awaitIdle(o, offsets[i], "objpcn");
      if (m != null) {
        ok &= cleanIdle(o, m);
      }
    }
    if (!ok) {
      o.setWriteable(true);
    }
    o.pipDown(1);
    o.lock.unlock();
    return ok;
  }

  /**
   * Writes an idle page, if it is dirty, and waits. Caller holds O(o) and pip; O is dropped meanwhile.
   *
   * @return false if it is still unwritten
   */
  private boolean cleanIdle(VmObject o, VmPage m) {
    pages().mappings().protect(m, VmProt.READ);
    pages().testDirty(m);
    if ((m.dirty() & m.valid()) == 0) {
      return true;
    }
    long offset = m.offset();
    long gen = m.gen(); // our page, and nobody frees it under O
    boolean written = module.cleaner().cleanAndWait(o, m); // drops O
    o.lock.lock();
    return written || !isUnwritten(o, offset, m, gen);
  }

  /**
   * vm_object_page_clean without waiting: starts to write what is dirty in a range of a vnode's object, and sleeps for
   * no page. A busy page is passed over: it is being written, or about to change. The caller holds V.
   */
  public void startClean(VmObject o, long start, long end) {
    o.lock.lock();
    if (o.type() == ObjectType.VNODE && o.isWriteable()) {
      o.pipUp(1, HoldReason.CLEAN);
      for (long offset : offsets(o, start, end)) {
        VmPage m = pages().lookup(o, offset); // again, as each write drops O
        if (m == null || m.isBusyAnyway()) {
          continue;
        }
        pages().testDirty(m);
        if ((m.dirty() & m.valid()) != 0) {
          module.cleaner().clean(o, m, Cleaner.How.START);
          o.lock.lock();
        }
      }
      o.pipDown(1);
    }
    o.lock.unlock();
  }

  /**
   * Returns whether a page whose write has just failed still lacks one. If it is clean or gone, somebody else has
   * written it; if it is dirty, the old stores may be among what makes it so. Caller holds O(o) and pip.
   */
  private boolean isUnwritten(VmObject o, long offset, VmPage m, long gen) {
    VmPage now = awaitIdle(o, offset, "objpcn");
    if (now != m || m.gen() != gen) {
      return false;
    }
    pages().testDirty(m);
    return (m.dirty() & m.valid()) != 0;
  }

  /**
   * vm_object_page_remove: unmaps and frees the pages of a range, waiting for busy ones; with {@code cleanOnly}, dirty
   * and wired ones stay.
   */
  public void remove(VmObject o, long start, long end, boolean cleanOnly) {
    o.lock.lock();
    o.pipUp(1, HoldReason.REMOVE);
    for (long offset : offsets(o, start, end)) {
      VmPage m = awaitIdle(o, offset, "vmopar");
      if (m == null || m.bmapped() != 0) {
        continue;
      }
      if (cleanOnly) {
        if (m.wireCount() != 0) { // somebody locked it in memory; with O held and the page idle nobody wires it now
          continue;
        }
        pages().testDirty(m);
        if ((m.dirty() & m.valid()) != 0) {
          continue;
        }
      }
      pages().mappings().protect(m, VmProt.NONE);
      if (cleanOnly && m.dirty() != 0) {
        continue; // stored to between the test and the unmapping
      }
      pages().free(m);
    }
    o.pipDown(1);
    o.lock.unlock();
  }

  /** vm_object_pmap_copy: write-protects the resident pages of a range, busy or not. */
  public void pmapCopy(VmObject o, long start, long end) {
    o.lock.lock();
    try {
      for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
        if (m.offset() >= start && m.offset() < end) {
          pages().mappings().protect(m, VmProt.READ);
          m.setCopyOnWrite(true);
        }
      }
    } finally {
      o.lock.unlock();
    }
  }

  /** vm_object_pmap_remove: unmaps the resident pages of a range from everybody, waiting for busy ones. */
  public void pmapRemove(VmObject o, long start, long end) {
    o.lock.lock();
    o.pipUp(1, HoldReason.UNMAP);
    for (long offset : offsets(o, start, end)) {
      VmPage m = awaitIdle(o, offset, "vmopmr");
      if (m != null) {
        boolean wired = m.wireCount() != 0; // O held and page idle: nobody wires it
        pages().mappings().protect(m, VmProt.NONE);
        if (wired) {
          pages().queues().activate(m); // what took its last wiring off left it on no queue
        }
      }
    }
    o.pipDown(1);
    o.lock.unlock();
  }

  /**
   * vm_object_coalesce: grows a DEFAULT object so that the range following (offset, prevSize) belongs to it too.
   *
   * @return whether it did; never sleeps
   */
  public boolean coalesce(VmObject o, long prevOffset, long prevSize, long nextSize) {
    o.lock.lock();
    try {
      if (o.type() != ObjectType.DEFAULT || o.handle() != null || o.isDead()) {
        return false;
      }
      o.collapse();
      if (o.refCount != 1 || o.backing != null || o.pip != 0 || o.type() != ObjectType.DEFAULT) {
        return false;
      }
      long from = prevOffset + prevSize;
      for (long offset : offsets(o, from, from + nextSize)) { // left there by an unmapping: nobody can reach them
        VmPage m = pages().lookup(o, offset);
        if (m != null) {
          if (m.isBusyAnyway()) {
            return false;
          }
          pages().mappings().protect(m, VmProt.NONE);
          pages().free(m);
        }
      }
      o.setSize(Math.max(o.size(), from + nextSize));
      return true;
    } finally {
      o.lock.unlock();
    }
  }
}
