package dev.faultline.hw;

/**
 * Sees every user access at the instant of its hardware step, and makes it: a content oracle, whose own state changes
 * together with the memory.
 *
 * <p>Called under T(cpu), once the address is translated and R and M are set. Must do what the access does to {@link
 * PhysicalMemory}, and must neither block nor access through a {@link Cpu}. What it throws reaches the caller of the
 * access, with T given back.
 */
public interface AccessObserver {
  /** Loads a word and returns it. */
  long load(Cpu cpu, long va, int frame, int word);

  /** Stores a word. */
  void store(Cpu cpu, long va, int frame, int word, long value);

  /** Adds to a word atomically and returns what it was. */
  long getAndAdd(Cpu cpu, long va, int frame, int word, long delta);

  /** Stores some bytes of a word: the bits that {@code mask} names. */
  void storeBytes(Cpu cpu, long va, int frame, int word, long value, long mask);
}
