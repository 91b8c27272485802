package dev.faultline.stress.soak;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/**
 * Makes programs for the races of object chains: a few processes store to memory that they share, and one after another
 * has a child copy that memory, which ends soon. Each copy puts shadows over the shared object, each end takes the last
 * other reference to what is behind, and pages go to swap meanwhile. What such a program prints has many right answers;
 * the content oracle judges it.
 */
final class Families {
  private static final int PAGE = 4096;
  private static final long SHARED = 0x1000_0000L;
  private static final long OWN = 0x2000_0000L;
  private static final long HOARD = 0x3000_0000L;
  private static final int PAGES = 24;
  private static final int HOARD_PAGES = 64;
  private static final int MEMBERS_MAX = 3;
  private static final int PROCESSES_MAX = 40;
  private static final int DEPTH_MAX = 4;

  private final SplittableRandom r;
  private final int rounds; // (C) of a member
  private final StringBuilder sections = new StringBuilder();
  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private int made;
  private long value;

  private Families(long seed) {
    r = new SplittableRandom(seed);
    rounds = 4 + r.nextInt(12);
  }

  /** Returns the text of the program that {@code seed} stands for. */
  static String generate(long seed) {
    return new Families(seed).generate();
  }

  private String generate() {
    int members = 2 + r.nextInt(MEMBERS_MAX - 1);
    int first = ++made;
    section(first, s -> {
      s.append(map(SHARED, PAGES, "shared")).append(map(OWN, PAGES, "private"))
          .append(map(HOARD, HOARD_PAGES, "private"));
      for (int i = 0; i < PAGES; i++) {
        store(s, SHARED, i);
        store(s, OWN, i);
      }
      for (int i = 1; i < members; i++) {
        fork(s, ++made, this::member);
      }
      member(s);
    });
    while (!waiting.isEmpty()) {
      waiting.poll().run();
    }
    return "vmprogram 1\n# family\n" + sections;
  }

  /** Writes a process's commands. */
  private interface Life {
    void live(StringBuilder s);
  }

  private void section(int pid, Life life) {
    StringBuilder s = new StringBuilder();
    life.live(s);
    sections.append("process ").append(pid).append('\n').append(s);
  }

  private void fork(StringBuilder s, int pid, Life life) {
    s.append("fork ").append(pid).append('\n');
    waiting.add(() -> section(pid, life));
  }

  private static String map(long base, int pages, String kind) {
    return "mmap " + hex(base) + " " + pages * PAGE + " rw- " + kind + " anon\n";
  }

  private static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  private void store(StringBuilder s, long base, int page) {
    s.append("store ").append(hex(base + (long) page * PAGE + 8L * r.nextInt(3))).append(' ').append(++value)
        .append('\n');
  }

  private void inherit(StringBuilder s, String how) {
    s.append("minherit ").append(hex(SHARED)).append(' ').append(PAGES * PAGE).append(' ').append(how).append('\n');
  }

  /** One who stays: works on the shared memory, and now and then has a child copy it. */
  private void member(StringBuilder s) {
    for (int i = 0; i < rounds; i++) {
      if (r.nextInt(3) != 0 && made < PROCESSES_MAX) {
        inherit(s, "copy");
        fork(s, ++made, child(1));
        inherit(s, "share");
      }
      work(s, 4 + r.nextInt(12));
    }
  }

  /** One who ends soon, at times after it had children of its own: chains of shadows. */
  private Life child(int depth) {
    return s -> {
      work(s, r.nextInt(8));
      if (depth < DEPTH_MAX && made < PROCESSES_MAX && r.nextInt(3) != 0) {
        fork(s, ++made, child(depth + 1));
        work(s, r.nextInt(8));
      }
      if (r.nextInt(4) == 0) {
        s.append("sleep 1\n");
      }
    };
  }

  private void work(StringBuilder s, int commands) {
    for (int i = 0; i < commands; i++) {
      long base = r.nextInt(3) == 0 ? OWN : SHARED;
      int page = r.nextInt(PAGES);
      switch (r.nextInt(12)) {
        case 0 -> s.append("fill ").append(hex(HOARD + (long) r.nextInt(HOARD_PAGES / 2) * PAGE)).append(' ')
            .append(PAGE * (1 + r.nextInt(HOARD_PAGES / 2))).append(' ').append(value += 1 << 20).append('\n');
        case 1 -> s.append("madvise ").append(hex(base + (long) (page / 2) * PAGE)).append(' ')
            .append(PAGE * (PAGES / 2)).append(" dontneed\n");
        case 2, 3, 4, 5 -> store(s, base, page);
        case 6 -> s.append("add ").append(hex(base + (long) page * PAGE)).append(" 1\n");
        default -> s.append("load ").append(hex(base + (long) page * PAGE + 8L * r.nextInt(3))).append('\n');
      }
    }
  }
}
