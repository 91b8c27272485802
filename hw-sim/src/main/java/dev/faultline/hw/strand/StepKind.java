package dev.faultline.hw.strand;

/**
 * What a strand is about to do at a schedule point. Each is a place where an exploring engine may switch to another
 * strand.
 */
public enum StepKind {
  /** Acquires a {@link StrandLock}. */
  LOCK,
  /** Has released a {@link StrandLock}. */
  UNLOCK,
  /** Tries a {@link StrandLock} without waiting. */
  TRY_LOCK,
  /** Goes to sleep on a channel. */
  SLEEP,
  /** Wakes the sleepers of a channel. */
  WAKEUP,
  /** Reads or changes a shared word that no lock guards. */
  ATOMIC,
  /** Reads a shared word that no lock guards, and changes nothing. */
  READ,
  /** Loads or stores through a simulated MMU. */
  ACCESS,
  /** Reads or changes a page table entry. */
  PTE,
  /** Purges a processor's TLB. */
  SHOOT,
  /** Queues a disk request. */
  DISK_SUBMIT,
  /** Moves one chunk between disk and frame. */
  DISK_TRANSFER,
  /** Completes a disk request. */
  DISK_COMPLETE,
  /** Reads or moves simulated time. */
  CLOCK,
  /** Offers the processor to others, holding nothing. */
  YIELD,
  /** Takes or gives up a simulated processor. */
  CPU
}
