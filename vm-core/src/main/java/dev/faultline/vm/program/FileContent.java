package dev.faultline.vm.program;

/**
 * What a file of a program contains at the start: the word at byte offset {@code o} of a file with seed {@code s} is
 * {@code mix64(s + o)}.
 */
public final class FileContent {
  private FileContent() {}

  /** Returns the finaliser of SplitMix64 of {@code z}. */
  public static long mix64(long z) {
    long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
    return b ^ (b >>> 31);
  }

  /**
   * Returns the word at {@code offset}, the lowest byte first in the file; bytes at or beyond {@code length} are zero.
   *
   * @param offset byte offset in the file, a multiple of 8
   */
  public static long word(long seed, long length, long offset) {
    long left = length - offset;
    if (left <= 0) {
      return 0;
    }
    long word = mix64(seed + offset);
    return left >= Long.BYTES ? word : word & ((1L << (left * Byte.SIZE)) - 1);
  }
}
