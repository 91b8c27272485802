package dev.faultline.hw;

import java.util.List;

/**
 * How a disk takes its time and in what order it works.
 *
 * @param name what the command line calls it
 * @param fixedNanos latency of every request
 * @param randomNanos more latency, from 0 to this, drawn for each request
 * @param blockNanos more latency for each block
 * @param seekNanos more latency for a seek across the whole disk; shorter ones in proportion to the distance
 * @param channels requests in service at a time, 1..64
 * @param order which of the waiting requests is taken up next; overlapping ones keep their order in any case
 * @param scatter chunks move one by one, in random order, at random instants between submission and completion,
 *     those of several requests mixed; otherwise a request's chunks move in order, just before it completes
 */
public record DiskProfile(
    String name,
    long fixedNanos,
    long randomNanos,
    long blockNanos,
    long seekNanos,
    int channels,
    Order order,
    boolean scatter) {

  /** Which of the waiting requests comes next. */
  public enum Order {
    /** The oldest. */
    FIFO,
    /** The next one upward from where the last ended, then again from the bottom. */
    ELEVATOR,
    /** Any. */
    RANDOM
  }

  /** No latency at all. */
  public static final DiskProfile ZERO = new DiskProfile("zero", 0, 0, 0, 0, 1, Order.FIFO, false);

  /** About 20 microseconds: today's fastest. */
  public static final DiskProfile FAST = new DiskProfile("fast", 15_000, 10_000, 100, 0, 16, Order.FIFO, false);

  /** About 100 microseconds, several at a time. */
  public static final DiskProfile SSD = new DiskProfile("ssd", 80_000, 40_000, 1_000, 0, 8, Order.RANDOM, false);

  /** About 12 milliseconds: an arm, a platter and an elevator, as in 1995. */
  public static final DiskProfile HDD =
      new DiskProfile("hdd", 2_000_000, 11_000_000, 100_000, 15_000_000, 1, Order.ELEVATOR, false);

  /** 50 to 100 milliseconds a request. */
  public static final DiskProfile SLOW =
      new DiskProfile("slow", 50_000_000, 50_000_000, 0, 0, 1, Order.FIFO, false);

  /** Everything that the contract allows: random order, many at a time, chunks at random instants. */
  public static final DiskProfile ADVERSARIAL =
      new DiskProfile("adversarial", 0, 100_000, 0, 0, 8, Order.RANDOM, true);

  private static final List<DiskProfile> ALL = List.of(ZERO, FAST, SSD, HDD, SLOW, ADVERSARIAL);

  /** Checks the numbers. */
  public DiskProfile {
    if (fixedNanos < 0 || randomNanos < 0 || blockNanos < 0 || seekNanos < 0) {
      throw new IllegalArgumentException("disk profile " + name + ": latencies must be 0 or more nanoseconds");
    }
    if (channels < 1 || channels > 64) {
      throw new IllegalArgumentException("disk profile " + name + ": " + channels + " channels: must be 1 to 64");
    }
  }

  /** Returns the named profiles. */
  public static List<DiskProfile> all() {
    return ALL;
  }

  /**
   * Returns the profile of that name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those that there are
   */
  public static DiskProfile parse(String name) {
    for (DiskProfile p : ALL) {
      if (p.name.equals(name)) {
        return p;
      }
    }
    StringBuilder names = new StringBuilder();
    for (DiskProfile p : ALL) {
      names.append(names.length() == 0 ? "" : ", ").append(p.name);
    }
    throw new IllegalArgumentException("disk profile " + name + ": must be one of " + names);
  }

  /** Returns whether no request ever waits for time to pass. */
  boolean immediate() {
    return fixedNanos == 0 && randomNanos == 0 && blockNanos == 0 && seekNanos == 0;
  }
}
