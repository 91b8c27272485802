package dev.faultline.vm.program;

/** What a word of a command stands for: how it is checked, where {@link Command} keeps it, how it is printed. */
enum Operand {
  /** A page-aligned address; in {@link Command#address()}. */
  PAGE_ADDRESS,
  /** The address of a 64-bit word, 8-byte aligned; in {@link Command#address()}. */
  WORD_ADDRESS,
  /** Any address of user space; in {@link Command#address()}. */
  ADDRESS,
  /** The bytes of a range of pages, 1 or more; in {@link Command#length()}. */
  LENGTH,
  /** The bytes of a range of words, a multiple of 8; in {@link Command#length()}. */
  WORDS_LENGTH,
  /** The bytes of a range, 0 or more; in {@link Command#length()}. */
  BYTES,
  /** Three letters; in {@link Command#prot()} as bits of {@link dev.faultline.vm.base.VmProt}. */
  PROT,
  /** {@code private} or {@code shared}; in {@link Command#choice()}. */
  SHARING("private", "shared"),
  /** In {@link Command#choice()}, the ordinal of a {@link dev.faultline.vm.base.Inheritance}. */
  INHERITANCE("share", "copy", "none"),
  /** In {@link Command#choice()}, the ordinal of an {@link Advice}. */
  ADVICE("normal", "random", "sequential", "willneed", "dontneed", "free"),
  /** In {@link Command#choice()}, the ordinal of a {@link SyncMode}; may be left out, which is the first. */
  SYNC_MODE("sync", "async", "invalidate"),
  /** In {@link Command#choice()}, the ordinal of a {@link dev.faultline.vm.proc.ResourceLimits.Limit}. */
  RESOURCE("data", "stack", "rss", "memlock"),
  /** In {@link Command#choice()}, the ordinal of an {@link Access}. */
  ACCESS("r", "w", "x"),
  /** The fixed word {@code anon}; kept nowhere. */
  ANON("anon"),
  /** The fixed word {@code file}; kept nowhere. */
  OF_FILE("file"),
  /** The fixed word {@code device}; kept nowhere. */
  OF_DEVICE("device"),
  /** The name of a device; in {@link Command#id()} as an index of {@link VmProgram#devices()}. */
  DEVICE,
  /** A page-aligned byte offset in a device; in {@link Command#value()}. */
  DEVICE_OFFSET,
  /** The name of a file; in {@link Command#id()} as an index of {@link VmProgram#files()}. */
  FILE,
  /** A page-aligned byte offset in a file; in {@link Command#value()}. */
  FILE_OFFSET,
  /** A byte offset in a file; in {@link Command#value()}. */
  BYTE_OFFSET,
  /** The length of a file in bytes; in {@link Command#value()}. */
  FILE_LENGTH,
  /** The page-aligned address above a stack; in {@link Command#value()}. */
  STACK_TOP,
  /** A number of bytes; in {@link Command#value()}. */
  SIZE,
  /** Any 64-bit value; in {@link Command#value()}. */
  VALUE,
  /** Ticks of simulated time; in {@link Command#value()}. */
  TICKS,
  /** The pid of a process; in {@link Command#id()} as an index of {@link VmProgram#processes()}. */
  PROCESS,
  /** The name of a barrier; in {@link Command#id()} as an index of {@link VmProgram#barriers()}. */
  BARRIER;

  @SuppressWarnings("ImmutableEnumChecker") // read on every command, changed by none
  private final String[] words;

  Operand(String... words) {
    this.words = words;
  }

  /** Returns whether the word may be left out, as the last of its line; it is the first of {@link #words} then. */
  boolean isOptional() {
    return this == SYNC_MODE;
  }

  /**
   * Returns the words of which this one is, in the order of what they stand for; empty where it is a number or a name.
   */
  String[] words() {
    return words;
  }
}
