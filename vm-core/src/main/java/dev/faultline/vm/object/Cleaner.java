package dev.faultline.vm.object;

import dev.faultline.vm.page.VmPage;

/** vm_pageout_clean, which belongs to a higher package. */
public interface Cleaner {
  /**
   * How a page is written: by the daemon without waiting; waiting; waiting, however short memory is and whatever queue
   * its neighbours are on; or just so without waiting.
   */
  enum How {
    ASYNC,
    SYNC,
    FORCE,
    START;

    /** Returns whether neither short memory nor the queues of neighbours matter. */
    public boolean forces() {
      return this == FORCE || this == START;
    }

    /** Returns whether the write is over when the call returns. */
    public boolean waits() {
      return this == SYNC || this == FORCE;
    }
  }

  /**
   * Writes a dirty page and suitable neighbours. Caller holds O(o) and no other mutex; O(o) is <em>not</em> held on
   * return. The page is not busy and belongs to {@code o}. One pip of the caller keeps {@code o}.
   *
   * @return pages whose write was started or done
   */
  int clean(VmObject o, VmPage m, How how);

  /**
   * Writes a dirty page, and suitable neighbours with it, and waits, as {@link #clean} does with FORCE; O(o) is not
   * held on return. What is here will do for a cleaner that writes pages one by one.
   *
   * @return whether {@code m}, as it was at the call, is on its backing store now or lies beyond the end of that; what
   *     has been stored since does not count, nor how its neighbours fared
   */
  default boolean cleanAndWait(VmObject o, VmPage m) {
    return clean(o, m, How.FORCE) != 0;
  }
}
