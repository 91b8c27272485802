package dev.faultline.vm.pager;

import dev.faultline.hw.Disk;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.Set;

/**
 * Moves pages of files, or chunks of them, between memory and disk: what the vnode pager and the buffer cache have in
 * common. Callers hold V of the vnode, and no mutex unless a method says so.
 *
 * @see "vm-semantics 3.6, 3.7, 6.3"
 */
public final class FileIo {
  /*
   * Implementation overview
   *
   * Places     A page of a file is in one place on the disk, or a hole. A hole that is written to gets a place, with
   *            the note that nothing on the disk counts yet; each chunk that is written well counts from then on.
   * Tails      What is read past the end of the file, or of what counts, is zeroed before it becomes valid; what is
   *            past the end is zeroed before it is written, while the page is soft-busy and write-protected
   *            (H-EOFTAIL: not).
   * Clean      A page that is written is write-protected and busy from before the disk samples it until it is declared
   *            clean, at the end of the I/O and under O; only the chunks that were written become clean.
   */
  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final Volume volume; // (C)
  private final Disk disk; // (C)
  private final TransferPool transfers; // (C)
  private final int pageSize; // (C)
  private final int pageShift; // (C)
  private final boolean hEofTail; // (C)
  private final boolean hVnputOk; // (C)

  FileIo(VmObjects objects, Volume volume, Set<Defect> defects) {
    this.domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.volume = volume;
    this.disk = volume.disk();
    this.transfers = new TransferPool(domain);
    this.pageSize = objects.pageSize();
    this.pageShift = Integer.numberOfTrailingZeros(pageSize);
    this.hEofTail = defects.contains(Defect.H_EOFTAIL);
    this.hVnputOk = defects.contains(Defect.H_VNPUT_OK);
  }

  SyncDomain domain() {
    return domain;
  }

  TransferPool transfers() {
    return transfers;
  }

  private static long fileOffset(VmObject o, VmPage m) {
    return m.offset() + o.pagingOffset();
  }

  // ----------------------------------------------------------------------------------------------------------- reading

  /** Returns the disk page of a page of a file, or a negative number if it is a hole or wholly past the end. */
  public int place(VmObject o, Vnode v, VmPage m) {
    assert v.isLocked();
    long offset = fileOffset(o, m);
    return offset >= v.size() ? BlockMap.HOLE : v.blocks.lookup(offset >> pageShift);
  }

  /** Reads busy, unmapped pages that lie side by side on the disk; returns whether that went well. */
  boolean readRun(VmObject o, Vnode v, VmPage[] ms, int first, int n, int place) {
    DiskTransfer read = transfers.take();
    read.setRun(false, place, ms, first, n);
    disk.submit(read);
    boolean ok = read.await("vnread");
    transfers.give(read);
    for (int i = first; ok && i < first + n; i++) {
      zeroTail(o, v, ms[i], VmPage.ALL_CHUNKS);
    }
    return ok;
  }

  /** Reads chunks of a page that the caller owns busy; returns whether that went well. */
  boolean readMissing(VmObject o, Vnode v, VmPage m, int place, int missing) {
    DiskTransfer read = transfers.take();
    boolean ok = true;
    int chunk = 0;
    while (ok && missing >> chunk != 0) {
      chunk += Integer.numberOfTrailingZeros(missing >> chunk);
      int n = Integer.numberOfTrailingZeros(~(missing >> chunk));
      read.setChunks(place, m, chunk, n);
      disk.submit(read);
      ok = read.await("vnread");
      chunk += n;
    }
    transfers.give(read);
    if (ok) {
      zeroTail(o, v, m, missing);
    }
    return ok;
  }

  /** Starts a read of chunks of soft-busy, unmapped pages, none a hole; what ends it has to {@link #zeroTail}. */
  public void startRead(FileTransfer t) {
    int[] places = new int[t.pages.length];
    for (int i = 0; i < places.length; i++) {
      places[i] = place(t.object, t.vnode, t.pages[i]);
    }
    t.start(disk, false, places);
  }

