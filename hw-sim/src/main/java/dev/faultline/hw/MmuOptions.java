package dev.faultline.hw;

/**
 * What the MMU and the shootdown machinery do beyond the plain rules, all of it allowed by {@code vm-semantics.md}
 * 6.2 and meant to be hard on a kernel.
 *
 * @param speculate HW6: the TLB loads valid entries of the current table unasked, setting R
 * @param sloppyDirty HW7: the first store through a writable TLB entry sets M in the table even if the word was
 *     cleared or write-protected meanwhile, and goes through
 * @param spurious HW4: a store through a TLB entry that is not writable faults without another look at the table
 * @param keepTlb a switch to the table that is loaded already keeps the TLB; otherwise every switch purges it (HW9)
 * @param shootDelay if positive, purges are left to an agent strand a processor, which waits up to so many
 *     nanoseconds first
 * @param shootMerge purges are left to agent strands, which do all that have come together as one
 * @param plainRmw H-PTE-RMW: the kernel may change entries by {@link PageTable.Leaf#plainSet}; the hardware
 *     itself never does
 */
public record MmuOptions(
    boolean speculate,
    boolean sloppyDirty,
    boolean spurious,
    boolean keepTlb,
    long shootDelay,
    boolean shootMerge,
    boolean plainRmw) {

  /** The plain rules. */
  public static final MmuOptions NONE = new MmuOptions(false, false, false, false, 0, false, false);

  /** Everything that a correct kernel must live with. */
  public static final MmuOptions ADVERSARIAL = new MmuOptions(true, true, true, true, 20_000, true, false);

  /** Checks the delay. */
  public MmuOptions {
    if (shootDelay < 0) {
      throw new IllegalArgumentException("shootdown delay " + shootDelay + ": must be 0 or more nanoseconds");
    }
  }

  /** Returns these options with {@link #speculate} as given. */
  public MmuOptions withSpeculate(boolean on) {
    return new MmuOptions(on, sloppyDirty, spurious, keepTlb, shootDelay, shootMerge, plainRmw);
  }

  /** Returns these options with {@link #sloppyDirty} as given. */
  public MmuOptions withSloppyDirty(boolean on) {
    return new MmuOptions(speculate, on, spurious, keepTlb, shootDelay, shootMerge, plainRmw);
  }

  /** Returns these options with {@link #spurious} as given. */
  public MmuOptions withSpurious(boolean on) {
    return new MmuOptions(speculate, sloppyDirty, on, keepTlb, shootDelay, shootMerge, plainRmw);
  }

  /** Returns these options with {@link #keepTlb} as given. */
  public MmuOptions withKeepTlb(boolean on) {
    return new MmuOptions(speculate, sloppyDirty, spurious, on, shootDelay, shootMerge, plainRmw);
  }

  /** Returns these options with {@link #shootDelay} as given. */
  public MmuOptions withShootDelay(long nanos) {
    return new MmuOptions(speculate, sloppyDirty, spurious, keepTlb, nanos, shootMerge, plainRmw);
  }

  /** Returns these options with {@link #shootMerge} as given. */
  public MmuOptions withShootMerge(boolean on) {
    return new MmuOptions(speculate, sloppyDirty, spurious, keepTlb, shootDelay, on, plainRmw);
  }

  /** Returns these options with {@link #plainRmw} as given. */
  public MmuOptions withPlainRmw(boolean on) {
    return new MmuOptions(speculate, sloppyDirty, spurious, keepTlb, shootDelay, shootMerge, on);
  }

  /** Returns whether purges are left to agent strands. */
  boolean agents() {
    return shootDelay > 0 || shootMerge;
  }
}
