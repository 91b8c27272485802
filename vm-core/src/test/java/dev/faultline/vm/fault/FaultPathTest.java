package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.FaultMode;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The paths that one thread takes by itself: P1, P4 to P15, P22, P23 and P25. */
final class FaultPathTest extends PathTests {
  private static final int SEED = 7;

  private static long events(World w, Event e) {
    return w.kernel().events(e);
  }

  private static int free(World w) {
    return w.kernel().pages().freeList().freeCount();
  }

  private static int frame(Space s, int page) {
    return s.vmspace().pmap().extract(s.at(page));
  }

  private static boolean writable(Space s, int page) {
    return (s.vmspace().pmap().word(s.at(page)) & Pte.W) != 0;
  }

  private static long original(World w, int page) {
    return Volume.word(SEED, Long.MAX_VALUE, (long) page * w.pageSize());
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p01_residentAndOwned(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      int frame = frame(s, 16);
      record(w);
      assertThat(s.value(16)).isEqualTo(5);
      takes("P1 read", w);
      assertThat(writable(s, 16)).isTrue();
      record(w);
      s.write(16, 6);
      takes("P1 write", w);
      assertThat(s.value(16)).isEqualTo(6);
      assertThat(frame(s, 16)).isEqualTo(frame);
      assertThat(events(w, Event.SOFT_FAULTS)).isEqualTo(3);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p04_firstTouchOfBreakMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 4);
      record(w);
      s.write(16, 3);
      takes("P4 brk, the frame is zeroed now", w);
      assertThat(s.object(16).type()).isEqualTo(ObjectType.DEFAULT);
      w.inKernel(() -> {
        VmPage m = w.kernel().pages().freeList().takeForZeroing(4);
        w.kernel().pages().zeroFill(m);
        w.kernel().pages().freeList().giveZeroed(m);
      });
      record(w);
      assertThat(s.value(17)).isZero();
      takes("P4 brk, the frame was zeroed before", w);
      assertThat(events(w, Event.ZFOD)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p04_firstTouchAfterAForkOfUntouchedMemory(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      Space child = parent.fork();
      record(w);
      child.write(16, 4);
      takes("P4 by the child of a fork", w);
      assertThat(child.object(16).backing()).isNull();
      assertThat(parent.value(16)).isZero();
      assertThat(parent.object(16)).isNotSameAs(child.object(16));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p05_firstTouchThroughThreeLevels(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      parent.write(17, 1);
      Space child = parent.fork();
      child.write(18, 2);
      Space grandchild = child.fork();
      grandchild.write(19, 3);
      VmObject top = grandchild.object(16);
      assertThat(top.backing().backing().backing()).isNull();
      int before = free(w);
      record(w);
      assertThat(grandchild.value(16)).isZero();
      takes("P5 n = 3", w);
      assertThat(free(w)).as("one placeholder for the whole chain").isEqualTo(before - 1);
      assertThat(resident(w, grandchild, 16, top, 0)).isNotNull();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p06_childReadsItsParentsPage(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      parent.write(16, 1);
      Space child = parent.fork();
      record(w);
      assertThat(child.value(16)).isEqualTo(1);
      takes("P6 it has written nothing yet", w);
      child.write(17, 2); // makes it a shadow
      int before = free(w);
      record(w);
      assertThat(child.value(16)).isEqualTo(1);
      takes("P6 it has written before", w);
      assertThat(frame(child, 16)).isEqualTo(frame(parent, 16));
      assertThat(writable(child, 16)).isFalse();
      assertThat(free(w)).as("the placeholder went back").isEqualTo(before);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p07_childWrites(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      parent.write(16, 1);
      parent.write(17, 2);
      Space child = parent.fork();
      assertThat(parent.value(16)).isEqualTo(1);
      record(w);
      child.write(16, 10);
      takes("P7", w);
      assertThat(events(w, Event.COW_FAULTS)).isEqualTo(1);
      assertThat(frame(parent, 16)).as("every mapping of the old page is gone").isNegative();
      assertThat(parent.value(16)).isEqualTo(1);
      assertThat(child.value(16)).isEqualTo(10);
      assertThat(child.object(16).backing()).as("tried, but the parent has it, too").isSameAs(parent.object(16));
      assertThat(events(w, Event.COLLAPSES) + events(w, Event.BYPASSES)).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p08_childWritesAfterItsParentsExit(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      parent.write(16, 1);
      parent.write(17, 2);
      Space child = parent.fork();
      parent.free();
      int before = free(w);
      record(w);
      child.write(16, 10);
      takes("P8 the child's first store", w);
      assertThat(events(w, Event.COLLAPSES)).isEqualTo(1);
      VmObject top = child.object(16);
      assertThat(top.backing()).isNull();
      assertThat(free(w)).as("the copy took one, the collapse gave the old page back").isEqualTo(before);
      assertThat(resident(w, child, 17, top, w.pageSize())).as("merged into it").isNotNull();
      assertThat(child.value(16)).isEqualTo(10);
      assertThat(child.value(17)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p08_childThatHasAShadow_isMergedAtTheExit(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 4);
      parent.write(16, 1);
      parent.write(17, 2);
      Space child = parent.fork();
      child.write(16, 10);
      parent.free();
      assertThat(events(w, Event.COLLAPSES)).isEqualTo(1);
      record(w);
      child.write(17, 20);
      takes("P8 the child had written before the exit", w);
      assertThat(child.value(16)).isEqualTo(10);
      assertThat(child.value(17)).isEqualTo(20);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p09_pagedOutPrivatePage(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      s.write(16, 5);
      pageOut(w, s.object(16));
      assertThat(frame(s, 16)).isNegative();
      record(w);
      assertThat(s.value(16)).isEqualTo(5);
      takes("P9", w);
      assertThat(events(w, Event.HARD_FAULTS)).isEqualTo(1);
      assertThat(events(w, Event.SWAPPGSIN)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p10_swapTopWithoutData_pageBelow(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 2);
      parent.write(16, 1);
      parent.write(17, 2);
      Space child = parent.fork();
      child.write(16, 10);
      VmObject top = child.object(16);
      pageOut(w, top);
      assertThat(top.type()).isEqualTo(ObjectType.SWAP);
      long pageins = events(w, Event.SWAPIN);
      record(w);
      assertThat(child.value(17)).isEqualTo(2);
      takes("P10", w);
      assertThat(events(w, Event.SWAPIN)).isEqualTo(pageins);
      assertThat(writable(child, 17)).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p11_fileReadWithNeighbours(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapFile(file(w, 20), 0, 16, 20);
      record(w);
      assertThat(s.value(26)).isEqualTo(original(w, 10));
      takes("P11", w);
      assertThat(events(w, Event.VNODEIN)).isEqualTo(1);
      assertThat(events(w, Event.VNODEPGSIN)).as("3 behind, 4 ahead").isEqualTo(8);
      VmObject o = s.object(26);
      for (int page = 6; page <= 15; page++) {
        VmPage m = resident(w, s, 26, o, s.at(page));
        assertThat(m != null).as("page %d", page).isEqualTo(page >= 7 && page <= 14);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p12_partOfAFilesPage(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 1);
      Space s = w.space().mapFile(v, 0, 16, 1);
      VmObject o = s.object(16);
      FileBlocks blocks = new FileBlocks(w.kernel().buffers(), w.kernel().vnodePager(), w.pageSize());
      w.inKernel(() -> { // a write(2) of the first chunk, not on the disk yet
        v.lock();
        try {
          assertThat(blocks.write(o, v, 0, 8, new long[] {99}, null)).isEqualTo(FileBlocks.Outcome.DONE);
        } finally {
          v.unlock();
        }
      });
      VmPage m = resident(w, s, 16, o, 0);
      assertThat(m.valid()).isEqualTo(1);
      record(w);
      assertThat(s.value(16)).as("what was written").isEqualTo(99);
      takes("P12", w);
      assertThat(resident(w, s, 16, o, 0)).isSameAs(m);
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(w.kernel().machine().memory().load(m.frame(), 1)).as("what was read").isEqualTo(Volume.word(SEED,
          Long.MAX_VALUE, 8));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p13_holeOfAFile(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 1);
      setSize(w, v, 4L * w.pageSize());
      Space shared = w.space().mapFile(v, 0, 16, 4);
      record(w);
      assertThat(shared.value(18)).isZero();
      takes("P13 shared mapping", w);
      assertThat(resident(w, shared, 18, shared.object(18), shared.at(2))).isNotNull();
      Space copy = w.space().mapPrivate(v, 0, 16, 4);
      record(w);
      assertThat(copy.value(19)).isZero();
      takes("P13 private mapping", w);
      assertThat(resident(w, copy, 19, copy.object(19), copy.at(3))).as("in its own object").isNotNull();
      assertThat(resident(w, shared, 19, shared.object(19), shared.at(3))).as("in the file").isNull();
      assertThat(events(w, Event.VNODEIN)).isZero();
      assertThat(events(w, Event.ZFOD)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p14_beyondTheEndOfAFile(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 4);
      Space shared = w.space().mapFile(v, 0, 16, 4);
      Space copy = w.space().mapPrivate(v, 0, 16, 4);
      setSize(w, v, 2L * w.pageSize());
      int before = free(w);
      record(w);
      assertThat(shared.read(18)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      takes("P14 shared mapping", w);
      record(w);
      assertThat(copy.fault(18, RW)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      takes("P14 private mapping", w);
      assertThat(free(w)).isEqualTo(before);
      setSize(w, v, 4L * w.pageSize());
      ok(copy.fault(18, RW)); // nothing was left busy
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p15_diskErrorOfAUser(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      int before = free(w);
      record(w);
      assertThat(s.read(16)).isEqualTo(KernReturn.FAILURE);
      takes("P15 user", w);
      assertThat(free(w)).isEqualTo(before);
      w.kernel().machine().disk().clearFaults();
      assertThat(s.value(16)).isEqualTo(original(w, 0));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p15_diskErrorInTheKernelsMap(Mode mode) {
    try (World w = world(mode)) {
      VmMap kernel = w.kernel().kernelMemory().kernelMap();
      Vnode v = file(w, 1);
      VmObject o = w.inKernel(() -> w.kernel().vnodePager().objectOf(v));
      long va = w.inKernel(() -> kernel.findAnywhere(Mapping.of(o, 0), kernel.min(), w.pageSize()));
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      long[] value = {1};
      record(w);
      ok(w.inKernel(() -> w.kernel().kernelAccess().load(va, value)));
      takes("P15 kernel", w);
      assertThat(value[0]).as("as if the page were absent").isZero();
      w.inKernel(() -> kernel.remove(va, va + w.pageSize()));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p22_devicePage(Mode mode) {
    try (World w = World.builder().mode(mode).deviceFrames(4).build()) {
      Device device = w.kernel().devicePager().create("frame buffer", 1, 2);
      w.kernel().machine().memory().store(device.frame(1), 0, 77);
      VmObject o = w.inKernel(() -> w.kernel().devicePager().objectOf(device));
      Space s = w.space().mapObject(o, 0, 16, 2);
      int before = free(w);
      record(w);
      assertThat(s.value(17)).isEqualTo(77);
      takes("P22", w);
      VmPage m = resident(w, s, 17, o, w.pageSize());
      assertThat(m.isFictitious()).as("substituted by the pager").isTrue();
      assertThat(m.frame()).isEqualTo(device.frame(1)).isEqualTo(frame(s, 17));
      assertThat(free(w)).as("the faulter's own page went back").isEqualTo(before);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p23_shareMap_bothSidesWrite(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapZero(16, 2);
      parent.write(16, 1);
      Space copy = parent.fork(); // parent's entry needs a copy from here on
      ok(parent.inherit(16, 2, Inheritance.SHARE));
      Space sharer = parent.fork();
      VmObject old = parent.object(16);
      record(w);
      sharer.write(16, 2);
      takes("P23 first to write", w);
      VmObject top = sharer.object(16);
      assertThat(top).isNotSameAs(old);
      assertThat(parent.object(16)).as("one shadow for both, made in the share map").isSameAs(top);
      record(w);
      parent.write(16, 3);
      takes("P23 second to write", w);
      assertThat(sharer.value(16)).isEqualTo(3);
      assertThat(copy.value(16)).isEqualTo(1);
      assertThat(frame(parent, 16)).isEqualTo(frame(sharer, 16));
      assertThat(events(w, Event.COW_FAULTS)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p25_firstTouchOfAnonymousMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      record(w);
      assertThat(s.value(16)).isZero();
      takes("P25 read", w);
      record(w);
      s.write(17, 2);
      takes("P25 write", w);
      assertThat(events(w, Event.ZFOD)).isEqualTo(2);
      assertThat(events(w, Event.HARD_FAULTS)).isZero();
      assertThat(writable(s, 16)).isTrue();
    }
  }
}
