package dev.faultline.vm.buf;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.pager.FileIo;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What is done to the pages of a buffer by who owns it: allocbuf, vfs_busy_pages, the copying, brelse's end. Callers
 * hold V of the file, but for {@link #strip}, and no mutex.
 *
 * @see "vm-semantics 3.7; vfs_bio.c: allocbuf, vfs_busy_pages, vfs_unbusy_pages, brelse"
 */
final class BufferPages {
  /*
   * Implementation overview
   *
   * Locks      O(object) for every look at and change of a page; dropped around disk and copying. Survive: our buffer,
   *            its pages' bmapped (no page with bmapped is freed or used again), V (no length changes, and nobody else
   *            reads, writes or cleans the file's pages, but writes that were under way before).
   * Reading    concerns invalid chunks only, of pages that nobody has mapped. So no valid chunk needs to be kept away
   *            from the device by a bogus page, as in 1995, which read blocks whole.
   * Writing    A page that goes to the disk is write-protected first, soft-busy till the end, and clean afterwards, not
   *            before, as in 1995: a failed write leaves it dirty. M is folded into dirty once nobody can store any
   *            more, and covers the page, of which this buffer may write a part.
   * Storing    by write(2) is done with the page PG_BUSY, so that no I/O is at it; its mappers go on.
   */
  private final BufferCache cache; // (C)
  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final FileIo io; // (C)
  private final int pageSize; // (C)
  private final int blockSize; // (C)

  BufferPages(BufferCache cache, VmObjects objects, FileIo io, int blockSize) {
    this.cache = cache;
    this.domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.io = io;
    this.pageSize = objects.pageSize();
    this.blockSize = blockSize;
  }

  int blockSize() {
    return blockSize;
  }

  int pagesPerBlock() {
    return Math.max(1, blockSize / pageSize);
  }

  /** Returns the byte offset of the first page of a block. */
  private long firstPage(Buf b) {
    return b.block * blockSize & -(long) pageSize;
  }

  /** Returns the chunks of page {@code i} of a buffer that the bytes [from, to) of the file touch. */
  private int chunks(Buf b, int i, long from, long to) {
    long page = firstPage(b) + (long) i * pageSize;
    return pages.chunks((int) Math.max(0, Math.min(pageSize, from - page)), (int) Math.min(pageSize, to - page));
  }

  // ---------------------------------------------------------------------------------------------------------- allocbuf

  /**
   * allocbuf: adds the block's pages as far as {@code limit} that the buffer does not have.
   *
   * @return false if there is no memory for one; KThread.memoryGen is set, and the buffer has what it had
   */
  boolean assemble(KThread t, Buf b, long limit) {
    VmObject o = b.object();
    int want = Math.min(pagesPerBlock(), (int) ((limit - firstPage(b) + pageSize - 1) / pageSize));
    if (want <= b.count) {
      return true;
    }
    o.lock.lock();
    try {
      int i = b.count;
      while (i < want) {
        VmPage m = pages.lookup(o, firstPage(b) + (long) i * pageSize);
        if (m != null && m.isBusyAnyway()) {
          unbusy(b, i);
          m.setWanted();
          domain.sleepQueues().sleepOn(m, o.lock, "pgtblk");
          o.lock.lock();
          i = b.count; // V keeps length and object; all else is looked at again
          continue;
        }
        if (m == null) {
          m = pages.alloc(o, firstPage(b) + (long) i * pageSize, AllocClass.NORMAL, HoldReason.BUFFER);
          if (m == null) {
            t.memoryGen += unbusy(b, i); // our own frees are no news: they would end the wait, and all would repeat
            return false;
          }
          m.clearZero();
        } else {
          m.setBusy(t, HoldReason.BUFFER);
        }
        b.pages[i++] = m;
      }
      for (int k = b.count; k < want; k++) {
        VmPage m = b.page(k);
        m.addBmapped(1);
        if (m.isCached() || m.queue() == VmPage.QUEUE_NONE) {
          queues.activate(m); // a page in a buffer is not on the cache queue; a new one is on none
        }
        pages.wakeup(m);
      }
      b.count = want;
      return true;
    } finally {
      o.lock.unlock();
    }
  }

  /**
   * Lets go of pages that were taken so far, up to {@code end}; those that were made for it go. Caller holds O.
   *
   * @return how many went
   */
  private int unbusy(Buf b, int end) {
    int freed = 0;
    for (int i = b.count; i < end; i++) {
      VmPage m = b.page(i);
      if (m.valid() == 0 && m.bmapped() == 0 && m.queue() == VmPage.QUEUE_NONE && m.wireCount() == 0) {
        pages.freeBusy(m);
        freed++;
      } else {
        pages.wakeup(m);
      }
      b.pages[i] = null;
    }
    return freed;
  }

  // ------------------------------------------------------------------------------------------------------------- bread

  /**
   * Makes the chunks valid that the bytes [from, to) of the file touch, reading what is neither in memory nor a hole.
   *
   * @return false if a read failed: what it concerned is as invalid as it was
   */
  boolean fill(Buf b, long from, long to) {
    VmObject o = b.object();
    Vnode v = b.vnode();
    VmPage[] ms = new VmPage[b.count];
    int[] missing = new int[b.count];
    int n = 0;
    o.lock.lock();
    try {
      if (isValid(b, from, to)) {
        return true;
      }
      awaitIdle(b);
      for (int i = 0; i < b.count; i++) {
        VmPage m = b.page(i);
        int lacks = chunks(b, i, from, to) & ~m.valid();
        if (lacks == 0) {
          continue;
        }
        int absent = io.place(o, v, m) < 0 ? lacks : lacks & ~chunks(b, i, 0, v.size());
        if (absent != 0) { // a hole, or past the end: O is enough, the page is idle
          zero(m, absent);
        }
        if (absent != lacks) {
          if (m.pvFlags != 0) { // a mapped page is wholly valid, but with H-PARTIAL
            pages.mappings().protect(m, VmProt.NONE);
          }
          m.addBusyCount(1, b);
          o.pipUp(1, HoldReason.BUFFER, b);
          ms[n] = m;
          missing[n++] = lacks & ~absent;
        }
      }
    } finally {
      o.lock.unlock();
    }
    if (n == 0) {
      return true;
    }
    BufTransfer read = new BufTransfer(cache, domain, io, pages, b, false, Arrays.copyOf(ms, n),
        Arrays.copyOf(missing, n));
    io.startRead(read);
    return read.await("biord");
  }

  /** Returns whether the chunks are valid that the bytes [from, to) of the file touch. Caller holds O. */
  private boolean isValid(Buf b, long from, long to) {
    for (int i = 0; i < b.count; i++) {
      if ((chunks(b, i, from, to) & ~b.page(i).valid()) != 0) {
        return false;
      }
    }
    return true;
  }

  private void zero(VmPage m, int chunks) {
    int chunk = pageSize / 8;
    for (int c = 0; c < 8; c++) {
      if ((chunks & 1 << c) != 0) {
        pages.memory().zeroBytes(m.frame(), c * chunk, (c + 1) * chunk);
      }
    }
    m.clearZero();
    m.setValid(m.valid() | chunks);
  }

  /** Sleeps until no page of a buffer is busy, with none of them busy by us. Caller holds O, dropped meanwhile. */
  private void awaitIdle(Buf b) {
    int i = 0;
    while (i < b.count) {
      if (b.page(i).isBusyAnyway()) {
        awaitIdle(b.object(), b.page(i));
        i = 0;
      } else {
        i++;
      }
    }
  }

  /** Sleeps until a page of ours is idle. Caller holds O, which is dropped meanwhile; bmapped keeps the page. */
  private void awaitIdle(VmObject o, VmPage m) {
    while (m.isBusyAnyway()) {
      m.setWanted();
      domain.sleepQueues().sleepOn(m, o.lock, "bufpag");
      o.lock.lock();
    }
  }

  // ----------------------------------------------------------------------------------------------------------- copying

  /**
   * Copies the words that the bytes [from, to) of the file touch out of the buffer; they are valid.
   *
   * @param words word 0 is the file's at {@code from} rounded down to a word
   */
  void load(Buf b, long from, long to, long[] words, @Nullable MemoryWatcher watcher) {
    long first = from & -8L;
    for (long at = first; at < to; at += 8) {
      VmPage m = b.page((int) ((at - firstPage(b)) / pageSize));
      int w = (int) (at & (pageSize - 1)) / 8;
      words[(int) (at - first) / 8] = watcher == null
          ? pages.memory().load(m.frame(), w)
          : watcher.fileLoad(b.vnode(), at, m.frame(), w);
    }
  }

  /**
   * Copies the bytes [from, to) of the file into the buffer, whose pages become valid and dirty there; chunks of which
   * they are a part are valid already. The file is long enough.
   *
   * @param words as in {@link #load}
   */
  void store(Buf b, long from, long to, long[] words, @Nullable MemoryWatcher watcher) {
    VmObject o = b.object();
    KThread t = KThread.current();
    long base = from & -8L;
    for (int i = 0; i < b.count; i++) {
      long page = firstPage(b) + (long) i * pageSize;
      long start = Math.max(from, page);
      long end = Math.min(to, page + pageSize);
      if (start >= end) {
        continue;
      }
      VmPage m = b.page(i);
      o.lock.lock();
      try {
        awaitIdle(o, m);
        m.setBusy(t, HoldReason.BUFFER);
        m.clearZero();
      } finally {
        o.lock.unlock();
      }
      for (long at = start & -8L; at < end; at += 8) {
        long mask = mask(at, start, end);
        store(b.vnode(), m, at, words[(int) (at - base) / 8], mask, watcher);
      }
      int chunks = chunks(b, i, start, end);
      o.lock.lock();
      try {
        m.setValid(m.valid() | chunks);
        m.orDirty(chunks);
        o.setWriteable(true); // or cleaning the object would pass over it
        m.setReferenced(true);
        pages.wakeup(m);
      } finally {
        o.lock.unlock();
      }
    }
  }

  private void store(Vnode v, VmPage m, long at, long value, long mask, @Nullable MemoryWatcher watcher) {
    int w = (int) (at & (pageSize - 1)) / 8;
    if (watcher != null) {
      watcher.fileStore(v, at, m.frame(), w, value, mask);
    } else if (mask == -1L) {
      pages.memory().store(m.frame(), w, value);
    } else {
      pages.memory().merge(m.frame(), w, value, mask);
    }
  }

  /** Returns the bits of the word at {@code at} that are of the bytes [from, to). */
  static long mask(long at, long from, long to) {
    long mask = -1L;
    if (from > at) {
      mask <<= (from - at) * Byte.SIZE;
    }
    if (to < at + 8) {
      mask &= (1L << ((to - at) * Byte.SIZE)) - 1;
    }
    return mask;
  }

  // ------------------------------------------------------------------------------------------------------------ bwrite

  /**
   * vfs_busy_pages and VOP_STRATEGY: starts to write the chunks of a buffer that are dirty.
   *
   * @param maySleep whether to wait for pages that are busy
   * @return the write, whose the buffer is from now on; null if nothing was started: there is nothing to write, no
   *     place for it, or a page is busy. The buffer is the caller's still and has nothing delayed any more
   */
  @Nullable BufTransfer startWrite(Buf b, boolean maySleep) {
    VmObject o = b.object();
    Vnode v = b.vnode();
    assert v.isLocked();
    VmPage[] ms = new VmPage[b.count];
    int[] chunks = new int[b.count];
    int n = 0;
    long start = b.block * blockSize;
    o.lock.lock();
    try {
      if (maySleep) {
        awaitIdle(b);
      }
      for (int i = 0; i < b.count; i++) {
        VmPage m = b.page(i);
        if (m.isBusyAnyway()) {
          continue; // its chunks stay dirty, and find their way without us
        }
        pages.mappings().protect(m, VmProt.READ); // nobody stores to it from here on
        pages.testDirty(m);
        int dirty = chunks(b, i, start, start + blockSize) & m.dirty() & m.valid();
        if (dirty != 0 && io.placeToWrite(o, v, m) >= 0) {
          m.addBusyCount(1, b);
          o.pipUp(1, HoldReason.BUFFER, b);
          ms[n] = m;
          chunks[n++] = dirty;
        }
      }
    } finally {
      o.lock.unlock();
    }
    b.delayed = false;
    if (n == 0) {
      return null;
    }
    BufTransfer write = new BufTransfer(cache, domain, io, pages, b, true, Arrays.copyOf(ms, n),
        Arrays.copyOf(chunks, n));
    io.countOut(n);
    io.otherWriteBegins();
    cache.writeBegins(b, write);
    io.startWrite(write);
    return write;
  }

  // ------------------------------------------------------------------------------------------------------------ brelse

  /** Takes the pages off a buffer of the caller's. The last buffer of an idle page leaves it to the page queues. */
  void strip(Buf b) {
    if (b.count == 0) {
      return;
    }
    VmObject o = b.object();
    o.lock.lock();
    try {
      for (int i = 0; i < b.count; i++) {
        VmPage m = b.page(i);
        b.pages[i] = null;
        m.addBmapped(-1);
        if (m.bmapped() == 0 && !m.isBusyAnyway()) {
          leave(m);
        }
      }
      b.count = 0;
    } finally {
      o.lock.unlock();
    }
  }

  /** brelse's end for a page that is in no buffer any more: freed, cached or activated. Caller holds O. */
  @SuppressWarnings("GuardedBy") // queues is pages.queues()
  private void leave(VmPage m) {
    if (m.valid() == 0 && m.wireCount() == 0) {
      if (m.pvFlags != 0) {
        pages.mappings().protect(m, VmProt.NONE);
      }
      pages.free(m);
      return;
    }
    if (m.pvFlags != 0 && pages.mappings().isReferenced(m)) {
      pages.mappings().clearReference(m);
      m.setReferenced(true);
    }
    pages.testDirty(m);
    queues.lock.lock();
    try {
      if (m.dirty() != 0 || m.isReferenced() || !pages.cacheLocked(m)) {
        queues.activateLocked(m);
      }
    } finally {
      queues.lock.unlock();
    }
  }

  // ------------------------------------------------------------------------------------------------------- invariants

  /** Checks that bmapped is the number of buffers that list a page. At quiescence. */
  void checkInvariants(Buf[] all) {
    int[] listed = new int[pages.pageCount()];
    for (Buf b : all) {
      for (int i = 0; i < b.count; i++) {
        VmPage m = b.page(i);
        listed[m.frame()]++;
        if (m.object() != b.object || m.offset() != firstPage(b) + (long) i * pageSize) {
          throw KernelPanic.of("I-11 buffer lists a page that is not its block's", b, m);
        }
      }
    }
    for (int f = 0; f < listed.length; f++) {
      if (pages.page(f).bmapped() != listed[f]) {
        throw KernelPanic.of("I-11 bmapped is not the number of buffers: " + listed[f], pages.page(f));
      }
    }
  }

  @Override
  public String toString() {
    return "pages of buffers";
  }
}
