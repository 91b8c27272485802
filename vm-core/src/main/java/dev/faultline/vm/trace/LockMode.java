package dev.faultline.vm.trace;

/** How a lock is held. */
public enum LockMode {
  EXCLUSIVE(""),
  READ("read"),
  WRITE("write");

  private static final LockMode[] ALL = values();

  private final String word; // (C)

  LockMode(String word) {
    this.word = word;
  }

  static String word(long ordinal) {
    return ordinal >= 0 && ordinal < ALL.length ? ALL[(int) ordinal].word : "?";
  }
}
