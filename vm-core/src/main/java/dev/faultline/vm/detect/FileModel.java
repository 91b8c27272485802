package dev.faultline.vm.detect;

import dev.faultline.hw.PhysicalMemory;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows of a file: its words as last stored through any mapping, and its length.
 *
 * <p>A page is numbered by its place in the file. Each access moves the data itself, with the page locked, so that file
 * and memory change together however many processors are at it.
 */
final class FileModel extends SharedSegment {
  /*
   * Implementation overview
   *
   * Past the end  Of the last page, what lies past the end of the file keeps what is stored there until the page is
   *               written out or evicted:
   *               a load finds the stored value or zero, and once zero, zero.
   * Shorter       From begin to end anything past the new end is of that kind. At the end it is gone: words of the last
   *               page are zero
   *               unless they were stored to meanwhile, pages beyond it are as new and must not be reached at all.
   * Longer        What was stored past the old end of the last page, and may have become zero, is in the file for good:
   *               which of the two,
   *               the next load tells.
   * Holes         What lies past the shortest that the file ever was may have no place on the disk. FileView says what
   *               private mappings make of that. The tick counts what happened to holes: pages filled, the file grown.
   * eof, changing Written by who changes the length, in this order: changing, eof, not changing. A reader takes eof,
   * then changing.
   */
  private final Object key; // (C)
  private final LongUnaryOperator seed; // (C)
  private final int wordsPerPage; // (C)
  private final int pageShift; // (C)
  private volatile long eof; // written under V(vnode), the lesser length while it changes
  private volatile boolean changing; // written under V(vnode)
  private volatile long seedLength; // no byte from here on has its initial contents any more
  private volatile long lowestEof; // the shortest that the file ever was
  private final Access kernel = new Access(0); // V(vnode): of reads and writes
  private final AtomicLong tick = new AtomicLong(); // (A) events that concern holes
  private volatile long grown; // written under V(vnode): the tick when the file last became longer
  private long oldLength; // V(vnode), while the length changes
  private long newLength; // V(vnode), while the length changes
  private volatile @Nullable ModelPage tail; // the last page while the file becomes shorter; written under V(vnode)
  private final BitSet tailStores = new BitSet(); // words of tail that were stored to since; guarded by its lock

  FileModel(ContentOracle oracle, Object key, long length, LongUnaryOperator seed) {
    super(oracle);
    this.key = key;
    this.seed = seed;
    this.pageShift = oracle.memory().pageShift();
    this.wordsPerPage = oracle.memory().wordsPerPage();
    eof = length;
    seedLength = length;
    lowestEof = length;
  }

  private static long bitsBelow(long offset, long end) {
    long left = end - offset;
    return left >= Long.BYTES ? -1L : left <= 0 ? 0 : (1L << (left * Byte.SIZE)) - 1;
  }

  private long initial(long offset) {
    long bits = bitsBelow(offset, seedLength);
    return bits == 0 ? 0 : seed.applyAsLong(offset) & bits;
  }

  private long[] initialPage(long n) {
    long[] a = new long[wordsPerPage];
    for (int i = 0; i < a.length; i++) {
      a[i] = initial((n << pageShift) + 8L * i);
    }
    return a;
  }

  private long[] words(ModelPage p, long n) {
    return p.words != null ? p.words : p.words(wordsPerPage, initialPage(n));
  }

  private long roundPage(long bytes) {
    return (bytes + (1L << pageShift) - 1) & -(1L << pageShift);
  }

  long length() {
    return eof;
  }

  /** Returns the number of the last event that concerns holes. */
  long tick() {
    return tick.get();
  }

  long grown() {
    return grown;
  }

  /** Returns the byte offset from which on a page may have been a hole. */
  long holesFrom() {
    return roundPage(lowestEof);
  }

  /** Returns whether a page lies within the file now and always has. */
  boolean wasAlwaysWithin(long offset) {
    return offset >= 0 && offset < roundPage(lowestEof);
  }

  /** Returns whether a page lies beyond the end of the file, and nobody is changing that. */
  private boolean isBeyond(long offset) {
    while (true) {
      long e = eof;
      if (offset < roundPage(e) || changing) {
        return false;
      }
      if (e == eof) {
        return true;
      }
    }
  }

