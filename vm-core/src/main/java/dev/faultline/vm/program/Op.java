package dev.faultline.vm.program;

/** The commands of a process's section, each with the word that begins it and the words that follow. */
public enum Op {
  MMAP_ANON("mmap", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.PROT, Operand.SHARING, Operand.ANON),
  MMAP_FILE("mmap", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.PROT, Operand.SHARING, Operand.OF_FILE, Operand.FILE,
      Operand.FILE_OFFSET),
  MMAP_DEVICE("mmap", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.PROT, Operand.SHARING, Operand.OF_DEVICE,
      Operand.DEVICE, Operand.DEVICE_OFFSET),
  MUNMAP("munmap", Operand.PAGE_ADDRESS, Operand.LENGTH),
  MPROTECT("mprotect", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.PROT),
  MINHERIT("minherit", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.INHERITANCE),
  MADVISE("madvise", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.ADVICE),
  MLOCK("mlock", Operand.PAGE_ADDRESS, Operand.LENGTH),
  MUNLOCK("munlock", Operand.PAGE_ADDRESS, Operand.LENGTH),
  MSYNC("msync", Operand.PAGE_ADDRESS, Operand.LENGTH, Operand.SYNC_MODE),
  MINCORE("mincore", Operand.PAGE_ADDRESS, Operand.LENGTH),
  STORE("store", Operand.WORD_ADDRESS, Operand.VALUE),
  LOAD("load", Operand.WORD_ADDRESS),
  ADD("add", Operand.WORD_ADDRESS, Operand.VALUE),
  FILL("fill", Operand.WORD_ADDRESS, Operand.WORDS_LENGTH, Operand.VALUE),
  SUM("sum", Operand.WORD_ADDRESS, Operand.WORDS_LENGTH),
  TOUCH("touch", Operand.ACCESS, Operand.ADDRESS),
  FORK("fork", Operand.PROCESS),
  VFORK("vfork", Operand.PROCESS),
  EXEC("exec"),
  WAIT("wait", Operand.PROCESS),
  BARRIER("barrier", Operand.BARRIER),
  SLEEP("sleep", Operand.TICKS),
  TRUNCATE("truncate", Operand.FILE, Operand.FILE_LENGTH),
  READ("read", Operand.FILE, Operand.BYTE_OFFSET, Operand.ADDRESS, Operand.BYTES),
  WRITE("write", Operand.FILE, Operand.BYTE_OFFSET, Operand.ADDRESS, Operand.BYTES),
  IMAGE("image", Operand.PAGE_ADDRESS, Operand.STACK_TOP),
  BRK("brk", Operand.ADDRESS),
  LIMIT("limit", Operand.RESOURCE, Operand.SIZE),
  EXIT("exit");

  private final String word;
  @SuppressWarnings("ImmutableEnumChecker") // read on every command, changed by none
  private final Operand[] operands;

  Op(String word, Operand... operands) {
    this.word = word;
    this.operands = operands;
  }

  /** Returns the word that begins the command in a program's text, and names it in what the program prints. */
  public String word() {
    return word;
  }

  /** Returns whether it loads or stores one word, which is quick and common; the others are calls and loops. */
  boolean isAccess() {
    return this == STORE || this == LOAD || this == ADD || this == TOUCH;
  }

  /** Returns what follows the command's word; not to be changed. */
  Operand[] operands() {
    return operands;
  }
}
