package dev.faultline.vm.object;

import dev.faultline.vm.page.VmPage;

/** vm_pageout_clean, which belongs to a higher package. */
public interface Cleaner {
  /**
   * How a page is written: by the daemon without waiting, waiting, or waiting and whatever queue its neighbours are on.
   */
  enum How {
    ASYNC,
    SYNC,
    FORCE
  }

  /**
   * Writes a dirty page and suitable neighbours. Caller holds O(o) and no other mutex; O(o) is <em>not</em> held on
   * return. The page is not busy and belongs to {@code o}. One pip of the caller keeps {@code o}.
   *
   * @return pages whose write was started or done
   */
  int clean(VmObject o, VmPage m, How how);
}
