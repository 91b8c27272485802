package dev.faultline.vm.detect;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * One access under way: what the steps of a judgement hand to each other. One a space, used again and again by who runs
 * in it.
 */
final class Access {
  static final int LOAD = 0;
  static final int STORE = 1;
  static final int ADD = 2;
  /** A store of some bytes of a word: as an add, it leaves a value that depends on what was there. */
  static final int MERGE = 3;

  private final int pid; // (C)
  int op;
  @Nullable Cpu cpu; // null: the kernel, for a read or a write of a file
  long va; // or the offset in the file
  int frame;
  int word;
  long value; // stored, or added
  long mask; // of a merge: the bits of value that are stored
  long result; // loaded, where a method returns something else

  Access(int pid) {
    this.pid = pid;
  }

  Access set(int newOp, @Nullable Cpu newCpu, long newVa, int newFrame, int newWord, long newValue) {
    op = newOp;
    cpu = newCpu;
    va = newVa;
    frame = newFrame;
    word = newWord;
    value = newValue;
    return this;
  }

  Access setMerge(@Nullable Cpu newCpu, long newVa, int newFrame, int newWord, long newValue, long newMask) {
    mask = newMask;
    return set(MERGE, newCpu, newVa, newFrame, newWord, newValue);
  }

  int pid() {
    return pid;
  }

  String name() {
    String name = op == LOAD ? "load" : op == ADD ? "add" : "store";
    return cpu != null ? name : op == LOAD ? "read" : "write";
  }

  /** Returns what an add or a merge leaves where {@code old} was. */
  long after(long old) {
    return op == ADD ? old + value : (old & ~mask) | (value & mask);
  }

  /** Makes the access's step in memory and judges nothing. */
  long perform(PhysicalMemory memory) {
    if (op == LOAD) {
      return memory.load(frame, word);
    }
    if (op == ADD) {
      return memory.getAndAdd(frame, word, value);
    }
    if (op == MERGE) {
      return memory.merge(frame, word, value, mask);
    }
    memory.store(frame, word, value);
    return 0;
  }
}
