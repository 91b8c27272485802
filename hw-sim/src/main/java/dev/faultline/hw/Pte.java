package dev.faultline.hw;

/**
 * The format of a page table entry: one 64-bit word, the frame's number from bit 12 up, flags below.
 *
 * <p>The hardware reads {@link #V}, {@link #W}, {@link #U} and the frame, and sets {@link #R} and {@link #M}. The
 * other bits are the kernel's.
 *
 * @see PageTable.Leaf
 */
public final class Pte {
  /** Valid: the word translates. */
  public static final long V = 0x1;

  /** Writable. Read access goes with {@link #V}. */
  public static final long W = 0x2;

  /** User: {@link Cpu}'s accesses, which are user accesses, are refused without it. */
  public static final long U = 0x4;

  /** Referenced; set by the hardware at a walk. */
  public static final long R = 0x20;

  /** Modified; set by the hardware before the first store through an entry. */
  public static final long M = 0x40;

  /** Software: wired. */
  public static final long WIRED = 0x200;

  /** Software: in use, be it valid or half removed, so that a half-removed word of frame 0 is not zero. */
  public static final long USED = 0x400;

  private static final int FRAME_SHIFT = 12;

  private Pte() {}

  /** Returns the number of the frame that {@code pte} names. */
  public static int frame(long pte) {
    return (int) (pte >>> FRAME_SHIFT);
  }

  /**
   * Returns a word that names {@code frame} with exactly the given flags.
   *
   * @param bits any of the flags above; {@link #USED} is not implied
   */
  public static long make(int frame, long bits) {
    assert frame >= 0;
    assert bits >>> FRAME_SHIFT == 0;
    return (long) frame << FRAME_SHIFT | bits;
  }

  /** Returns {@code pte} in words, as in {@code frame 7 VWURM.u}: a dot for each flag that is clear. */
  public static String toString(long pte) {
    if (pte == 0) {
      return "none";
    }
    StringBuilder s = new StringBuilder("frame ").append(frame(pte)).append(' ');
    flag(s, pte, V, 'V');
    flag(s, pte, W, 'W');
    flag(s, pte, U, 'U');
    flag(s, pte, R, 'R');
    flag(s, pte, M, 'M');
    flag(s, pte, WIRED, 'w');
    flag(s, pte, USED, 'u');
    return s.toString();
  }

  private static void flag(StringBuilder s, long pte, long bit, char name) {
    s.append((pte & bit) != 0 ? name : '.');
  }
}
