package dev.faultline.vm.buf;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.pager.FileBuffers;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a machine: a bounded number, used again in order of their last use; getblk, brelse, bdwrite, bawrite,
 * and the flushing of what was delayed.
 *
 * @see "vm-semantics 3.7, 5.1 D; vfs_bio.c"
 */
public final class BufferCache implements FileBuffers {
  /*
   * Implementation overview
   *
   * Ownership   A buffer is unassigned and free, or in the index; there it is idle, in the list by use, or owned. A
   *             thread owns one at a time and waits for another buffer only while it owns none, with V of the file it
   *             works on. Owners wait for the disk and for busy pages, never for V, so who waits with V held is served.
   * Reuse       The buffer that was idle longest, rather one that has nothing to write. One that has is written first,
   *             if its file's V can be had without waiting; else it is given up as it is: its pages are dirty and find
   *             their way to the disk as any dirty page does. Nothing depends on a buffer for its contents.
   * The daemon  takes idle buffers back when their pages are all that keeps it from making memory (release).
   * Let go      D around everything that concerns pages: ownership keeps the buffer and its pages' bmapped; bmapped
   *             keeps the pages in the object.
   */
  private record Key(Vnode vnode, long block) {}

  private final SyncDomain domain; // (C)
  private final BufferPages work; // (C)
  private final Buf[] all; // (C)
  private final KMutex lock; // D, LockRank.DISK
  private final NamedChannel needed = new NamedChannel("buffer", 3); // (C) somebody waits for any buffer

  @GuardedBy("lock")
  private final Map<Key, Buf> index = new HashMap<>();

  @GuardedBy("lock")
  private @Nullable Buf free; // unassigned

  @GuardedBy("lock")
  private @Nullable Buf oldest; // idle

  @GuardedBy("lock")
  private @Nullable Buf newest;

  @GuardedBy("lock")
  private int writing; // buffers owned by writes

  /**
   * Makes an empty cache and ties it to the pager.
   *
   * @param buffers how many there are, at least 1
   * @param blockChunks chunks of a block: a power of two, from an eighth of a page to two pages
   */
  public BufferCache(VmObjects objects, VnodePager pager, int buffers, int blockChunks) {
    if (buffers < 1) {
      throw new IllegalArgumentException(buffers + " buffers: must be 1 or more");
    }
    if (blockChunks < 1 || blockChunks > 16 || Integer.bitCount(blockChunks) != 1) {
      throw new IllegalArgumentException("blocks of " + blockChunks + " chunks: must be 1, 2, 4, 8 or 16");
    }
    this.domain = objects.domain();
    this.lock = new KMutex(domain, LockRank.DISK, "buffers");
    domain.tracer().name(needed, needed.toString());
    this.work = new BufferPages(this, objects, pager.io(), blockChunks * objects.pageSize() / 8);
    this.all = new Buf[buffers];
    fill();
    pager.setBuffers(this);
  }

  @SuppressWarnings("GuardedBy") // nobody else knows the cache yet
  private void fill() {
    for (int i = all.length - 1; i >= 0; i--) {
      all[i] = new Buf(i, work.pagesPerBlock());
      all[i].next = free;
      free = all[i];
    }
  }

  SyncDomain domain() {
    return domain;
  }

  /** Returns the operations on the pages of a buffer. */
  BufferPages work() {
    return work;
  }

  /** Returns the bytes of a block. */
  public int blockSize() {
    return work.blockSize();
  }

  // ----------------------------------------------------------------------------------------------------------- getblk

  /**
   * getblk: returns the buffer of a block, owned by the caller, with its pages up to {@code limit}; whatever is in them
   * is as valid as it was. Caller holds V of the file, a reference to its object, and no mutex; may sleep.
   *
   * @param limit byte offset in the file that the pages have to reach, beyond the block's beginning
   * @return null if there is no memory: the caller lets go of V, waits for memory and comes again
   */
  @Nullable Buf get(VmObject o, Vnode v, long block, long limit) {
    assert v.isLocked();
    KThread t = KThread.current();
    Buf b = own(t, o, v, block);
    if (work.assemble(t, b, limit)) {
      return b;
    }
    if (b.count == 0) {
      giveUp(b);
    } else {
      release(b); // what it has stays: its end could look like memory gained
    }
    return null;
  }

