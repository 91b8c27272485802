package dev.faultline.vm.object;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.page.VmPage;
import java.util.List;

/**
 * The operations of one pager type. One instance per type and kernel; what belongs to an object is in its {@link
 * PagerData}.
 *
 * @see "vm-semantics 2.5, 3.6; vm_pager.c"
 */
public interface Pager {
  /**
   * Makes an object of this type with one reference, the caller's, that stands for nothing else: vm_pager_allocate with
   * a null handle.
   */
  default VmObject allocate(long size) {
    throw KernelPanic.of("vm_pager_allocate: this pager needs a handle", this);
  }

  /**
   * Reads pages in. On entry all are busy by the caller, invalid (the requested one may be partly valid), in {@code o}
   * at consecutive offsets, and the caller holds pip. No mutex is held on entry or on return; may sleep.
   *
   * @param req index of the requested page
   * @return OK: the page then found at the offset is the answer, valid and busy; all others were made valid,
   *     deactivated and un-busied, or
   *     freed. Otherwise all others were freed and the requested one is still busy and the caller's
   */
  PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req);

  /**
   * Writes pages out. On entry all are busy and write-protected, and one pip a page is held. No mutex held; may sleep
   * unless the caller is the page daemon.
   *
   * @param results one code a page; PEND leaves page and pip to the pager's completion
   */
  void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results);

  /**
   * Returns whether the pager can deliver the page at a pager offset, and how many neighbours with it. No mutex held; a
   * vnode's may sleep.
   *
   * @param pagerOffset byte offset in the pager: page offset plus paging_offset
   */
  boolean hasPage(VmObject o, long pagerOffset, Extent around);

  /** Returns whether the pager holds data for the page. Caller holds O(o); never sleeps. */
  boolean hasPageLocked(VmObject o, long pagerOffset);

  /** Gives back what the pager keeps for a dead object with pip 0. Caller holds O(o); never sleeps. */
  void dealloc(VmObject o);

  /**
   * Tells that pages of a dead object went with what could not be written. V held if it is a vnode's, O not.
   *
   * @param offsets of the pages in the object
   */
  default void lost(VmObject o, List<Long> offsets) {}

  /** Gives up the buffers that list pages of a dead object, whose pages are clean. V held, O not; may sleep. */
  default void flushBuffers(VmObject o) {}

  /**
   * Ends {@link #dealloc}'s work with O(o) not held and, for a vnode's object, V held: cuts the last ties to the
   * handle.
   */
  default void detached(VmObject o) {}

  /** Finishes the pageouts that have completed. No mutex held. */
  default void sync() {}

  /** Returns whether completed pageouts wait for {@link #sync}. May be called under F. */
  default boolean hasFinished() {
    return false;
  }
}
