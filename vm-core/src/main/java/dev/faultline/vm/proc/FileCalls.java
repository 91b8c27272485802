package dev.faultline.vm.proc;

import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;

/**
 * The calls about files.
 *
 * @see SystemCalls
 * @see "vm-semantics 3.6, 3.7"
 */
public final class FileCalls {
  private static final long FILE_BYTES_MAX = 1L << 62;

  private final ProcessTable table; // (C)
  private final VnodePager vnodePager; // (C)

  FileCalls(ProcessTable table, VnodePager vnodePager) {
    this.table = table;
    this.vnodePager = vnodePager;
  }

  /** Changes the length of a file. EINVAL below 0, EFBIG beyond what any file can have. */
  public CallResult truncate(ProcThread t, Vnode file, long length) {
    t.enterKernel("truncate");
    return t.leaveKernel(doTruncate(file, length));
  }

  private CallResult doTruncate(Vnode file, long length) {
    if (length < 0) {
      return CallResult.EINVAL;
    }
    if (length > FILE_BYTES_MAX) {
      return CallResult.EFBIG;
    }
    MemoryWatcher w = table.watcher();
    file.lock();
    try {
      if (w != null) {
        w.truncateBegins(file, length);
      }
      vnodePager.setSize(file, length);
      if (w != null) {
        w.truncateEnds(file, true);
      }
    } finally {
      file.unlock();
    }
    return CallResult.OK;
  }

  @Override
  public String toString() {
    return "file calls";
  }
}