  @SuppressWarnings("GuardedBy") // D is let go in sleeps and around the work on a victim
  private Buf own(KThread t, VmObject o, Vnode v, long block) {
    Key key = new Key(v, block);
    lock.lock();
    while (true) {
      Buf b = index.get(key);
      if (b != null && b.owner == null) {
        take(b, t);
        lock.unlock();
        return b;
      }
      if (b != null) {
        awaitIdle(b, "getblk");
        continue;
      }
      b = free;
      if (b != null) {
        free = b.next;
        b.next = null;
        b.vnode = v;
        b.object = o;
        b.block = block;
        b.owner = t;
        index.put(key, b);
        lock.unlock();
        return b;
      }
      b = victim();
      if (b == null) {
        domain.sleepQueues().sleepOn(needed, lock, "newbuf");
        lock.lock();
        continue;
      }
      take(b, t);
      lock.unlock();
      if (!b.delayed || !writeOut(b)) {
        giveUp(b);
      }
      lock.lock(); // V(v) is ours: nobody else has made the buffer meanwhile, but look all the same
    }
  }

  /** Sleeps until a buffer may have no owner. D is held on entry and again on return. */
  @SuppressWarnings("GuardedBy")
  private void awaitIdle(Buf b, String tag) {
    b.wanted = true;
    domain.sleepQueues().sleepOn(b, lock, tag);
    lock.lock();
  }

  /** Returns the idle buffer to be used again; null if it is better to wait for one that is being written. */
  @GuardedBy("lock")
  private @Nullable Buf victim() {
    for (Buf b = oldest; b != null; b = b.next) {
      if (!b.delayed) {
        return b;
      }
    }
    return writing > 0 ? null : oldest;
  }

  /** Starts to write a victim, if that needs no sleep. The caller owns it; returns whether it is the write's now. */
  private boolean writeOut(Buf b) {
    Vnode v = b.vnode();
    if (!v.tryLock()) {
      return false;
    }
    boolean started = work.startWrite(b, false) != null;
    v.unlock();
    return started;
  }

  // ------------------------------------------------------------------------------------------------ ownership and list

  @GuardedBy("lock")
  private void take(Buf b, Object owner) {
    if (b.prev == null) {
      oldest = b.next;
    } else {
      b.prev.next = b.next;
    }
    if (b.next == null) {
      newest = b.prev;
    } else {
      b.next.prev = b.prev;
    }
    b.prev = null;
    b.next = null;
    b.owner = owner;
  }

  @GuardedBy("lock")
  private void disown(Buf b) {
    b.owner = null;
    if (b.wanted) {
      b.wanted = false;
      domain.sleepQueues().wakeup(b);
    }
    domain.sleepQueues().wakeup(needed);
  }

  /** brelse: the caller's buffer becomes idle. Any context. */
  void release(Buf b) {
    lock.lock();
    try {
      b.prev = newest;
      if (newest == null) {
        oldest = b;
      } else {
        newest.next = b;
      }
      newest = b;
      disown(b);
    } finally {
      lock.unlock();
    }
  }

  /** brelse of an invalid buffer: takes its pages off the caller's buffer, which becomes free. No mutex held. */
  void giveUp(Buf b) {
    work.strip(b);
    lock.lock();
    try {
      index.remove(new Key(b.vnode(), b.block));
      b.vnode = null;
      b.object = null;
      b.delayed = false;
      b.next = free;
      free = b;
      disown(b);
    } finally {
      lock.unlock();
    }
  }

  /** bdwrite: what the caller's buffer has is to be written some time. */
  void releaseDelayed(Buf b) {
    b.delayed = true;
    release(b);
  }

  /** bawrite: starts to write the caller's buffer, and waits for nothing but busy pages. Caller holds V. */
  void releaseWriting(Buf b) {
    if (work.startWrite(b, true) == null) {
      release(b);
    }
  }

  /** A write is about to start, whose the buffer is from now on. */
  void writeBegins(Buf b, BufTransfer write) {
    lock.lock();
    try {
      b.owner = write;
      writing++;
    } finally {
      lock.unlock();
    }
  }

