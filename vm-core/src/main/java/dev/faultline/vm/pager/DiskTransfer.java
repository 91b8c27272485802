package dev.faultline.vm.pager;

import dev.faultline.hw.DiskRequest;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.InterruptContext;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceKind;
import org.jspecify.annotations.Nullable;

/**
 * One disk transfer of a run of pages (the struct buf, "pbuf", of the original). Used again and again; see {@link
 * TransferPool}.
 *
 * <p>The plain one is waited for: {@link #await} by the thread that submitted it. A subclass may do something else on
 * completion.
 */
class DiskTransfer extends DiskRequest implements Channel {
  /*
   * Implementation overview
   *
   * Owner        the thread that filled it, until it submits; then the disk, until completed(); then that thread again.
   * Handshake    finished, under D(this): set by the interrupt strand, tested by the sleeper (5.3, "buffer").
   */
  final SyncDomain domain; // (C)
  private final KMutex lock; // D, LockRank.DISK
  private final int number; // (C)
  private boolean finished; // guarded by lock
  @Nullable DiskTransfer nextFree; // guarded by the pool's lock

  DiskTransfer(SyncDomain domain, int number) {
    this.domain = domain;
    this.number = number;
    this.lock = new KMutex(domain, LockRank.DISK, null);
    this.frames = new int[8];
  }

  @Override
  public int channelNumber() {
    return number * 17 + 3;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.TRANSFER;
  }

  @Override
  public long traceId() {
    return number;
  }

  @Override
  public boolean isSatisfied() {
    return finished;
  }

  @Override
  public final WaitClass waitClass() {
    return WaitClass.DISK;
  }

  /** Describes a transfer of whole pages that lie side by side on the disk. */
  final void setRun(boolean toDisk, long diskPage, VmPage[] pages, int first, int n) {
    write = toDisk;
    block = diskPage * 8;
    blockCount = n * 8;
    firstChunk = 0;
    if (frames.length < n) {
      frames = new int[n];
    }
    for (int i = 0; i < n; i++) {
      frames[i] = pages[first + i].frame();
    }
    frameCount = n;
    begin();
  }

  /** Describes a read of some chunks of one page. */
  final void setChunks(long diskPage, VmPage page, int chunk, int n) {
    frames[0] = page.frame();
    setBlocks(false, diskPage * 8 + chunk, chunk, n, 1);
  }

  /** Describes a transfer of consecutive blocks with the first {@code n} of {@link #frames}, from a chunk on. */
  final void setBlocks(boolean toDisk, long firstBlock, int chunk, int blocks, int n) {
    write = toDisk;
    block = firstBlock;
    blockCount = blocks;
    firstChunk = chunk;
    frameCount = n;
    begin();
  }

  private void begin() {
    lock.lock();
    finished = false;
    lock.unlock();
    error = false;
    done = false;
  }

  /** biodone: called once, on the disk's interrupt strand, which holds nothing. */
  @Override
  public final void completed() {
    InterruptContext.enter(domain, "disk interrupt");
    try {
      iodone();
    } finally {
      InterruptContext.leave(domain);
    }
  }

  /** What the completion does, in interrupt context: may take O and below, may wake, never sleeps. */
  void iodone() {
    finish();
  }

  /** Wakes who waits for the transfer; from here on it is his. */
  final void finish() {
    lock.lock();
    try {
      finished = true;
      domain.sleepQueues().wakeup(this); // inside: afterwards the transfer may be somebody else's
    } finally {
      lock.unlock();
    }
  }

  /**
   * biowait: sleeps until the transfer is complete. No mutex held.
   *
   * @return whether it went well
   */
  final boolean await(String tag) {
    lock.lock();
    while (!finished) {
      domain.sleepQueues().sleepOn(this, lock, tag);
      lock.lock();
    }
    lock.unlock();
    return !error;
  }

  @Override
  public String toString() { // racy, for reports
    String state = done ? error ? " failed" : " done" : "";
    return (write ? "write" : "read") + "(block=" + block + " count=" + blockCount + state + ")";
  }
}
