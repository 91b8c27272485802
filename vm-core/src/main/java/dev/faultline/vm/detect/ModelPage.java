package dev.faultline.vm.detect;

import dev.faultline.hw.strand.Strand;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows of one page: for each word the value, or the values that it may have.
 *
 * <p>A page of a space's own tree is used by one thread at a time, and not changed unless that tree owns it. A page of
 * a shared tree is used with its {@link #lock} held.
 */
final class ModelPage {
  /*
   * Implementation overview
   *
   * words        Null: never stored to; the segment knows what such a page contains. Else one value a word.
   * doubts       Null: none. Else for a doubtful word the values that it may have; the first load tells which one it is
   *              (pins it).
   *              UNKNOWN: any, until the first load. LOST: any, load after load, until a store.
   * zeros        Of a private copy of a file's page: whether the page that was copied was the file's or one of zeros
   *              in place of a hole is not known yet. Words named there are zero in the one case, and as words and
   *              doubts say in the other; the first load that tells settles all of them.
   * mayBeFile    Of a private copy of a file's page: the copy may have been made or not. Till a load tells, the page
   *              shows what is here or what the file's page has; the next store makes it, if it is not made.
   * Log          While somebody may be copying the page (watchers, here or of the whole segment), values that words had
   *              before they
   *              changed. A copy made at an unknown instant of that time has, word by word, the present value or a
   *              logged one.
   * lock         A leaf below everything, held for a few steps and never across a schedule point. Used under T(cpu).
   */
  /** A word may be anything until it is first loaded. */
  static final long[] UNKNOWN = {};

  /** A word may be anything until it is stored. */
  static final long[] LOST = new long[0];

  private static final int LOG_LIMIT = 4096;
  private static final VarHandle LOCK;

  static {
    try {
      LOCK = MethodHandles.lookup().findVarHandle(ModelPage.class, "lock", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final Object owner; // (C) token of the tree that may change it
  long @Nullable [] words;
  long @Nullable [] @Nullable [] doubts;
  int writer; // pid of the last store, 0 for none
  int watchers; // who may be copying this page
  long logEpoch; // run of the segment's watches that the log is of
  @Nullable BitSet zeros; // words that are zero, if the page was a hole's
  boolean mayBeFile; // this is a copy that may not have been made
  long filled; // of a file's page: its tick at the first store after it was last a hole; 0 if there was none
  long seen; // of a group's page that is the file's still: the file's tick when it was last not zeros; 0 for never
  int windows; // of a group's page: sharers whose store is under way, so that it may be copied already
  private int @Nullable [] logWords;
  private long @Nullable [] logValues;
  private int logCount;
  private boolean logFull;

  @SuppressWarnings("UnusedVariable") // through LOCK
  private volatile int lock;

  ModelPage(Object owner) {
    this.owner = owner;
  }

  void lock() {
    if (!LOCK.compareAndSet(this, 0, 1)) {
      lockSlowly();
    }
  }

  private void lockSlowly() {
    Strand me = Strand.current();
    for (int i = 0; lock != 0 || !LOCK.compareAndSet(this, 0, 1); i++) {
      me.pause(i);
    }
  }

  void unlock() {
    lock = 0;
  }

  /** Returns a page with the same knowledge, for another owner. */
  ModelPage copyFor(PageTree tree) {
    ModelPage p = tree.newPage();
    p.words = words == null ? null : words.clone();
    p.doubts = doubts == null ? null : doubts.clone();
    p.zeros = zeros == null ? null : (BitSet) zeros.clone();
    p.mayBeFile = mayBeFile;
    p.seen = seen;
    p.writer = writer;
    return p;
  }

  boolean isDoubtful(int w) {
    return (doubts != null && doubts[w] != null) || mayBeZero(w);
  }

  private boolean mayBeZero(int w) {
    return zeros != null && zeros.get(w);
  }

  /** From now on the page may be one of zeros instead. */
  void orZeros() {
    assert words != null;
    zeros = new BitSet(words.length);
    zeros.set(0, words.length);
  }

  /** Returns whether any word of the page is other than zero, or may be. */
  boolean mayHaveContent() {
    if (doubts != null) {
      return true;
    }
    for (int w = 0; words != null && w < words.length; w++) {
      if (words[w] != 0) {
        return true;
      }
    }
    return false;
  }

  /** Returns the words, made of {@code fill} or zeros if the page was never stored to. */
  long[] words(int count, long @Nullable [] fill) {
    long[] a = words;
    if (a == null) {
      a = fill == null ? new long[count] : fill;
      words = a;
    }
    return a;
  }

  /** Makes the value of a word certain. */
  void set(int w, long value) {
    assert words != null;
    words[w] = value;
    if (doubts != null) {
      doubts[w] = null;
    }
    if (zeros != null) {
      zeros.clear(w);
    }
  }

  /** Makes a word doubtful. */
  void doubt(int w, long[] values) {
    assert words != null;
    if (doubts == null) {
      doubts = new long @Nullable [words.length][];
    }
    doubts[w] = values;
  }

  /** Makes this a page that nobody has stored to. */
  void forget() {
    words = null;
    doubts = null;
    zeros = null;
    mayBeFile = false;
  }

  /** Makes every word anything until it is stored. */
  void loseAll(int count) {
    words(count, null);
    doubts = new long @Nullable [count][];
    Arrays.fill(doubts, LOST);
    zeros = null;
    mayBeFile = false;
  }

  /**
   * Returns whether a load of a word that was stored to, or is doubtful, may return {@code got}.
   *
   * @param keep the bits that are within the file; the others may have become zero at any time
   */
  boolean allows(int w, long got, long keep) {
    return (got == 0 && mayBeZero(w)) || allowsCopied(w, got, keep);
  }

  private boolean allowsCopied(int w, long got, long keep) {
    assert words != null;
    long[] d = doubts == null ? null : doubts[w];
    if (d == null) {
      return got == words[w] || got == (words[w] & keep);
    }
    if (d == UNKNOWN || d == LOST) {
      return true;
    }
    for (long v : d) {
      if (got == v || got == (v & keep)) {
        return true;
      }
    }
    return false;
  }

  /** Takes note of what a load returned: the word is that from now on, unless it is lost. */
  void pin(int w, long got) {
    assert words != null;
    if (doubts != null && doubts[w] == LOST) {
      return;
    }
    if (mayBeZero(w)) {
      settleZeros(w, got);
    }
    set(w, got);
  }

  /** A load tells whether the page is one of zeros, unless the word would be zero in any case. */
  private void settleZeros(int w, long got) {
    BitSet z = zeros;
    assert z != null;
    if (got != 0) {
      zeros = null;
    } else if (!allowsCopied(w, 0, -1L)) {
      for (int i = z.nextSetBit(0); i >= 0; i = z.nextSetBit(i + 1)) {
        set(i, 0);
      }
      zeros = null;
    }
  }

  /**
   * Adds what a page may contain that may be there instead of this one, word by word: the copy that was to be made is
   * made now, if it was not.
   */
  void merge(ModelPage other) {
    assert words != null;
    assert other.words != null;
    for (int w = 0; w < words.length; w++) {
      if (mayBeZero(w) || other.mayBeZero(w)) {
        addCandidate(w, 0);
      }
      long[] d = other.doubts == null ? null : other.doubts[w];
      if (d == UNKNOWN || d == LOST) {
        doubt(w, d);
      } else if (d == null) {
        addCandidate(w, other.words[w]);
      } else {
        for (long v : d) {
          addCandidate(w, v);
        }
      }
    }
    zeros = null;
    mayBeFile = false;
  }

  // ------------------------------------------------------------------------------------------------------------- log

  /**
   * Notes what a word may be now, before it changes, if anybody may be copying the page.
   *
   * @param keep the bits that are within the file; the others may have been zero for a while
   */
  void log(int w, long keep, boolean watched) {
    if (!watched) {
      clearLog();
      return;
    }
    assert words != null;
    long[] d = doubts == null ? null : doubts[w];
    if (mayBeZero(w)) {
      append(w, 0);
    }
    if (d == null) {
      append(w, words[w], keep);
    } else if (d == UNKNOWN || d == LOST) {
      logFull = true;
    } else {
      for (long v : d) {
        append(w, v, keep);
      }
    }
  }

  /** Forgets the log: nobody may be copying the page. */
  void clearLog() {
    logWords = null;
    logValues = null;
    logCount = 0;
    logFull = false;
  }

  /** Notes that the page's words have changed in ways that the log does not say. */
  void logEverything(boolean watched) {
    logFull |= watched;
  }

  private void append(int w, long value, long keep) {
    append(w, value);
    if ((value & keep) != value) {
      append(w, value & keep);
    }
  }

  private void append(int w, long value) {
    if (logCount == LOG_LIMIT) {
      logFull = true;
    }
    if (logFull) {
      return;
    }
    if (logWords == null || logValues == null) {
      logWords = new int[8];
      logValues = new long[8];
    } else if (logCount == logWords.length) {
      logWords = Arrays.copyOf(logWords, logCount * 2);
      logValues = Arrays.copyOf(logValues, logCount * 2);
    }
    logWords[logCount] = w;
    logValues[logCount++] = value;
  }

  /**
   * Returns whether a copy made since the watch began may have {@code got} in a word; the present value is not looked
   * at.
   */
  boolean loggedAs(int w, long got) {
    if (logFull) {
      return true;
    }
    for (int i = 0; i < logCount; i++) {
      assert logWords != null;
      assert logValues != null;
      if (logWords[i] == w && got == logValues[i]) {
        return true;
      }
    }
    return false;
  }

  /**
   * Makes {@code copy} what a copy of this page is that was made at an unknown instant since the watch began.
   *
   * @param present the present words, which become the copy's
   */
  void copyLogged(ModelPage copy, long[] present) {
    copy.words = present;
    copy.doubts = doubts == null ? null : doubts.clone();
    copy.zeros = zeros == null ? null : (BitSet) zeros.clone();
    copy.mayBeFile = mayBeFile;
    copy.writer = writer;
    if (logFull) {
      copy.zeros = null;
      copy.doubts = new long @Nullable [present.length][];
      Arrays.fill(copy.doubts, UNKNOWN);
      return;
    }
    for (int i = 0; i < logCount; i++) {
      assert logWords != null;
      assert logValues != null;
      copy.addCandidate(logWords[i], logValues[i]);
    }
  }

  /**
   * Takes the values that a word has if what is past the end of a file has become zero for values that it may have too.
   */
  void addKept(int w, long keep) {
    assert words != null;
    long[] d = doubts == null ? null : doubts[w];
    if (d == null) {
      addCandidate(w, words[w] & keep);
      return;
    }
    for (long v : d) {
      addCandidate(w, v & keep);
    }
  }

  /** Adds a value that a word may have. */
  void addCandidate(int w, long value) {
    assert words != null;
    long[] d = doubts == null ? null : doubts[w];
    if (d == UNKNOWN || d == LOST || (d == null && words[w] == value)) {
      return;
    }
    if (d == null) {
      doubt(w, new long[] {words[w], value});
      return;
    }
    for (long v : d) {
      if (v == value) {
        return;
      }
    }
    long[] more = Arrays.copyOf(d, d.length + 1);
    more[d.length] = value;
    doubt(w, more);
  }

  /** Returns the values that a word may have, in words, for a report. */
  String text(int w, long keep) {
    assert words != null;
    return text(words[w], doubts == null ? null : doubts[w], keep) + (mayBeZero(w) ? " or 0x0 of a hole" : "");
  }

  /** Returns the values that a word may have, in words, for a report. */
  static String text(long value, long @Nullable [] doubt, long keep) {
    if (doubt == UNKNOWN || doubt == LOST) {
      return "anything";
    }
    StringBuilder b = new StringBuilder();
    for (long v : doubt == null ? new long[] {value} : doubt) {
      b.append(b.length() == 0 ? "" : " or ").append("0x").append(Long.toHexString(v));
      if ((v & keep) != v) {
        b.append(" or 0x").append(Long.toHexString(v & keep));
      }
    }
    return b.toString();
  }
}
