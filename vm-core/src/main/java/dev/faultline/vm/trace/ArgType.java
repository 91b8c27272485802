package dev.faultline.vm.trace;

/** What an argument of an event is: how it is printed, and what unit it has for the flight recorder. */
enum ArgType {
  /** A {@link TraceKind#code}. */
  SUBJECT,
  /** A virtual address, bytes. */
  ADDRESS,
  /** A byte offset in an object, or a length in bytes. */
  BYTES,
  COUNT,
  /** Protections, VmProt. */
  PROTECTION,
  /** A page queue, VmPage.QUEUE_*. */
  QUEUE,
  /** An ordinal of KernReturn. */
  RESULT,
  /** An ordinal of PagerReturn. */
  PAGER_RESULT,
  /** An ordinal of {@link LockMode}. */
  MODE,
  /** A strand's number. */
  STRAND,
  /** A processor's number. */
  CPU,
  /** A page table word. */
  PTE,
  /** A block of the disk. */
  BLOCK,
  /** A word of a program's memory. */
  WORD,
  /** Said by its name, or not said if it is 0. */
  FLAG,
  /** A line of the seed; 0 for none. */
  LINE
}