  /** A write has ended, well or not: if not, the pages are still dirty, and that is enough. In interrupt context. */
  void writeEnded(Buf b) {
    lock.lock();
    try {
      writing--;
    } finally {
      lock.unlock();
    }
    release(b);
  }

  // --------------------------------------------------------------------------------------------- flushing, giving back

  @Override
  @SuppressWarnings("GuardedBy") // D is let go around the work on each
  public void invalidate(Vnode v, long bytes) {
    assert v.isLocked();
    KThread t = KThread.current();
    lock.lock();
    for (Buf b : all) {
      while (b.vnode == v && (b.block + 1) * blockSize() > bytes) {
        if (b.owner != null) {
          awaitIdle(b, "vinval");
          continue;
        }
        take(b, t);
        lock.unlock();
        giveUp(b);
        lock.lock();
      }
    }
    lock.unlock();
  }

  /**
   * Writes what was delayed of a file and waits. Caller holds V and no mutex.
   *
   * @return whether all went well
   */
  @SuppressWarnings("GuardedBy") // D is let go around the work on each
  public boolean flush(Vnode v) {
    assert v.isLocked();
    KThread t = KThread.current();
    List<BufTransfer> writes = new ArrayList<>();
    lock.lock();
    for (Buf b : all) {
      while (b.vnode == v && b.owner != null) {
        awaitIdle(b, "bflush");
      }
      if (b.vnode == v && b.delayed) {
        take(b, t);
        lock.unlock();
        BufTransfer w = work.startWrite(b, true);
        if (w == null) {
          release(b);
        } else {
          writes.add(w);
        }
        lock.lock();
      }
    }
    lock.unlock();
    boolean ok = true;
    for (BufTransfer w : writes) {
      ok &= w.await("biowait");
    }
    return ok;
  }

  /** sync: writes what was delayed of all files, one after the other, and waits. Nothing held; may sleep. */
  public boolean sync() {
    boolean ok = true;
    for (Buf b : all) {
      Vnode v;
      lock.lock();
      try {
        v = b.delayed ? b.vnode : null;
      } finally {
        lock.unlock();
      }
      if (v != null) {
        v.lock();
        ok &= flush(v);
        v.unlock();
      }
    }
    return ok;
  }

  /**
   * Gives up idle buffers, those first that were idle longest; what they had not written stays in their pages. For the
   * page daemon, which never sleeps. No mutex held.
   *
   * @return how many
   */
  public int release(int most) {
    KThread t = KThread.current();
    int n = 0;
    while (n < most) {
      Buf b;
      lock.lock();
      try {
        b = oldest;
        if (b == null) {
          return n;
        }
        take(b, t);
      } finally {
        lock.unlock();
      }
      giveUp(b);
      n++;
    }
    return n;
  }

  // ------------------------------------------------------------------------------------------------------- inspection

  /** Returns how many buffers are of some block. */
  public int inUse() {
    lock.lock();
    try {
      return index.size();
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many buffers have something to write that was delayed. A snapshot. */
  public int delayed() {
    int n = 0;
    lock.lock();
    try {
      for (Buf b : all) {
        n += b.delayed ? 1 : 0;
      }
    } finally {
      lock.unlock();
    }
    return n;
  }

  /**
   * Checks that no buffer is owned, and that bmapped of each page is the number of buffers that list it. All threads
   * are outside the kernel and the disk is idle.
   *
   * @throws KernelPanic with a message that says what does not hold
   */
  public void checkInvariants() {
    lock.lock();
    try {
      int assigned = 0;
      for (Buf b : all) {
        if (b.owner != null || b.wanted) {
          throw KernelPanic.of("I-13 buffer owned or wanted", b);
        }
        assigned += b.vnode == null ? 0 : 1;
      }
      if (assigned != index.size() || writing != 0) {
        throw KernelPanic.of(
            "I-13 buffers: assigned " + assigned + ", indexed " + index.size() + ", writing " + writing);
      }
    } finally {
      lock.unlock();
    }
    work.checkInvariants(all);
  }

  @Override
  public String toString() {
    return "buffer cache";
  }
}