  /**
   * Loads the word at {@code offset} through a private mapping of a page that it has not copied yet.
   *
   * @param seen when the page was last seen through this view and was not zeros; 0 for never
   * @return the view's {@code seen} from now on
   */
  long loadPrivately(Access a, long offset, FileView view, long seen) {
    long n = offset >>> pageShift;
    ModelPage p = pages.getOrMake(n);
    p.lock();
    try {
      long keep = bitsBelow(offset, eof);
      boolean beyond = isBeyond(n << pageShift);
      long got = oracle.memory().load(a.frame, a.word);
      a.result = got;
      if (offset >= holesFrom() && view.mayBeZeros(n << pageShift, p.filled, seen)) {
        if (got == 0) {
          return seen; // it tells nothing of the file
        }
        if (!beyond) {
          loaded(a, p, a.word, offset, got, keep);
          return tick.get();
        }
      }
      if (beyond) {
        oracle.beyondEnd(a, this, offset);
      } else {
        loaded(a, p, a.word, offset, got, keep);
      }
      return seen;
    } finally {
      p.unlock();
    }
  }

  /** Makes an access to the word at {@code offset}, which is mapped from here by a shared mapping. */
  long access(Access a, long offset) {
    PhysicalMemory memory = oracle.memory();
    long n = offset >>> pageShift;
    ModelPage p = pages.getOrMake(n);
    p.lock();
    try {
      long keep = bitsBelow(offset, eof);
      if (isBeyond(n << pageShift)) {
        oracle.beyondEnd(a, this, offset);
        return a.perform(memory);
      }
      int w = a.word;
      switch (a.op) {
        case Access.LOAD -> {
          long got = memory.load(a.frame, w);
          loaded(a, p, w, offset, got, keep);
          return got;
        }
        case Access.STORE -> {
          store(a, p, n, w, a.value, keep);
          memory.store(a.frame, w, a.value);
          return 0;
        }
        default -> {
          long got = a.perform(memory);
          loaded(a, p, w, offset, got, keep);
          store(a, p, n, w, a.after(got), keep);
          return got;
        }
      }
    } finally {
      p.unlock();
    }
  }

  /** Makes a load of the kernel's, for a read; caller holds V(vnode). */
  long kernelLoad(long offset, int frame, int word) {
    Access a = kernel.set(Access.LOAD, null, offset, frame, word, 0);
    return access(a, offset);
  }

  /** Makes a store of the kernel's to some bits of a word, for a write; caller holds V(vnode). */
  void kernelStore(long offset, int frame, int word, long value, long mask) {
    Access a = mask == -1L
        ? kernel.set(Access.STORE, null, offset, frame, word, value)
        : kernel.setMerge(null, offset, frame, word, value, mask);
    access(a, offset);
  }

  /** Judges a load. The page is locked. */
  private void loaded(Access a, ModelPage p, int w, long offset, long got, long keep) {
    if (p.words == null) {
      long expected = initial(offset);
      if (got == expected) {
        return;
      }
      words(p, offset >>> pageShift);
    } else if (got == p.words[w] && !p.isDoubtful(w)) {
      return;
    }
    assert p.words != null;
    if (!p.allows(w, got, keep)) {
      oracle.mismatch(a, this + " offset 0x" + Long.toHexString(offset),
          ModelPage.text(p.words[w], p.doubts == null ? null : p.doubts[w], keep), got, p.writer);
    }
    p.log(w, keep, isWatched(p));
    p.pin(w, got);
  }

  private void store(Access a, ModelPage p, long n, int w, long value, long keep) {
    words(p, n);
    p.log(w, keep, isWatched(p));
    p.set(w, value);
    p.writer = a.pid();
    noteTailStore(p, w);
    noteFilled(p, n, value);
  }

  private void noteFilled(ModelPage p, long n, long value) {
    if (p.filled == 0 && value != 0 && n << pageShift >= holesFrom()) {
      p.filled = tick.incrementAndGet();
    }
  }

  private void noteTailStore(ModelPage p, int w) {
    if (p == tail) {
      tailStores.set(w);
    }
  }

  /**
   * Makes an access through a mapping that may or may not reach the file (vm-semantics 3.4, copy_entry over a file
   * itself).
   */
  long uncertainAccess(Access a, long offset) {
    PhysicalMemory memory = oracle.memory();
    long n = offset >>> pageShift;
    if (a.op == Access.LOAD) {
      return memory.load(a.frame, a.word);
    }
    ModelPage p = pages.getOrMake(n);
    p.lock();
    try {
      long got = a.perform(memory);
      long now = a.op == Access.STORE ? a.value : a.after(got);
      words(p, n);
      p.log(a.word, bitsBelow(offset, eof), isWatched(p));
      p.addCandidate(a.word, now);
      noteTailStore(p, a.word);
      // not filled: whether there is a page now, or still a hole, is as uncertain
      return got;
    } finally {
      p.unlock();
    }
  }

