package dev.faultline.vm.detect;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PhysicalMemory;

/**
 * One access under way: what the steps of a judgement hand to each other. One a space, used again and again by who runs
 * in it.
 */
final class Access {
  static final int LOAD = 0;
  static final int STORE = 1;
  static final int ADD = 2;

  private final int pid; // (C)
  int op;
  Cpu cpu;
  long va;
  int frame;
  int word;
  long value; // stored, or added
  long result; // loaded, where a method returns something else

  @SuppressWarnings("NullAway.Init") // set before each use
  Access(int pid) {
    this.pid = pid;
  }

  Access set(int newOp, Cpu newCpu, long newVa, int newFrame, int newWord, long newValue) {
    op = newOp;
    cpu = newCpu;
    va = newVa;
    frame = newFrame;
    word = newWord;
    value = newValue;
    return this;
  }

  int pid() {
    return pid;
  }

  String name() {
    return op == LOAD ? "load" : op == STORE ? "store" : "add";
  }

  /** Makes the access's step in memory and judges nothing. */
  long perform(PhysicalMemory memory) {
    if (op == LOAD) {
      return memory.load(frame, word);
    }
    if (op == ADD) {
      return memory.getAndAdd(frame, word, value);
    }
    memory.store(frame, word, value);
    return 0;
  }
}
