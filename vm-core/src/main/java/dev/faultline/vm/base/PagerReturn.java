package dev.faultline.vm.base;

/** What a pager answers. Codes and meanings of vm-semantics 1.2. */
public enum PagerReturn {
  /** get: the requested page is valid and still busy. put: written, the page is clean. */
  OK,
  /** The offset is outside the pager's range, or the backing store is gone. */
  BAD,
  /** get: in range, but no data there. put: could not be written. */
  FAIL,
  /** put only: queued; the pager will un-busy the page later. */
  PEND,
  /** Data exists but the transfer failed. */
  ERROR,
  /** put only: no resources now; leave the page dirty and try later. */
  AGAIN
}