  /** Returns whether a word of a page that is mapped from here may be {@code got} at rest. */
  boolean allows(long offset, long got) {
    ModelPage p = pages.getOrMake(offset >>> pageShift);
    p.lock();
    try {
      words(p, offset >>> pageShift);
      return p.allows((int) (offset >>> 3) & (wordsPerPage - 1), got, bitsBelow(offset, eof));
    } finally {
      p.unlock();
    }
  }

  /**
   * Returns whether a load through a private mapping may find {@code got} while the page may be copied at any time
   * since a watch began, or not yet.
   *
   * @param seen when the page was last seen through this view and was not zeros; 0 for never
   */
  boolean allowsCopied(long offset, long got, FileView view, long seen) {
    ModelPage p = pages.getOrMake(offset >>> pageShift);
    int w = (int) (offset >>> 3) & (wordsPerPage - 1);
    p.lock();
    try {
      long keep = bitsBelow(offset, eof);
      words(p, offset >>> pageShift);
      isWatched(p); // the log is of the present watch
      long page = offset & -(1L << pageShift);
      if (got == 0 && view.mayBeZeros(page, p.filled, seen)) {
        return true;
      }
      return (!isBeyond(page) && p.allows(w, got, keep)) || p.loggedAs(w, got); // a copy outlives the file's end
    } finally {
      p.unlock();
    }
  }

  /**
   * Makes {@code copy} what a private copy of a page is that was made at an unknown instant since the watch on it
   * began.
   *
   * @param offset byte offset of the page
   * @param watched whether there was a watch; if not, the page has been writable before anybody stored to it: it is one
   *     of zeros, where there may have been a hole, else a word that was ever stored to may be anything
   * @param view of the mapping that copies it
   * @param seen when the page was last seen through this view and was not zeros; 0 for never
   */
  void copyPage(long offset, ModelPage copy, boolean watched, FileView view, long seen) {
    long n = offset >>> pageShift;
    ModelPage p = pages.getOrMake(n);
    p.lock();
    try {
      boolean zeros = view.mayBeZeros(offset, p.filled, seen);
      if (zeros && !watched) {
        copy.words(wordsPerPage, null);
        return;
      }
      boolean untouched = p.words == null;
      long[] present = untouched ? initialPage(n) : words(p, n).clone();
      isWatched(p);
      if (!untouched && !watched) {
        p.logEverything(true);
      }
      p.copyLogged(copy, present);
      isWatched(p); // clears the log, if only this needed it
      long e = eof;
      for (int w = e - offset >= 1L << pageShift ? wordsPerPage : 0; w < wordsPerPage; w++) {
        long keep = bitsBelow(offset + 8L * w, e);
        if (keep != -1L) {
          copy.addKept(w, keep);
        }
      }
      if (zeros && copy.mayHaveContent()) {
        copy.orZeros();
      }
    } finally {
      p.unlock();
    }
  }

  /**
   * Makes {@code copy} certain, which may not have been made: it is made now, if it was not.
   *
   * @param now an empty page, used up
   */
  void settleCopy(long offset, ModelPage copy, boolean watched, FileView view, long seen, ModelPage now) {
    ModelPage p = page(offset);
    p.lock();
    boolean zeros = view.mayBeZeros(offset, p.filled, seen);
    p.unlock();
    copy.mayBeFile = false;
    if (watched || zeros) { // else it was writable, hence copied
      copyPage(offset, now, watched, view, seen);
      copy.merge(now);
    }
  }

  ModelPage page(long offset) {
    return pages.getOrMake(offset >>> pageShift);
  }

  // -------------------------------------------------------------------------------------------------------- truncation

  /** Caller holds V(vnode). */
  void truncateBegins(long length) {
    oldLength = eof;
    newLength = length;
    changing = true;
    if (length >= oldLength) {
      return;
    }
    lowestEof = Math.min(lowestEof, length); // an access may be refused from now on
    settleTail(oldLength);
    ModelPage p = page(length);
    p.lock();
    tail = p;
    tailStores.clear();
    eof = length; // who has seen the old end with this page locked has also made its access
    p.unlock();
  }

