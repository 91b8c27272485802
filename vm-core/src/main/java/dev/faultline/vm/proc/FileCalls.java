package dev.faultline.vm.proc;

import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.page.FreeList;
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
  private final ReadWrite readWrite; // (C)

  FileCalls(ProcessTable table, VnodePager vnodePager, FileBlocks blocks, FreeList freeList) {
    this.table = table;
    this.vnodePager = vnodePager;
    this.readWrite = new ReadWrite(table, vnodePager, blocks, freeList);
  }

  /**
   * Reads bytes of a file into memory: as many as there are before the file's end. A call that is refused midway has
   * done what came before, and says how much; one that is refused at its first byte says why: EINVAL for a negative
   * offset or length, EFAULT if the memory cannot be stored to, EIO if the disk fails.
   *
   * @return OK: {@link UserAccess#value} is the number of bytes
   */
  public CallResult read(ProcThread t, Vnode file, long offset, long address, long length) {
    return readWrite.read(t, file, offset, address, length);
  }

  /**
   * Writes bytes from memory to a file, which becomes longer if need be; what lies between its old end and the first
   * byte reads as zeros. Refused as {@link #read}; EFBIG if the first byte lies where no file reaches,
   * ENOSPC if the disk has no room for it.
   *
   * @return OK: {@link UserAccess#value} is the number of bytes
   */
  public CallResult write(ProcThread t, Vnode file, long offset, long address, long length) {
    return readWrite.write(t, file, offset, address, length);
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
