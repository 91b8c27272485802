package dev.faultline.vm.program;

/** What {@code madvise} may say, in the order of the words of the language. */
public enum Advice {
  NORMAL,
  RANDOM,
  SEQUENTIAL,
  WILLNEED,
  DONTNEED,
  FREE;

  private static final Advice[] VALUES = values();

  static Advice of(int ordinal) {
    return VALUES[ordinal];
  }
}
