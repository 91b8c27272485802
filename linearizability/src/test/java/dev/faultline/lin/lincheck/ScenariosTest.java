package dev.faultline.lin.lincheck;

import dev.faultline.hw.Disk;
import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.hw.strand.Strand;
import dev.faultline.lin.spec.AddressSpaceSpec;
import dev.faultline.vm.map.Vmspace;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Small kernel scenarios with threads of their own, model checked whole: none fails, none hangs. Slow, as on a busy
 * machine Lincheck's watchdog of 30 s a schedule may go off with nothing wrong; see docs/lincheck.md.
 */
@Tag("slow")
class ScenariosTest {
  /**
   * Has the kernel's classes rewritten before the first scenario: here Lincheck's watchdog of 30 s cannot be changed,
   * and would count it in.
   */
  @BeforeAll
  static void rewriteClasses() {
    Lincheck.check(
        AddressSpaceTest.Space.class,
        AddressSpaceSpec.class,
        Script.of("store 0 1; fork", "store 0 2", "load 0").then("fork; store 0 3; unmap 0; map 0; protect 1 false"),
        1);
  }

  private static void together(World w, Runnable a, Runnable b) {
    Thread t = new Thread(() -> w.run(a));
    t.start();
    w.run(b);
    try {
      t.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Two threads fault on the same untouched page, store to it, and find both words there (R3). */
  private static void twoFaultersOnOnePage() {
    World w = World.boot(16);
    Spaces spaces = new Spaces(w);
    w.enter();
    Vmspace v = w.kernel.processes().newVmspace("space");
    Spaces.map(v, 0, 1);
    w.leave();
    together(w, () -> spaces.store(v, 0, 1), () -> spaces.store(v, 0, 2));
    w.run(
        () -> {
          long value = spaces.load(v, 0);
          Check.holds(value == 1 || value == 2, "both stores lost", value);
          Check.holds(w.kernel.pages().freeList().freeCount() == 15, "one page is enough");
          v.free();
          Check.holds(w.kernel.pages().freeList().freeCount() == 16, "I-7 frames lost");
        });
  }

  /** A parent stores twice while another thread forks: the child sees no second store without the first. */
  private static void storesInOrderSeenByAChild() {
    World w = World.boot(16);
    Spaces spaces = new Spaces(w);
    w.enter();
    Vmspace v = w.kernel.processes().newVmspace("space");
    Spaces.map(v, 0, 2);
    spaces.store(v, 0, 1);
    spaces.store(v, 1, 1);
    w.leave();
    together(
        w,
        () -> {
          spaces.store(v, 0, 2);
          spaces.store(v, 1, 2);
        },
        () -> {
          Vmspace child = v.fork("child");
          Check.holds(child != null, "fork failed");
          long second = spaces.load(child, 1);
          long first = spaces.load(child, 0);
          Check.holds(first >= second, "the child saw the second store and not the first", first, second);
          child.free();
        });
  }

  /** A disk with a strand of its own serves two threads; requests that overlap are done in order of submission. */
  private static void diskServesInOrder() {
    World w = World.boot(8);
    Disk disk = w.kernel.machine().disk();
    PhysicalMemory memory = w.kernel.machine().memory();
    long[] read = new long[2];
    together(
        w,
        () -> {
          memory.store(0, 0, 1);
          memory.store(1, 0, 2);
          disk.submit(request(0, 1, true));
          disk.submit(request(1, 1, true));
          DiskRequest r = request(2, 2, false);
          disk.submit(r);
          while (!r.done) {
            Strand.current().park();
          }
          read[0] = memory.load(2, 0);
          read[1] = memory.load(2, 1);
        },
        () -> {
          memory.store(3, 0, 3);
          memory.store(3, 1, 3);
          disk.submit(request(3, 2, true));
        });
    w.run(w.kernel.machine()::close);
    boolean before = read[0] == 2 && (read[1] == 0 || read[1] == 3);
    boolean after = read[0] == 3 && read[1] == 3;
    Check.holds(before || after, "read what no order gives", read[0], read[1]);
    long[] words = new long[2];
    disk.peek(0, words);
    Check.holds(words[1] == 3 && (words[0] == 2 || words[0] == 3), "wrote what no order gives", words[0], words[1]);
  }

  private static DiskRequest request(int frame, int count, boolean write) {
    Strand me = Strand.current();
    DiskRequest r = new DiskRequest();
    r.blockCount = count;
    r.write = write;
    r.frames = new int[] {frame};
    r.frameCount = 1;
    r.callback = me::unpark;
    return r;
  }

  @Test
  void theDiskServesInOrder() {
    Lincheck.modelCheckThreads(ScenariosTest::diskServesInOrder, 20);
  }

  @Test
  void twoFaultersOnOnePageShareIt() {
    Lincheck.modelCheckThreads(ScenariosTest::twoFaultersOnOnePage, 15);
  }

  @Test
  void aChildSeesStoresInOrder() {
    Lincheck.modelCheckThreads(ScenariosTest::storesInOrderSeenByAChild, 15);
  }
}
