package dev.faultline.vm.fault;

/** Places in the fault handler where a test can hold a thread or let something happen: vm-semantics 6.5. */
public enum FaultPoint {
  /** :261, before the busy page is looked at again. */
  AFTER_UNLOCK_THINGS,
  /** :311, H-TYPE2 only: the object's type is about to be read a second time. */
  BETWEEN_TYPE_TESTS,
  /** :441, H-PIPORDER only: one level has been let go of, and the next not been pinned yet. */
  BETWEEN_LEVELS,
  /** :280, :307: everything is released, memory is about to be waited for. */
  BEFORE_VM_WAIT,
  /** :329: no mutex held, before the pager is asked what it has. */
  BEFORE_HAS_PAGE,
  /** :340: before the pager reads. */
  PAGER_BEFORE_IO,
  /** :343: after the pager has read. */
  PAGER_AFTER_IO,
  /** :490: before the copy-on-write copy. */
  BEFORE_COPY,
  /** :562: the map is about to be tried again. */
  BEFORE_RELOOKUP,
  /** :634: the page is about to be entered. */
  BEFORE_PMAP_ENTER,
  /** :635: the page is entered; a wiring that the mapping stands for has not been counted yet. */
  AFTER_PMAP_ENTER
}
