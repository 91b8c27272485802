package dev.faultline.vm.pager;

import static dev.faultline.vm.pager.PagerWorld.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Several threads page at once, on a disk that does what the contract allows, with swap that does not suffice and
 * errors now and then.
 */
@Timeout(120)
final class PagerStressTest {
  private static final int PAGES = 40;
  private static final int WORKERS = 3;

  private PagerWorld world;
  private volatile boolean stop;

  @AfterEach
  void closeWorld() {
    world.close();
  }

  @ParameterizedTest
  @CsvSource({"FIXED,1,0", "FIXED,2,30", "FIXED,3,30", "UP,4,30"})
  void everyPageKeepsItsContents(Mode mode, long seed, int errorPercent) {
    world = PagerWorld.builder()
        .mode(mode)
        .swapPages(WORKERS * PAGES * 3 / 4)
        .filePages(WORKERS * PAGES + 8)
        .disk(DiskProfile.ADVERSARIAL)
        .build();
    PagerWorld.Running[] daemon = new PagerWorld.Running[1];
    world.pages.freeList().setDaemonStarter(() -> daemon[0] = world.startDaemon(this::daemon));
    List<PagerWorld.Running> workers = new ArrayList<>();
    for (int i = 0; i < WORKERS; i++) {
      int n = i;
      workers.add(world.start("worker" + i, () -> new Worker(n, seed * 31 + n, errorPercent).run()));
    }
    workers.forEach(PagerWorld.Running::join);
    world.disk.clearFaults();
    world.drain();
    stop = true;
    world.pages.freeList().stopDaemon();
    if (daemon[0] != null) {
      daemon[0].join();
    }
    assertThat(world.swap.freePages()).as("all objects have ended").isEqualTo(world.swap.swapPages());
  }

  private void daemon() {
    while (!stop) {
      world.pages.freeList().daemonSleep(() -> stop || world.swap.hasFinished());
      world.swap.sync();
    }
  }

  /**
   * One thread with an anonymous object and a file of its own. Swap, disk, control blocks and frames are everybody's.
   */
  private final class Worker {
    private static final int STEPS = 1500;

    private final Random random;
    private final int errorPercent;
    private final Vnode file;
    private final int fileSeed;
    private final long[] fileSeeds = new long[PAGES]; // what was stored last, 0 for what the file was made of
    private long[] seeds = new long[PAGES]; // likewise, 0 for nothing
    private VmObject anonymous;
    private final VmObject mapped;
    private long nextSeed;

    Worker(int n, long seed, int errorPercent) {
      this.random = new Random(seed);
      this.errorPercent = errorPercent;
      this.nextSeed = seed << 20;
      this.fileSeed = n;
      file = world.volume.create("file" + n, (long) PAGES * PAGE, n);
      anonymous = world.anonymous(PAGES);
      mapped = world.vnodes.objectOf(file);
    }

    void run() {
      for (int i = 0; i < STEPS; i++) {
        boolean onFile = random.nextInt(3) == 0;
        if (onFile) {
          file.lock();
        }
        VmObject o = onFile ? mapped : anonymous;
        long[] is = onFile ? fileSeeds : seeds;
        int index = random.nextInt(PAGES);
        switch (random.nextInt(8)) {
          case 0, 1 -> storeTo(o, is, index);
          case 2, 3, 4 -> launder(o, index);
          case 5 -> evictFrom(o, index);
          case 6 -> read(o, is, index);
          default -> {
            if (!onFile && random.nextInt(20) == 0) {
              newShadow();
            } else if (!onFile && random.nextInt(100) == 0) {
              newObject();
            }
          }
        }
        if (onFile) {
          file.unlock();
        }
        if (random.nextInt(1000) < errorPercent) {
          FaultMode mode = random.nextBoolean() ? FaultMode.TRANSIENT_READ : FaultMode.TRANSIENT_WRITE;
          world.disk.fail(random.nextInt((int) world.disk.blocks()), 1, mode);
        }
      }
      for (int i = 0; i < PAGES; i++) {
        file.lock();
        read(mapped, fileSeeds, i);
        file.unlock();
        read(anonymous, seeds, i);
      }
      anonymous.deallocate();
      mapped.deallocate();
    }