  /**
   * What was stored past an end of the file that goes, and may have become zero, is one or the other from now on: the
   * next load tells, if it is still in the file.
   */
  private void settleTail(long end) {
    long base = end & -(1L << pageShift);
    if (base == end) {
      return;
    }
    ModelPage p = page(end);
    p.lock();
    for (int w = 0; p.words != null && w < wordsPerPage; w++) {
      long keep = bitsBelow(base + 8L * w, end);
      if (keep != -1L) {
        p.addKept(w, keep);
      }
    }
    p.unlock();
  }

  /** Caller holds V(vnode), as it did from the beginning. */
  void truncateEnds(boolean done) {
    if (newLength < oldLength) {
      if (done) {
        shorter();
      } else {
        eof = oldLength;
      }
      tail = null;
    } else if (done && newLength > oldLength) {
      settleTail(oldLength);
      grown = tick.incrementAndGet();
      eof = newLength;
    }
    changing = false;
  }

  private void shorter() {
    long end = roundPage(newLength);
    // Logged before the initial contents end: they are not there any more for who then closes a window that was open
    // before, on a page whose turn to be emptied has not come.
    pages.forEach(
        end >>> pageShift,
        Long.MAX_VALUE,
        (n, p) -> {
          p.lock();
          p.logEverything(isWatched(p));
          p.unlock();
        });
    seedLengthAtMost(newLength, end);
    endTail();
    pages.forEach(
        end >>> pageShift,
        Long.MAX_VALUE,
        (n, p) -> {
          p.lock();
          p.logEverything(isWatched(p));
          p.words = null;
          p.doubts = null;
          p.filled = 0;
          p.unlock();
        });
  }

  /** The words past the end of the file are zero, unless they were stored to since the file became shorter. */
  private void endTail() {
    long base = newLength & -(1L << pageShift);
    if (base == newLength) {
      return;
    }
    ModelPage p = page(newLength);
    p.lock();
    long[] words = words(p, base >>> pageShift);
    for (int w = 0; w < wordsPerPage; w++) {
      long keep = bitsBelow(base + 8L * w, newLength);
      if (keep != -1L && !tailStores.get(w)) {
        p.log(w, keep, isWatched(p));
        if (p.isDoubtful(w)) {
          keepOnly(p, w, keep);
        } else {
          words[w] &= keep;
        }
      }
    }
    p.unlock();
  }

  private static void keepOnly(ModelPage p, int w, long keep) {
    assert p.doubts != null;
    long[] d = p.doubts[w];
    if (keep == 0) {
      p.set(w, 0);
    } else if (d != null && d != ModelPage.UNKNOWN && d != ModelPage.LOST) {
      long[] kept = d.clone();
      for (int i = 0; i < kept.length; i++) {
        kept[i] &= keep;
      }
      p.doubt(w, kept);
    }
  }

  /**
   * Ends the initial contents beyond {@code length}; the words of the last page are made before that, if they are
   * needed.
   *
   * @param end where the last page ends
   */
  private void seedLengthAtMost(long length, long end) {
    if (length < end) {
      ModelPage p = page(length);
      p.lock();
      words(p, length >>> pageShift);
      p.unlock();
    }
    seedLength = Math.min(seedLength, length);
  }

  /** Data of a range was lost. */
  void lost(long offset, long length) {
    for (long o = offset & -(1L << pageShift); o < offset + length; o += 1L << pageShift) {
      ModelPage p = page(o);
      p.lock();
      p.logEverything(isWatched(p));
      p.loseAll(wordsPerPage);
      p.unlock();
    }
  }

  /** Compares every page that was touched with what the kernel has. Returns how many were compared. */
  int verify(ContentOracle.FileReader reader) {
    int[] compared = new int[1];
    long[] words = new long[wordsPerPage];
    pages.forEach(
        0,
        roundPage(eof) >>> pageShift,
        (n, p) -> {
          if (reader.read(key, n << pageShift, words)) {
            compared[0]++;
            compare(n, p, words);
          }
        });
    return compared[0];
  }

  private void compare(long n, ModelPage p, long[] got) {
    p.lock();
    for (int w = 0; w < wordsPerPage; w++) {
      long offset = (n << pageShift) + 8L * w;
      long keep = bitsBelow(offset, eof);
      boolean right = p.words == null ? got[w] == initial(offset) : p.allows(w, got[w], keep);
      if (!right) {
        long[] doubt = p.doubts == null ? null : p.doubts[w];
        long value = p.words == null ? initial(offset) : p.words[w];
        oracle.wrongFile(this, offset, ModelPage.text(value, doubt, keep), got[w]);
        break; // one a page
      }
    }
    p.unlock();
  }

  @Override
  public String toString() {
    return "file " + key;
  }
}
