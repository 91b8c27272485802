package dev.faultline.vm.program.random;

import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * What one process does with its data segment and its stack. All of that memory is the process's own, in places where
 * nothing else of a random program is, so whatever it does has one right answer.
 */
final class SegmentCommands {
  private static final long DATA = 0x4000_0000L;
  private static final long TOP = 0x6000_0000L;
  private static final int PAGE = 4096;
  private static final int DATA_PAGES = 12;
  private static final int STACK_PAGES = 80; // some more than the stack grows by at once
  private static final long FAR = 9L << 20; // beyond the stack's limit
  private static final String[] PROTS = {"rw-", "rw-", "r--", "---"};

  private final SplittableRandom random;
  private final Consumer<String> out;

  SegmentCommands(SplittableRandom random, Consumer<String> out) {
    this.random = random;
    this.out = out;
  }

  /** Returns the command that gives a process its segments, and drops what it had. */
  static String image() {
    return "image " + hex(DATA) + " " + hex(TOP);
  }

  /** Emits a command. */
  void emit() {
    switch (random.nextInt(12)) {
      case 0, 1, 2 -> out.accept("brk " + hex(someBreak()));
      case 3 -> limit();
      case 4 -> change();
      default -> access(random.nextBoolean() ? inData() : onStack());
    }
  }

  private static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  private long someBreak() {
    return switch (random.nextInt(12)) {
      case 0 -> DATA - PAGE;
      case 1 -> DATA + (65L << 20);
      case 2 -> DATA + random.nextInt(DATA_PAGES * PAGE);
      default -> DATA + (long) PAGE * random.nextInt(DATA_PAGES + 1);
    };
  }

  private void limit() {
    boolean data = random.nextBoolean();
    long bytes = random.nextInt(3) == 0 ? 64L << 20 : random.nextLong((data ? DATA_PAGES : STACK_PAGES) * (long) PAGE);
    out.accept("limit " + (data ? "data " : "stack ") + bytes);
  }

  /** Takes something out of a segment, puts something into it, or protects some of it. */
  private void change() {
    long page = (random.nextBoolean() ? inData() : onStack()) & -PAGE;
    String range = hex(page) + " " + hex((long) PAGE * (1 + random.nextInt(3)));
    switch (random.nextInt(3)) {
      case 0 -> out.accept("munmap " + range);
      case 1 -> out.accept("mmap " + range + " " + PROTS[random.nextInt(PROTS.length)] + " private anon");
      default -> out.accept("mprotect " + range + " " + PROTS[random.nextInt(PROTS.length)]);
    }
  }

  private long inData() {
    return DATA + (long) PAGE * random.nextInt(DATA_PAGES + 1) + 8L * random.nextInt(PAGE / 8);
  }

  private long onStack() {
    return switch (random.nextInt(10)) {
      case 0 -> TOP - FAR;
      case 1, 2, 3 -> TOP - 8L * (1 + random.nextInt(STACK_PAGES * PAGE / 8));
      default -> TOP - 8L * (1 + random.nextInt(3 * PAGE / 8));
    };
  }

  private void access(long at) {
    int words = 1 + random.nextInt(PAGE / 4);
    switch (random.nextInt(6)) {
      case 0, 1 -> out.accept("store " + hex(at) + " " + random.nextInt(1000));
      case 2 -> out.accept("load " + hex(at));
      case 3 -> out.accept("add " + hex(at) + " " + random.nextInt(9));
      case 4 -> out.accept("fill " + hex(at) + " " + hex(8L * words) + " " + random.nextInt(1000));
      default -> out.accept("sum " + hex(at) + " " + hex(8L * words));
    }
  }
}