  /**
   * Zeroes what was read, in the given chunks, of bytes that are past the end of the file, or were once and were never
   * written since. Whoever started the read holds V; any context.
   */
  public void zeroTail(VmObject o, Vnode v, VmPage m, int chunks) {
    long offset = fileOffset(o, m);
    int within = (int) Math.min(v.size() - offset, pageSize);
    int[] good = volume.goodBytes(v, offset >> pageShift);
    if (good == null && within == pageSize) {
      return;
    }
    int chunk = pageSize / Vnode.CHUNKS;
    for (int i = 0; i < Vnode.CHUNKS; i++) {
      if ((chunks & 1 << i) != 0) {
        int from = Math.min(within, i * chunk + (good == null ? chunk : good[i]));
        pages.memory().zeroBytes(m.frame(), Math.max(from, i * chunk), (i + 1) * chunk);
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------------- writing

  /**
   * Returns the disk page that a page is to be written to, found for it if it was a hole; a negative number if it is
   * past the end or there is none.
   */
  public int placeToWrite(VmObject o, Vnode v, VmPage m) {
    int place = place(o, v, m);
    long offset = fileOffset(o, m);
    return place == BlockMap.HOLE && offset < v.size() ? findPlace(v, offset >> pageShift) : place;
  }

  /** Finds a disk page for a page of a file that is a hole; nothing on it counts yet. HOLE if the disk is full. */
  int findPlace(Vnode v, long page) {
    assert v.isLocked();
    int place = volume.allocate(v.promised.remove(page));
    if (place != BlockMap.HOLE) {
      volume.cutPage(v, page, 0);
      v.blocks.add(page, place, 1);
    }
    return place;
  }

  /** Writes the valid chunks of busy, write-protected pages and waits; they are busy by the caller again. */
  boolean writeAndWait(VmObject o, Vnode v, VmPage[] run) {
    FileWrite w = new FileWrite(this, o, v, run, new int[run.length], KThread.current());
    toWrite(w);
    startWrite(w);
    boolean ok = w.await("vnwrite");
    for (VmPage m : run) {
      m.adoptBusy();
    }
    return ok || hVnputOk;
  }

  /** Starts to write the valid chunks of busy, write-protected pages; pages and pip belong to the completion. */
  void writeAlone(VmObject o, Vnode v, VmPage[] run) {
    FileWrite w = new FileWrite(this, o, v, run, new int[run.length], null);
    toWrite(w);
    transfers.beginWriting();
    startWrite(w);
  }

  /** Turns PG_BUSY into I/O, with pip where nobody waits, and says which chunks of each page are to be written. */
  private void toWrite(FileWrite w) {
    VmObject o = w.target();
    VmPage[] run = w.pages();
    o.lock.lock();
    try {
      if (w.isAlone()) {
        o.handPip(run.length, w);
      }
      for (int i = 0; i < run.length; i++) {
        run[i].busyToIo(w);
        w.chunks()[i] = run[i].valid();
      }
    } finally {
      o.lock.unlock();
    }
  }

  /**
   * Starts a write of chunks of soft-busy, write-protected pages, all of which have a place. What is past the end of
   * the file in them becomes zero.
   */
  public void startWrite(FileTransfer t) {
    assert t.vnode.isLocked();
    int[] places = new int[t.pages.length];
    VmObject o = t.object;
    o.lock.lock();
    try {
      for (int i = 0; i < places.length; i++) {
        VmPage m = t.pages[i];
        places[i] = place(o, t.vnode, m);
        long good = t.vnode.size() - fileOffset(o, m);
        if (good < pageSize && !hEofTail) {
          pages.memory().zeroBytes(m.frame(), (int) good, pageSize);
        }
      }
    } finally {
      o.lock.unlock();
    }
    t.start(disk, true, places);
  }

  /**
   * Chunks of a page are on the disk: they are clean, and what was stored through mappings before is among them or in
   * the page's other dirty chunks. Caller holds O; the page is busy in some way and write-protected. Any context.
   */
  public void wrote(VmObject o, Vnode v, VmPage m, int chunks) {
    assert (m.pvFlags & VmPage.PV_WRITEABLE) == 0 || !domain.mutexesReal();
    if (m.pvFlags != 0) {
      pages.testDirty(m); // a harvest marks all chunks, of which only some were written
      pages.mappings().clearModify(m);
    }
    m.clearDirty(chunks);
    volume.wrote(v, fileOffset(o, m) >> pageShift, chunks);
  }

  /** The end of a write that somebody waits for, under O: nobody gets in between I/O and PG_BUSY. */
  void endWaited(FileWrite w, KThread waiter, boolean ok) {
    for (int i = 0; i < w.pages().length; i++) {
      VmPage m = w.pages()[i];
      m.ioToBusy(w, waiter);
      if (ok || hVnputOk) {
        wrote(w.target(), w.file(), m, w.chunks()[i]);
      }
    }
  }

  /** The end of a write that nobody waits for, under O. A failed one leaves its pages dirty, on the active queue. */
  void endAlone(FileWrite w, boolean ended) {
    boolean ok = ended || hVnputOk;
    for (int i = 0; i < w.pages().length; i++) {
      VmPage m = w.pages()[i];
      if (ok) {
        wrote(w.target(), w.file(), m, w.chunks()[i]);
      }
      if (!ok || m.isWanted() || m.isReferenced()) {
        queues.reactivate(m);
      }
      pages.endIo(m, w);
    }
    w.target().pipDown(w.pages().length, w);
  }

  void endedAlone(int count, boolean ok) {
    transfers.endWriting(count, ok || hVnputOk);
    pages.freeList().wakeDaemonForCompletion(); // it may be resting for want of anything to do
  }

  /** Counts a write that nobody waits for and that {@link #endedAlone} does not see, from begin to end. */
  public void otherWriteBegins() {
    transfers.beginWriting();
  }

  /** Counts the end of such a write. */
  public void otherWriteEnded(int count, boolean ok) {
    endedAlone(count, ok);
  }

  /** Counts page-outs that are about to begin. */
  public void countOut(int count) {
    KThread t = KThread.current();
    t.count(Event.VNODEOUT);
    t.count(Event.VNODEPGSOUT, count);
  }

  @Override
  public String toString() {
    return "file I/O";
  }
}
