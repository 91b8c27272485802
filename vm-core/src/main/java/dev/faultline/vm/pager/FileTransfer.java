package dev.faultline.vm.pager;

import dev.faultline.hw.Disk;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import java.util.ArrayList;
import java.util.List;

/**
 * One transfer of chunks of a file's pages, made of as many disk requests as what it moves has gaps on the disk and in
 * memory. The pages are soft-busy and carry a pip each from before it starts until {@link #ended}.
 */
public abstract class FileTransfer implements Channel {
  /*
   * Implementation overview
   *
   * Requests     All are submitted at once, under V, which keeps the places on the disk. They end in any order.
   * left, failed (O) of the object: counted down by the interrupt strand; the last one ends the transfer in that hold.
   * finished     D(this), the handshake with a thread that waits. A transfer is used once.
   */
  private final SyncDomain domain; // (C)
  private final KMutex lock; // D, LockRank.DISK
  protected final Vnode vnode; // (C)
  protected final VmObject object; // (C)
  protected final VmPage[] pages; // (C)
  protected final int[] chunks; // (C) of each page, which ones
  private final List<Part> parts = new ArrayList<>(1); // the starting thread's
  private int left; // (O)
  private boolean failed; // (O)
  private boolean finished; // guarded by lock

  protected FileTransfer(SyncDomain domain, VmObject object, Vnode vnode, VmPage[] pages, int[] chunks) {
    this.domain = domain;
    this.lock = new KMutex(domain, LockRank.DISK, null);
    this.object = object;
    this.vnode = vnode;
    this.pages = pages;
    this.chunks = chunks;
  }

  /** One request of the transfer. */
  private static final class Part extends DiskTransfer {
    private final FileTransfer whole; // (C)

    Part(FileTransfer whole) {
      super(whole.domain, whole.object.id());
      this.whole = whole;
    }

    @Override
    void iodone() {
      whole.partEnded(!error);
    }
  }

  @Override
  public final int channelNumber() {
    return object.id() * 17 + 4;
  }

  @Override
  public final WaitClass waitClass() {
    return WaitClass.DISK;
  }

  @Override
  public final boolean isSatisfied() {
    return finished;
  }

  /**
   * Submits the transfer. Caller holds V and no mutex.
   *
   * @param places the disk page of each page; there is at least one chunk to move
   */
  final void start(Disk disk, boolean toDisk, int[] places) {
    assert vnode.isLocked();
    plan(toDisk, places);
    left = parts.size(); // nobody else knows the transfer before the first submission
    for (Part p : parts) {
      disk.submit(p);
    }
  }

  /** Cuts what is to be moved into runs that lie side by side on the disk and in the frames. */
  private void plan(boolean toDisk, int[] places) {
    Part run = null;
    long start = 0;
    int count = 0;
    int first = 0;
    int frames = 0;
    for (int i = 0; i < pages.length; i++) {
      for (int c = 0; c < Vnode.CHUNKS; c++) {
        if ((chunks[i] & 1 << c) == 0) {
          continue;
        }
        long block = places[i] * (long) Vnode.CHUNKS + c;
        int position = (first + count) % Vnode.CHUNKS;
        if (run == null || block != start + count || position != c) {
          if (run != null) {
            run.setBlocks(toDisk, start, first, count, frames);
          }
          run = new Part(this);
          run.frames = new int[pages.length];
          parts.add(run);
          start = block;
          count = 0;
          first = c;
          frames = 0;
        }
        if (count == 0 || c == 0) {
          run.frames[frames++] = pages[i].frame();
        }
        count++;
      }
    }
    assert run != null : "a transfer of nothing";
    run.setBlocks(toDisk, start, first, count, frames);
  }

  private void partEnded(boolean ok) {
    boolean last;
    object.lock.lock();
    try {
      failed |= !ok;
      left--;
      last = left == 0;
      if (last) {
        ended(!failed);
      }
    } finally {
      object.lock.unlock();
    }
    if (last) {
      released(!failed); // nobody writes it any more
    }
  }

  /** biodone: in interrupt context, with O(object) held: gives up what the pages are held by. */
  protected abstract void ended(boolean ok);

  /** Afterwards, with no mutex held: by default wakes who waits. The object may be gone. */
  protected void released(boolean ok) {
    finish();
  }

  /** Wakes who waits for the transfer. */
  protected final void finish() {
    lock.lock();
    try {
      finished = true;
      domain.sleepQueues().wakeup(this);
    } finally {
      lock.unlock();
    }
  }

  /** biowait: sleeps until the transfer has ended; returns whether it went well. No mutex held. */
  public final boolean await(String tag) {
    lock.lock();
    while (!finished) {
      domain.sleepQueues().sleepOn(this, lock, tag);
      lock.lock();
    }
    lock.unlock();
    return !failed;
  }

  @Override
  public String toString() { // racy, for reports
    return "transfer(" + vnode + " pages=" + pages.length + ")";
  }
}
