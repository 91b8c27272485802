package dev.faultline.vm.buf;

import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes bytes of a file through the buffer cache, one block at a time: what ffs_read and ffs_write do
 * between bread and brelse. Nothing here touches user memory: that is done between the calls, without V (R31).
 *
 * @see "vm-semantics 3.7, 3.8; ufs_readwrite.c"
 */
public final class FileBlocks {
  /** How a block's turn ended. */
  public enum Outcome {
    DONE,
    /** The disk failed: nothing was changed. */
    IO_ERROR,
    /** The disk is full: nothing was changed. */
    NO_SPACE,
    /** There is no memory, KThread.memoryGen is set: to be repeated after waiting for some without V. */
    NO_MEMORY
  }

  private final BufferCache cache; // (C)
  private final BufferPages work; // (C)
  private final VnodePager pager; // (C)
  private final int chunk; // (C) bytes

  public FileBlocks(BufferCache cache, VnodePager pager, int pageSize) {
    this.cache = cache;
    this.work = cache.work();
    this.pager = pager;
    this.chunk = pageSize / 8;
  }

  /** Returns the offset behind the last byte that may go into one turn with the byte at {@code offset}. */
  public long turnEnd(long offset) {
    return (offset / cache.blockSize() + 1) * cache.blockSize();
  }

  /** Returns the most words that a turn's bytes touch. */
  public int turnWords() {
    return cache.blockSize() / 8 + 1;
  }

  /**
   * Reads the bytes [from, to), which lie in one block and in the file. Caller holds V and a reference to the file's
   * object, and no mutex; may sleep.
   *
   * @param words gets them: word 0 is the file's at {@code from} rounded down to a word
   */
  public Outcome read(
      VmObject o, Vnode v, long from, long to, long[] words, @Nullable MemoryWatcher watcher) {
    assert to <= v.size();
    Buf b = cache.get(o, v, from / cache.blockSize(), to);
    if (b == null) {
      return Outcome.NO_MEMORY;
    }
    if (!work.fill(b, from, to)) {
      failed(b);
      return Outcome.IO_ERROR;
    }
    work.load(b, from, to, words, watcher);
    cache.release(b);
    return Outcome.DONE;
  }

  /**
   * Writes the bytes [from, to), which lie in one block; a file that is too short grows first, and zeros are what was
   * never written. They are on the disk some time, at once on their way there if the block is full. Caller as for
   * {@link #read}.
   */
  public Outcome write(
      VmObject o, Vnode v, long from, long to, long[] words, @Nullable MemoryWatcher watcher) {
    if (!pager.reserve(v, from, to)) { // now, as there is nobody to tell when the block goes to the disk
      pager.trim(v);
      return Outcome.NO_SPACE;
    }
    Buf b = cache.get(o, v, from / cache.blockSize(), to);
    if (b == null) {
      pager.trim(v);
      return Outcome.NO_MEMORY;
    }
    boolean ok = (from % chunk == 0 || work.fill(b, from, from + 1)) && (to % chunk == 0 || work.fill(b, to - 1, to));
    if (!ok) {
      failed(b);
      pager.trim(v);
      return Outcome.IO_ERROR;
    }
    if (to > v.size()) { // all that can fail is behind us
      if (watcher != null) {
        watcher.truncateBegins(v, to);
      }
      pager.setSize(v, to);
      if (watcher != null) {
        watcher.truncateEnds(v, true);
      }
    }
    work.store(b, from, to, words, watcher);
    if (to % cache.blockSize() == 0) {
      cache.releaseWriting(b);
    } else {
      cache.releaseDelayed(b);
    }
    return Outcome.DONE;
  }

  /** Returns the bits of the word at {@code at} that are of the bytes [from, to). */
  public static long mask(long at, long from, long to) {
    return BufferPages.mask(at, from, to);
  }

  /** A read into the buffer has failed: it goes, unless it has what was not written yet. */
  private void failed(Buf b) {
    if (b.delayed) {
      cache.release(b);
    } else {
      cache.giveUp(b);
    }
  }

  @Override
  public String toString() {
    return "file blocks";
  }
}
