package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.scenario.FaultGates.Gate;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldReason;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The paths on which a fault meets somebody else, or wires: P2, P3, P16 to P21 and P24. */
final class FaultPathRaceTest extends PathTests {
  private static final String FAULTER = "faulter";

  /** Maps two pages of a SWAP object whose data is in swap alone: 5 and 6. */
  private static Space pagedOut(World w) {
    Space s = w.space().mapSwap(16, 2);
    s.write(16, 5);
    s.write(17, 6);
    pageOut(w, s.object(16));
    return s;
  }

  private static World.Actor<KernReturn> fault(World w, Space s, int type) {
    return w.start(FAULTER, () -> s.faultHere(16, type));
  }

  private static int free(World w) {
    return w.kernel().pages().freeList().freeCount();
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p02_waitsForAPageThatIsReadFromSwap(Mode mode) {
    try (World w = world(mode)) {
      Space s = pagedOut(w);
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> first = w.start("first", () -> s.faultHere(16, READ));
      io.awaitArrival(10);
      record(w);
      World.Actor<KernReturn> second = fault(w, s, READ);
      awaitSleeper(w, "vmpfw");
      io.release();
      ok(first.join());
      ok(second.join());
      takes("P2 read from swap by another thread", w, FAULTER);
      assertThat(s.value(16)).isEqualTo(5);
      assertThat(w.kernel().events(Event.INTRANS)).isEqualTo(1);
      assertThat(w.kernel().events(Event.HARD_FAULTS)).isEqualTo(1);
      assertThat(w.kernel().events(Event.FAULT_RETRIES)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p02_waitsForAPageThatABufferWrites(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 1);
      s.write(16, 5);
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      w.inKernel(() -> {
        o.lock.lock();
        m.addBusyCount(1, "an I/O");
        o.pipUp(1, HoldReason.TEST, "an I/O");
        o.lock.unlock();
      });
      record(w);
      World.Actor<KernReturn> a = fault(w, s, READ);
      awaitSleeper(w, "vmpfw");
      w.inKernel(() -> {
        o.lock.lock();
        w.kernel().pages().endIo(m, "an I/O");
        o.pipDown(1, "an I/O");
        o.lock.unlock();
      });
      ok(a.join());
      takes("P2 under I/O of a buffer", w, FAULTER);
      assertThat(s.value(16)).isEqualTo(5);
      assertThat(w.kernel().events(Event.INTRANS)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p03_completionWinsTheRace(Mode mode) {
    try (World w = world(mode)) {
      Space s = pagedOut(w);
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> first = w.start("first", () -> s.faultHere(16, READ));
      io.awaitArrival(10);
      Gate unlocked = w.gates().hold(FaultPoint.AFTER_UNLOCK_THINGS);
      record(w);
      World.Actor<KernReturn> second = fault(w, s, READ);
      unlocked.awaitArrival(10);
      io.release();
      ok(first.join());
      unlocked.release();
      ok(second.join());
      takes("P3", w, FAULTER);
      assertThat(s.value(16)).isEqualTo(5);
      assertThat(w.kernel().events(Event.INTRANS)).as("nobody slept").isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p16_noMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 1);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 1);
      record(w);
      World.Actor<KernReturn> a = fault(w, s, RW);
      awaitSleeper(w, "vmwait");
      release(w, hoard);
      ok(a.join());
      takes("P16", w, FAULTER);
      assertThat(w.kernel().events(Event.MEMORY_WAITS)).isPositive();
      assertThat(s.value(16)).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p17_cachedPage_memoryTight(Mode mode) {
    try (World w = World.builder().mode(mode).ownership(false).build()) { // the test's hold outlives its thread
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      long value = s.value(16);
      VmPage m = resident(w, s, 16, s.object(16), 0);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 3);
      awaitSleeper(w, "psleep"); // the daemon has looked, and would have taken the page from the cache queue
      cache(w, s);
      w.inKernel(() -> w.kernel().pages().queues().addHold(m, 1)); // however often the daemon passes, it stays
      record(w);
      World.Actor<KernReturn> a = fault(w, s, READ);
      ok(a.join()); // after the daemon's pass; the page was rescued from the cache queue and needs no frame
      takes("P17", w, FAULTER);
      assertThat(w.kernel().events(Event.MEMORY_WAITS)).isEqualTo(1);
      assertThat(resident(w, s, 16, s.object(16), 0)).as("rescued").isSameAs(m);
      w.inKernel(() -> w.kernel().pages().queues().addHold(m, -1));
      release(w, hoard);
      assertThat(s.value(16)).isEqualTo(value);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p18_unmappedDuringPagein(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space();
      int before = free(w);
      s.mapSwap(16, 2).write(16, 5);
      pageOut(w, s.object(16));
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      record(w);
      World.Actor<KernReturn> a = fault(w, s, READ);
      io.awaitArrival(10);
      s.unmap(16, 2);
      io.release();
      assertThat(a.join()).isEqualTo(KernReturn.INVALID_ADDRESS);
      takes("P18", w, FAULTER);
      assertThat(free(w)).as("the fault's reference was the object's last").isEqualTo(before);
      assertThat(s.vmspace().pmap().extract(s.at(16))).isNegative();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p19_anotherObjectMappedDuringPagein(Mode mode) {
    try (World w = world(mode)) {
      Space s = pagedOut(w);
      VmObject other = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.SWAP, s.at(2)));
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      record(w);
      World.Actor<KernReturn> a = fault(w, s, READ);
      io.awaitArrival(10);
      s.mapObject(other, 0, 16, 2);
      io.release();
      ok(a.join());
      takes("P19 another object", w, FAULTER);
      assertThat(s.value(16)).isZero();
      assertThat(resident(w, s, 16, other, 0)).isNotNull();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p19_anotherPartOfTheFileMappedDuringPagein(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapFile(file(w, 2), 0, 16, 1);
      VmObject o = s.object(16);
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      record(w);
      World.Actor<KernReturn> a = fault(w, s, READ);
      io.awaitArrival(10);
      w.inKernel(() -> {
        o.reference();
        ok(s.vmspace().map().mapFixed(Mapping.of(o, s.at(1)), s.at(16), s.at(17)));
      });
      io.release();
      ok(a.join());
      takes("P19 same file, another offset", w, FAULTER);
      assertThat(s.value(16)).isEqualTo(Volume.word(7, Long.MAX_VALUE, w.pageSize()));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p20_protectionLoweredDuringPagein(Mode mode) {
    try (World w = world(mode)) {
      Space s = pagedOut(w);
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      record(w);
      World.Actor<KernReturn> a = fault(w, s, RW);
      io.awaitArrival(10);
      ok(s.protect(16, 1, READ));
      io.release();
      ok(a.join());
      takes("P20", w, FAULTER);
      assertThat(s.vmspace().pmap().word(s.at(16)) & Pte.W).isZero();
      assertThat(s.fault(16, RW)).as("the store again").isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(s.value(16)).isEqualTo(5);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p21_wire(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 2);
      record(w);
      ok(s.wire(16, 2));
      takes("P21 two pages", w);
      assertThat(w.kernel().pages().queues().wireCount()).isEqualTo(2);
      assertThat(s.vmspace().pmap().word(s.at(17)) & Pte.W).isNotZero();
      record(w);
      ok(s.unwire(16, 2));
      takes("P21 unwire them", w);
      assertThat(w.kernel().pages().queues().wireCount()).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p21_wire_failsInTheMiddle(Mode mode) {
    try (World w = world(mode)) {
      VmObject small = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, w.pageSize()));
      Space s = w.space().mapObject(small, 0, 16, 2);
      record(w);
      assertThat(s.wire(16, 2)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      takes("P21 fails at the second", w);
      assertThat(w.kernel().pages().queues().wireCount()).isZero();
      s.write(16, 1);
      assertThat(resident(w, s, 16, small, 0).isActive()).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p24_forkOfWiredMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 2);
      s.write(16, 3);
      ok(s.wire(16, 2));
      record(w);
      Space child = s.fork();
      takes("P24 two pages", w);
      assertThat(child.vmspace().pmap().extract(s.at(16))).isNotNegative().isNotEqualTo(s.vmspace().pmap()
          .extract(s.at(16)));
      s.write(16, 4);
      assertThat(child.value(16)).isEqualTo(3);
      assertThat(w.kernel().pages().queues().wireCount()).as("a wiring is not inherited").isEqualTo(2);
      ok(s.unwire(16, 2));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void p24_forkOfWiredMemory_waitsForMemory(Mode mode) {
    AtomicInteger fail = new AtomicInteger();
    try (World w =
        World.builder().mode(mode).allocationFaults((thread, c) -> fail.getAndDecrement() == 1).build()) {
      Space s = w.space().mapZero(16, 1);
      s.write(16, 3);
      ok(s.wire(16, 1));
      fail.set(1);
      record(w);
      Space child = s.fork();
      takes("P24 no memory at first", w);
      assertThat(child.value(16)).isEqualTo(3);
      assertThat(w.kernel().events(Event.MEMORY_WAITS)).isEqualTo(1);
      ok(s.unwire(16, 1));
    }
  }
}
