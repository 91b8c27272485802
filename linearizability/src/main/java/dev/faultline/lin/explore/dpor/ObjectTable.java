package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Steps;
import java.util.Arrays;

/** The latest accesses to each thing, while an execution's steps are gone through. */
final class ObjectTable {
  private long[] names = new long[64]; // open addressing; 0 for none
  private int[] numbers = new int[64];
  private int count;
  private int strands;
  private int[] lastWrite = new int[16];
  private int[] acquired = new int[16]; // of the last critical section
  private int[] released = new int[16]; // -1 while it is held
  private int[] reads = new int[0]; // thing * strands + strand; since the last write
  private int[] signals = new int[0];

  void clear(int strandCount) {
    if (count > 0) {
      Arrays.fill(names, 0);
    }
    count = 0;
    strands = strandCount;
  }

  /** Returns the number of a thing. */
  int of(long name) {
    int mask = names.length - 1;
    int at = (int) ((name * 0x9E3779B97F4A7C15L) >>> 40) & mask;
    while (names[at] != 0) {
      if (names[at] == name) {
        return numbers[at];
      }
      at = (at + 1) & mask;
    }
    if (2 * count >= names.length) {
      grow();
      return of(name);
    }
    names[at] = name;
    numbers[at] = count;
    return make();
  }

  private void grow() {
    long[] oldNames = names;
    int[] oldNumbers = numbers;
    names = new long[2 * oldNames.length];
    numbers = new int[names.length];
    int mask = names.length - 1;
    for (int i = 0; i < oldNames.length; i++) {
      if (oldNames[i] != 0) {
        int at = (int) ((oldNames[i] * 0x9E3779B97F4A7C15L) >>> 40) & mask;
        while (names[at] != 0) {
          at = (at + 1) & mask;
        }
        names[at] = oldNames[i];
        numbers[at] = oldNumbers[i];
      }
    }
  }

  private int make() {
    int o = count++;
    if (o == lastWrite.length) {
      lastWrite = Arrays.copyOf(lastWrite, 2 * o);
      acquired = Arrays.copyOf(acquired, 2 * o);
      released = Arrays.copyOf(released, 2 * o);
    }
    if (reads.length < count * strands) {
      reads = Arrays.copyOf(reads, 2 * count * strands);
      signals = Arrays.copyOf(signals, reads.length);
    }
    lastWrite[o] = -1;
    acquired[o] = -1;
    released[o] = -1;
    Arrays.fill(reads, o * strands, (o + 1) * strands, -1);
    Arrays.fill(signals, o * strands, (o + 1) * strands, -1);
    return o;
  }

  /** Hands over the steps that an access conflicts with. */
  void candidates(int o, int flags, int strand, Races to) {
    if (lastWrite[o] >= 0) {
      to.candidate(lastWrite[o]);
    }
    for (int t = 0; t < strands; t++) {
      if (t != strand) {
        if ((flags & (Steps.WRITE | Steps.SIGNAL)) != 0) {
          to.candidate(reads[o * strands + t]);
        }
        if ((flags & Steps.SIGNAL) == 0) {
          to.candidate(signals[o * strands + t]);
        }
      }
    }
  }

  /** Hands over the steps that looked at a lock after it was last given back. */
  void otherThanHolders(int o, Races to) {
    for (int t = 0; t < strands; t++) {
      to.candidate(reads[o * strands + t]);
    }
    if (acquired[o] < 0) {
      to.candidate(lastWrite[o]);
    }
  }

  void accessed(int o, int flags, int strand, int step) {
    if ((flags & Steps.WRITE) != 0) {
      lastWrite[o] = step;
      Arrays.fill(reads, o * strands, (o + 1) * strands, -1);
      Arrays.fill(signals, o * strands, (o + 1) * strands, -1);
      if ((flags & Steps.ACQUIRE) != 0) {
        acquired[o] = step;
        released[o] = -1;
      }
      if ((flags & Steps.RELEASE) != 0) {
        released[o] = step;
      }
    } else if ((flags & Steps.SIGNAL) != 0) {
      signals[o * strands + strand] = step;
    } else {
      reads[o * strands + strand] = step;
    }
  }

  int acquired(int o) {
    return acquired[o];
  }

  int released(int o) {
    return released[o];
  }
}
