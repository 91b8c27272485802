package dev.faultline.vm.detect;

import static dev.faultline.vm.base.VmProt.READ;
import static dev.faultline.vm.base.VmProt.WRITE;
import static dev.faultline.vm.detect.OracleBed.PAGE;
import static dev.faultline.vm.detect.OracleBed.WORDS;
import static dev.faultline.vm.detect.OracleBed.at;
import static dev.faultline.vm.detect.OracleBed.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.detect.OracleBed.Proc;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The oracle beside a kernel of two hundred lines that does with frames what the real one does, on real threads: where
 * that kernel is right, no finding, however the threads interleave; where it is wrong, a finding.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class ContentOracleStressTest {
  private static final int RW = READ | WRITE;
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private static final int FILE_PAGES = 4;
  private static final int SHARED = 0; // first page of each region
  private static final int PRIVATE = 8;
  private static final int GROUP = 16;
  private static final int GROUP_ANON = 24;
  private static final int THREADS = 3;

  /** What the small kernel does wrong. */
  enum Wrong {
    /** Sharers keep the file's frame when one of them gets a copy (vm-semantics 4.5 c). */
    NO_UNMAP_AT_COPY,
    /** The copy is made before the store trapped. */
    COPY_TOO_EARLY,
    /** What is past the new end of a file stays. */
    TAIL_NOT_ZEROED,
    /** Pages beyond the new end stay mapped. */
    PAGES_NOT_REMOVED,
    /** A snapshot is taken once the fork has ended. */
    SNAPSHOT_TOO_LATE,
    /** A frame is given away while a processor may use it. */
    WRONG_FRAME
  }

  /** One run. */
  private static final class SmallKernel implements AutoCloseable {
    private final OracleBed bed = new OracleBed(THREADS + 1, 256);
    private final PhysicalMemory memory = bed.machine.memory();
    private final Wrong wrong;
    private final ReentrantLock v = new ReentrantLock();
    private final List<Proc> procs = new ArrayList<>();
    private final int[] groupFrames = new int[FILE_PAGES]; // guarded by v; 0: the file's
    private final int[][] privateFrames = new int[THREADS][FILE_PAGES]; // by thread, entered under v
    private final AtomicLong accesses = new AtomicLong();
    private final AtomicReference<Throwable> death = new AtomicReference<>();
    private long length = 3 * PAGE + 20; // guarded by v
    private volatile boolean stop;

    SmallKernel(Wrong wrong) {
      this.wrong = wrong;
      bed.oracle.fileCreated("f", length, OracleBed::seeded);
      for (int n = 0; n < FILE_PAGES; n++) {
        bed.readIn(fileFrame(n), (long) n * PAGE, length);
      }
      Proc first = bed.proc(1, 0);
      first.space.mappedFile(at(SHARED), bytes(FILE_PAGES), RW, true, "f", 0);
      first.space.mappedFile(at(GROUP), bytes(FILE_PAGES), RW, false, "f", 0);
      first.space.mappedAnonymous(at(GROUP_ANON), bytes(2), RW, true);
      first.space.inheritanceSet(at(GROUP), bytes(FILE_PAGES), Inheritance.SHARE);
      procs.add(first);
      for (int t = 1; t < THREADS; t++) {
        procs.add(first.fork(t + 1, t));
      }
      for (Proc p : procs) {
        p.space.mappedFile(at(PRIVATE), bytes(FILE_PAGES), RW, false, "f", 0);
        p.enter(GROUP_ANON, groupAnonFrame(0), true).enter(GROUP_ANON + 1, groupAnonFrame(1), true);
      }
    }

    private static int fileFrame(int n) {
      return 10 + n;
    }

    private static int groupAnonFrame(int n) {
      return 20 + n;
    }

    private static int groupCopyFrame(int n) {
      return 24 + n;
    }

    private static int privateFrame(int thread, int n) {
      return 30 + thread * 10 + n;
    }

    private static int snapshotFrame(int thread, int n) {
      return 100 + thread * 10 + n;
    }

    // ---- what runs in user mode

    private void user(int me, long seed) {
      Proc p = procs.get(me);
      SplittableRandom random = new SplittableRandom(seed);
      while (!stop) {
        int word = random.nextInt(WORDS);
        int page = random.nextInt(FILE_PAGES);
        int what = random.nextInt(1000);
        int region = what % 4;
        int n = region == 0 ? SHARED + page : region == 1 ? PRIVATE + page : region == 2 ? GROUP + page : GROUP_ANON
            + page % 2;
        if (what < 940) {
          access(me, p, n, word, random.nextInt(3), random.nextLong());
        } else if (what < 970) {
          remap(me, p);
        } else {
          snapshot(me, p, random);
        }
      }
    }

    private void access(int me, Proc p, int n, int word, int op, long value) {
      long va = at(n) + 8L * word;
      for (int tries = 0; tries < 1000; tries++) {
        switch (op) {
          case 0 -> p.cpu.load(va);
          case 1 -> p.cpu.store(va, value);
          default -> p.cpu.getAndAdd(va, value);
        }
        if (p.cpu.trap() == Cpu.NONE) {
          accesses.incrementAndGet();
          return;
        }
        p.cpu.clearTrap();
        boolean store = op != 0;
        boolean early = wrong == Wrong.COPY_TOO_EARLY && store && n / 8 == PRIVATE / 8;
        if (early) {
          copySlowly(fileFrame(n & 7), privateFrame(me, n & 7));
        }
        if (store) {
          p.space.storeTrapped(va);
        }
        if (!fault(me, p, n, store, early)) {
          p.space.refused(va, store, KernReturn.PROTECTION_FAILURE, false);
          return;
        }
      }
      throw new AssertionError("no progress at page " + n);
    }

    // ---- the kernel

    private boolean fault(int me, Proc p, int n, boolean store, boolean copied) {
      v.lock();
      try {
        int page = n & 7;
        switch (n / 8) {
          case SHARED / 8 -> {
            if (isBeyond(page)) {
              return false;
            }
            p.enter(n, fileFrame(page), true);
          }
          case PRIVATE / 8 -> {
            if (privateFrames[me][page] == 0) {
              if (isBeyond(page)) {
                return false;
              }
              if (!store) {
                p.enter(n, fileFrame(page), false);
                return true;
              }
              privateFrames[me][page] = privateFrame(me, page);
              if (!copied) {
                copySlowly(fileFrame(page), privateFrame(me, page));
              }
            }
            p.enter(n, privateFrames[me][page], true);
          }
          default -> {
            if (groupFrames[page] == 0) {
              if (isBeyond(page)) {
                return false;
              }
              if (!store) {
                p.enter(n, fileFrame(page), false);
                return true;
              }
              copySlowly(fileFrame(page), groupCopyFrame(page));
              groupFrames[page] = groupCopyFrame(page);
              if (wrong != Wrong.NO_UNMAP_AT_COPY) {
                procs.forEach(q -> q.remove(n));
              }
            }
            p.enter(n, groupFrames[page], true);
          }
        }
        return true;
      } finally {
        v.unlock();
      }
    }

    private boolean isBeyond(int page) {
      return (long) page * PAGE >= (length + PAGE - 1) / PAGE * PAGE;
    }

    private void copySlowly(int from, int to) {
      for (int w = 0; w < WORDS; w++) {
        memory.store(to, w, memory.load(from, w));
        if (w == 3) {
          Strand.current().pause(200);
        }
      }
    }

    /** Maps the private region anew. */
    private void remap(int me, Proc p) {
      for (int n = 0; n < FILE_PAGES; n++) {
        p.remove(PRIVATE + n);
      }
      v.lock();
      try {
        java.util.Arrays.fill(privateFrames[me], 0);
      } finally {
        v.unlock();
      }
      if (wrong == Wrong.WRONG_FRAME && me == 0) {
        p.enter(PRIVATE, privateFrame(0, 0), false);
      }
      p.space.mappedFile(at(PRIVATE), bytes(FILE_PAGES), RW, false, "f", 0);
    }

    /** Forks with everything copied, looks at the child's memory and drops it. */
    private void snapshot(int me, Proc p, SplittableRandom random) {
      p.space.inheritanceSet(at(GROUP_ANON), bytes(2), Inheritance.COPY);
      p.space.forkBegins();
      if (wrong != Wrong.SNAPSHOT_TOO_LATE) {
        copySlowly(groupAnonFrame(0), snapshotFrame(me, 0));
        copySlowly(groupAnonFrame(1), snapshotFrame(me, 1));
      }
      SpaceWatcher space = p.space.forked(100 + me);
      if (wrong == Wrong.SNAPSHOT_TOO_LATE) {
        Strand.current().pause(200);
        copySlowly(groupAnonFrame(0), snapshotFrame(me, 0));
        copySlowly(groupAnonFrame(1), snapshotFrame(me, 1));
      }
      p.space.inheritanceSet(at(GROUP_ANON), bytes(2), Inheritance.SHARE);
      Proc child = bed.new Proc(100 + me, me, space);
      child.enter(GROUP_ANON, snapshotFrame(me, 0), true).enter(GROUP_ANON + 1, snapshotFrame(me, 1), true);
      for (int i = 0; i < 30; i++) {
        int n = GROUP_ANON + random.nextInt(2);
        if (random.nextInt(4) == 0) {
          child.add(n, random.nextInt(WORDS), 1);
        } else {
          child.load(n, random.nextInt(WORDS));
        }
      }
      child.space.dropped();
      p.dispatch();
    }

    /** Changes the file's length, and writes its last page out now and then. */
    private void truncate(long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      while (!stop) {
        v.lock();
        try {
          if (random.nextInt(3) == 0) {
            setLength(random.nextInt(FILE_PAGES * PAGE + 1));
          } else {
            int kept = (int) (length % PAGE);
            if (kept != 0) {
              memory.zeroBytes(fileFrame((int) (length / PAGE)), kept, PAGE);
            }
          }
        } finally {
          v.unlock();
        }
        Strand.current().parkNanos(random.nextInt(200_000));
      }
    }

    private void setLength(long bytes) {
      long old = length;
      bed.oracle.truncateBegins("f", bytes);
      length = bytes;
      if (bytes < old) {
        for (int page = 0; page < FILE_PAGES; page++) {
          if (isBeyond(page)) {
            removeFilePage(page);
          }
        }
        int kept = (int) (bytes % PAGE);
        if (kept != 0 && wrong != Wrong.TAIL_NOT_ZEROED) {
          memory.zeroBytes(fileFrame((int) (bytes / PAGE)), kept, PAGE);
        }
      }
      bed.oracle.truncateEnds("f", true);
    }

    private void removeFilePage(int page) {
      if (wrong == Wrong.PAGES_NOT_REMOVED) {
        return;
      }
      for (int t = 0; t < THREADS; t++) {
        procs.get(t).remove(SHARED + page);
        if (privateFrames[t][page] == 0) {
          procs.get(t).remove(PRIVATE + page);
        }
        if (groupFrames[page] == 0) {
          procs.get(t).remove(GROUP + page);
        }
      }
      memory.zero(fileFrame(page));
    }

    // ---- the run

    /** Runs for so long, or until there is a finding or somebody dies. */
    void run(long millis, long seed) {
      List<Strand> strands = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        int me = t;
        strands.add(STRANDS.start("user", () -> guarded(() -> user(me, seed * 31 + me))));
      }
      strands.add(STRANDS.start("truncator", () -> guarded(() -> truncate(seed))));
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
      while (System.nanoTime() < end && bed.findings.isEmpty() && death.get() == null) {
        Strand.current().parkNanos(1_000_000);
      }
      stop = true;
      strands.forEach(STRANDS::join);
    }

    private void guarded(Runnable body) {
      try {
        body.run();
      } catch (Throwable e) {
        death.compareAndSet(null, e);
      }
    }

    @Override
    public void close() {
      bed.close();
    }
  }

  private static void noFinding(long millis, int rounds) {
    for (int round = 0; round < rounds; round++) {
      try (SmallKernel k = new SmallKernel(null)) {
        k.run(millis, round);
        assertThat(k.death.get()).isNull();
        assertThat(k.bed.findings.list()).isEmpty();
        assertThat(k.accesses.get()).isPositive();
      }
    }
  }

  @Test
  void rightKernel_givesNoFinding() {
    noFinding(1_000, 2);
  }

  /** Many beginnings: what a group shares is copied from the file but once. */
  @Test
  void rightKernel_givesNoFinding_whenItHasJustBegun() {
    noFinding(20, 100);
  }

  @Tag("slow")
  @Test
  void rightKernel_givesNoFinding_forLong() {
    noFinding(2_000, 20);
    noFinding(20, 2_000);
  }

  @ParameterizedTest
  @EnumSource(Wrong.class)
  void wrongKernel_isFound(Wrong wrong) {
    for (int round = 0; round < 500; round++) {
      try (SmallKernel k = new SmallKernel(wrong)) {
        k.run(50, wrong.ordinal() + 100L * round);
        assertThat(k.death.get()).isNull();
        if (!k.bed.findings.isEmpty()) {
          return;
        }
      }
    }
    throw new AssertionError("not found");
  }
}
