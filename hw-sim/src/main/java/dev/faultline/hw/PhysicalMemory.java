package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The frames of a machine, and behind them those of its devices' memory: real bytes, as 64-bit words.
 *
 * <p>Single words are read and written atomically and different words are independent. Operations on a whole frame
 * ({@link #zero}, {@link #copy} and so on) are runs of such accesses in no particular order: against a concurrent
 * store they may be torn between words, as the hardware's are. Nothing here is a schedule point; the accesses of
 * processors and the transfers of the disk announce themselves.
 */
public final class PhysicalMemory {
  /*
   * Implementation overview
   *
   * What it is    One long[] (vm-semantics 6.1); word w of frame f is at f << wordShift | w. All in int arithmetic,
   *               which MachineConfig makes safe by refusing more than 2^31 - 1 words, so that the compiler can fold
   *               the bounds check.
   * Bytes         Byte b of a frame is bits 8 * (b % 8) and up of word b / 8: little-endian. Only zeroBytes and the
   *               host's disk file care.
   * Access modes  Words are accessed opaque: atomic and coherent, no order. Order comes from elsewhere: page table
   *               entries (volatile), T(cpu), locks. Whole-frame loops are plain: HotSpot's array loops and copies
   *               move aligned 64-bit words whole.
   * Stamps        I-42: what identity a frame has, written by the kernel, compared by Cpu. No array unless asked for.
   */
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  final long[] words; // (A) opaque; Cpu's fast path reads it directly
  private final int frames; // (C)
  private final int allFrames; // (C)
  private final int pageShift; // (C)
  private final int wordShift; // (C)
  private final long[] names; // (C) of frames, for engines; empty without one
  private final long[] stamps; // (A) volatile; empty when stamps are off

  PhysicalMemory(MachineConfig config) {
    frames = config.frames();
    allFrames = frames + config.deviceFrames();
    pageShift = config.pageShift();
    wordShift = pageShift - 3;
    words = new long[allFrames << wordShift];
    stamps = new long[config.stamps() ? allFrames : 0];
    names = new long[Strand.nameOfNew() == 0 ? 0 : allFrames];
    for (int i = 0; i < names.length; i++) {
      names[i] = Strand.nameOfNew();
    }
  }

  /** Tells an engine, if there is one, that the present step is about a frame. */
  void touch(int frame, boolean change) {
    if (names.length != 0) {
      Strand.tell(names[frame], change);
    }
  }

  /** Returns the number of frames that are memory: a device's have higher numbers. */
  public int frames() {
    return frames;
  }

  /** Returns the number of frames of device memory, numbered from {@link #frames} on. */
  public int deviceFrames() {
    return allFrames - frames;
  }

  /** Returns whether there is a frame of that number, memory or device. */
  boolean exists(int frame) {
    return frame >= 0 && frame < allFrames;
  }

  /** Returns the bytes of a frame. */
  public int pageSize() {
    return 1 << pageShift;
  }

  /** Returns the base-two logarithm of {@link #pageSize}. */
  public int pageShift() {
    return pageShift;
  }

  /** Returns the 64-bit words of a frame. */
  public int wordsPerPage() {
    return 1 << wordShift;
  }

  int wordShift() {
    return wordShift;
  }

  private int index(int frame, int word) {
    assert exists(frame) : "frame " + frame + " of " + allFrames;
    assert word >= 0 && word >>> wordShift == 0 : "word " + word + " of a frame";
    return (frame << wordShift) + word;
  }

  /** Returns a word (opaque). */
  public long load(int frame, int word) {
    touch(frame, false);
    return (long) WORDS.getOpaque(words, index(frame, word));
  }

  /** Sets a word (opaque). */
  public void store(int frame, int word, long value) {
    touch(frame, true);
    WORDS.setOpaque(words, index(frame, word), value);
  }

  /** Adds to a word atomically and returns what it was (volatile). */
  public long getAndAdd(int frame, int word, long delta) {
    touch(frame, true);
    return (long) WORDS.getAndAdd(words, index(frame, word), delta);
  }

  /**
   * Stores the bits of a word that {@code mask} names, atomically.
   *
   * @return what the word was
   */
  public long merge(int frame, int word, long value, long mask) {
    touch(frame, true);
    int at = index(frame, word);
    while (true) {
      long old = (long) WORDS.getOpaque(words, at);
      if (WORDS.weakCompareAndSet(words, at, old, (old & ~mask) | (value & mask))) {
        return old;
      }
    }
  }

  /** Zeroes a frame. */
  public void zero(int frame) {
    touch(frame, true);
    int at = index(frame, 0);
    Arrays.fill(words, at, at + wordsPerPage(), 0);
  }

  /**
   * Zeroes part of a frame; bytes around it in the same words are kept, also against a concurrent store.
   *
   * @param from first byte
   * @param to byte after the last, at most the page size
   */
  public void zeroBytes(int frame, int from, int to) {
    touch(frame, true);
    if (from < 0 || to > pageSize() || from > to) {
      throw new IllegalArgumentException("bytes " + from + " to " + to + ": must lie in a page of " + pageSize());
    }
    int b = from;
    while (b < to) {
      int in = b & 7;
      int n = Math.min(8 - in, to - b);
      if (n == 8) {
        store(frame, b >>> 3, 0);
      } else {
        long mask = ((1L << (8 * n)) - 1) << (8 * in);
        WORDS.getAndBitwiseAnd(words, index(frame, b >>> 3), ~mask);
      }
      b += n;
    }
  }

  /** Copies one frame's bytes to another frame. */
  public void copy(int source, int destination) {
    touch(source, false);
    touch(destination, true);
    System.arraycopy(words, index(source, 0), words, index(destination, 0), wordsPerPage());
  }

  /** Returns whether every word of a frame is zero. */
  public boolean isZero(int frame) {
    touch(frame, false);
    int at = index(frame, 0);
    int end = at + wordsPerPage();
    long any = 0;
    for (int i = at; i < end; i++) {
      any |= words[i];
    }
    return any == 0;
  }

  /** Sets every word of a frame to {@code value}, to make the use of a freed frame show. */
  public void poison(int frame, long value) {
    touch(frame, true);
    int at = index(frame, 0);
    Arrays.fill(words, at, at + wordsPerPage(), value);
  }

  /** Returns a frame's identity stamp; 0 when stamps are off. */
  public long stamp(int frame) {
    touch(frame, false);
    return stamps.length == 0 ? 0 : (long) WORDS.getVolatile(stamps, frame);
  }

  /**
   * Sets a frame's identity stamp (I-42): any value that differs whenever the frame is given away. Nothing when
   * stamps are off.
   */
  public void setStamp(int frame, long stamp) {
    touch(frame, true);
    if (stamps.length != 0) {
      WORDS.setVolatile(stamps, frame, stamp);
    }
  }

  /** Copies one chunk, an eighth of a frame, out of a frame. For devices. */
  void copyChunkOut(int frame, int chunk, long[] to, int at) {
    touch(frame, false);
    int n = wordsPerPage() >>> 3;
    System.arraycopy(words, index(frame, chunk * n), to, at, n);
  }

  /** Copies one chunk, an eighth of a frame, into a frame. For devices. */
  void copyChunkIn(int frame, int chunk, long[] from, int at) {
    touch(frame, true);
    int n = wordsPerPage() >>> 3;
    System.arraycopy(from, at, words, index(frame, chunk * n), n);
  }

  @Override
  public String toString() {
    return frames + " frames of " + pageSize() + " bytes";
  }
}