    /** Returns the page once it is idle, or null if there is none. */
    private VmPage idle(VmObject o, int index) {
      o.lock.lock();
      VmPage m = world.pages.lookup(o, (long) index * PAGE);
      while (m != null && m.isBusyAnyway()) {
        m.setWanted();
        world.domain.sleepQueues().sleepOn(m, o.lock, "stress");
        o.lock.lock();
        m = world.pages.lookup(o, (long) index * PAGE);
      }
      o.lock.unlock();
      return m;
    }

    private VmPage pagein(VmObject o, long[] is, int index) {
      VmPage m = idle(o, index);
      if (m != null || (is[index] == 0 && o != mapped)) {
        return m;
      }
      int from = index;
      int to = index + 1;
      while (from > 0 && index - from < 3 && world.lookup(o, from - 1) == null) {
        from--;
      }
      while (to < PAGES && to - index < 5 && world.lookup(o, to) == null) {
        to++;
      }
      PagerReturn r = world.get(o, index, from, to);
      while (r == PagerReturn.ERROR) { // transient, sooner or later
        r = world.get(o, index);
      }
      assertThat(r).as("page %d of %s", index, o).isEqualTo(PagerReturn.OK);
      return world.lookup(o, index);
    }

    private void read(VmObject o, long[] is, int index) {
      VmPage m = pagein(o, is, index);
      if (is[index] != 0) {
        world.assertContents(o, index, is[index]);
      } else if (o == mapped) {
        for (int w = 0; w < PagerWorld.WORDS; w++) {
          long offset = (long) index * PAGE + w * 8L;
          long original = Volume.word(fileSeed, (long) PAGES * PAGE, offset);
          assertThat(world.machine.memory().load(m.frame(), w)).isEqualTo(original);
        }
      }
    }

    private void storeTo(VmObject o, long[] is, int index) {
      pagein(o, is, index);
      is[index] = ++nextSeed;
      world.store(o, index, nextSeed);
    }

    private void launder(VmObject o, int index) {
      int n = 0;
      while (n < 8 && index + n < PAGES && isDirtyAndIdle(o, index + n)) {
        n++;
      }
      int[] run = new int[n];
      for (int i = 0; i < n; i++) {
        run[i] = index + i;
      }
      if (n != 0) {
        world.put(o, random.nextInt(3) == 0, run);
      }
    }

    private boolean isDirtyAndIdle(VmObject o, int index) {
      VmPage m = world.lookup(o, index);
      return m != null && !m.isBusyAnyway() && m.dirty() != 0;
    }

    private void evictFrom(VmObject o, int index) {
      for (int i = index; i < Math.min(PAGES, index + 6); i++) {
        VmPage m = world.lookup(o, i);
        if (m != null && !m.isBusyAnyway() && m.dirty() == 0) {
          world.evict(o, i);
        }
      }
    }

    /** The object gets a shadow with some pages of its own, which then absorbs it. */
    private void newShadow() {
      VmObject top = world.objects.shadow(anonymous, 0, (long) PAGES * PAGE);
      for (int i = 0; i < 5; i++) {
        int index = random.nextInt(PAGES);
        if (world.lookup(top, index) == null) {
          seeds[index] = ++nextSeed;
          world.store(top, index, nextSeed);
        }
      }
      for (int i = 0; i < PAGES && random.nextBoolean(); i++) {
        launder(top, i);
      }
      for (int i = 0; i < PAGES; i++) {
        idle(anonymous, i);
        idle(top, i);
      }
      top.lock.lock();
      top.collapse();
      top.lock.unlock();
      assertThat(top.backing()).as("collapsed").isNull();
      assertThat(top.type()).isIn(ObjectType.DEFAULT, ObjectType.SWAP);
      anonymous = top;
    }

    private void newObject() {
      anonymous.deallocate();
      anonymous = world.anonymous(PAGES);
      seeds = new long[PAGES];
    }
  }
}
