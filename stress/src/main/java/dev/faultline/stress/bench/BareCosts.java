package dev.faultline.stress.bench;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What bounds a fault from below: zeroing a page, copying a page, taking a lock that nobody else wants. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class BareCosts {
  private static final int WORDS = 4096 / Long.BYTES;
  private static final int PAGES = 2048; // as many as FaultWorld has frames

  private final long[] memory = new long[PAGES * WORDS];
  private final ReentrantLock lock = new ReentrantLock();
  private int next;
  private long value;

  private int page() {
    next = (next + 1) & (PAGES - 1);
    return next * WORDS;
  }

  /** Zeros 4 KiB. */
  @Benchmark
  public long[] zeroPage() {
    int p = page();
    Arrays.fill(memory, p, p + WORDS, 0);
    return memory;
  }

  /** Copies 4 KiB. */
  @Benchmark
  public long[] copyPage() {
    int p = page();
    System.arraycopy(memory, p, memory, p == 0 ? WORDS : 0, WORDS);
    return memory;
  }

  /** Takes and gives back a java.util.concurrent lock. */
  @Benchmark
  public long uncontendedLock() {
    lock.lock();
    try {
      return value++;
    } finally {
      lock.unlock();
    }
  }
}
