package dev.faultline.vm.trace;

/** The sorts of things that events are about. A thing's code is its kind and its number in one word. */
public enum TraceKind {
  /** Nothing, or nothing that has a name. */
  NONE("nothing", false),
  PAGE("page", true),
  OBJECT("object", true),
  MAP("map", true),
  PMAP("pmap", true),
  FILE("file", true),
  PROCESS("pid", true),
  /** A transfer between memory and disk, which whoever waits for it sleeps on. */
  TRANSFER("transfer", true),
  /** Something that is slept on and is none of the others. */
  CHANNEL("channel", true),
  /** A row of the fault handler's decision table. */
  DECISION("D", true),
  /** A word of the kernel's source: why something is slept for, which call is made. */
  WORD("word", true),
  TOKEN("token", false),
  LOCK_M("M", true),
  LOCK_V("V", true),
  LOCK_VI("VI", true),
  LOCK_O("O", true),
  LOCK_Q("Q", false),
  LOCK_OL("OL", false),
  LOCK_P("P", true),
  LOCK_PV("PV", true),
  LOCK_H("H", false),
  LOCK_F("F", false),
  LOCK_LEAF("leaf", false),
  LOCK_SWAP("S", false),
  LOCK_DISK("D", false);

  private static final int SHIFT = 56;
  private static final TraceKind[] ALL = values();

  private final String word; // (C)
  private final boolean many; // (C)

  TraceKind(String word, boolean many) {
    this.word = word;
    this.many = many;
  }

  /** Returns the code of a thing of this kind. */
  public long code(long id) {
    return (long) ordinal() << SHIFT | (id & (1L << SHIFT) - 1);
  }

  /** Returns whether this is a lock, or the kernel token. */
  public boolean isLock() {
    return ordinal() >= TOKEN.ordinal();
  }

  /** Returns the code of a thing, or of nothing. */
  static long codeOf(@org.jspecify.annotations.Nullable TraceSubject s) {
    return s == null ? 0 : s.traceKind().code(s.traceId());
  }

  static TraceKind kindOf(long code) {
    int i = (int) (code >>> SHIFT);
    return i < ALL.length ? ALL[i] : NONE;
  }

  static long idOf(long code) {
    return code & (1L << SHIFT) - 1;
  }

  /** Returns the name of a thing that has none of its own: such as {@code page 5}, {@code O(3)}, {@code Q}. */
  static String plainName(long code) {
    TraceKind k = kindOf(code);
    if (!k.many) {
      return k.word;
    }
    return k.isLock() ? k.word + "(" + idOf(code) + ")" : k.word + " " + idOf(code);
  }
}
