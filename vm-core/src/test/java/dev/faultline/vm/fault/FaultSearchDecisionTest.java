package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.FaultGates.Gate;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.NamedChannel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The walk down the chain: D1 to D36 as far as no second thread of control is needed, and the waits for busy pages and
 * memory.
 */
class FaultSearchDecisionTest extends DecisionTests {
  @ParameterizedTest
  @MethodSource("modes")
  void d16a_d21_d27_firstTouchOfASwapObject(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      ok(s.read(16));
      t(w, Decision.D1, Decision.D10, Decision.D16A, Decision.D20A, Decision.D20B, Decision.D28, Decision.D29,
          Decision.D31);
      t(w, Decision.D37, Decision.D41, Decision.D42, Decision.D46, Decision.D47);
      f(w, Decision.D4, Decision.D5, Decision.D6, Decision.D7, Decision.D8, Decision.D9, Decision.D11, Decision.D17);
      f(w, Decision.D18, Decision.D19, Decision.D21, Decision.D22, Decision.D24, Decision.D25A, Decision.D25B,
          Decision.D27);
      f(w, Decision.D30, Decision.D33, Decision.D34, Decision.D38, Decision.D39A, Decision.D39B, Decision.D40,
          Decision.D43);
      f(w, Decision.D44, Decision.D48, Decision.D49, Decision.D50);
      ok(s.fault(17, RW));
      t(w, Decision.D43);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d47_aDaemonsFault_isNobodysStatistics(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      ok(s.read(16));
      World.Actor<KernReturn> a = w.start("daemon", () -> {
        KThread.current().restsOn(new NamedChannel("never", 3));
        return s.faultHere(16, READ);
      });
      assertEquals(KernReturn.SUCCESS, a.join());
      f(w, Decision.D47);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d16b_firstTouchOfADefaultObject(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 4);
      ok(s.read(16));
      t(w, Decision.D16B, Decision.D29);
      f(w, Decision.D16A, Decision.D20A, Decision.D37);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d07_lookupFails(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      assertEquals(KernReturn.INVALID_ADDRESS, s.read(99));
      t(w, Decision.D7);
      s.protect(16, 1, READ);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.fault(16, RW));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d11_residentPage(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      ok(s.read(16));
      w.gates().reset();
      ok(s.fault(16, RW));
      t(w, Decision.D11);
      f(w, Decision.D12A, Decision.D12B, Decision.D14A, Decision.D15A, Decision.D34, Decision.D37);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d34_d35_readAndCopyThroughShadows(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapSwap(16, 4);
      for (int i = 16; i < 20; i++) {
        parent.write(i, i);
      }
      Space child = parent.fork();
      w.gates().reset();
      child.write(16, 100); // shadow over the parent's object
      t(w, Decision.D34, Decision.D35, Decision.D36);
      f(w, Decision.D29, Decision.D32);
      w.gates().reset();
      assertEquals(17, child.value(17)); // read through: the placeholder goes again
      t(w, Decision.D34, Decision.D50, Decision.D3);
      f(w, Decision.D35, Decision.D41, Decision.D42);
      child.write(19, 300); // what the grandchild's copy of 16 does not hide: no bypass
      Space grandchild = child.fork();
      grandchild.write(16, 200);
      w.gates().reset();
      assertEquals(18, grandchild.value(18)); // third level
      t(w, Decision.D32);
      f(w, Decision.D28, Decision.D16B);
      assertEquals(16, parent.value(16));
      assertEquals(100, child.value(16));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d27_d30_endOfChainBelowTheTop(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapSwap(16, 4);
      parent.write(16, 1);
      Space child = parent.fork();
      child.write(16, 2);
      w.gates().reset();
      assertEquals(0, child.value(17)); // in no level: the SWAP level's page is freed, the top's is zeroed
      t(w, Decision.D27, Decision.D30, Decision.D60);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d31_preZeroedFrameIsTrusted(Mode mode) {
    try (World w = world(mode)) {
      w.inKernel(
          () -> {
            VmPage m = w.kernel().pages().freeList().takeForZeroing(4);
            w.kernel().pages().zeroFill(m);
            w.kernel().pages().freeList().giveZeroed(m);
          });
      Space s = w.space().mapZero(16, 1);
      assertEquals(0, s.value(16));
      f(w, Decision.D31);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d17_beyondTheObjectsEnd(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 2);
      Space s = w.space().mapFile(v, 0, 16, 4);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.read(18));
      t(w, Decision.D17, Decision.D8, Decision.D4);
      f(w, Decision.D3);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d12a_d13_waitsForABusyPage(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      pageOut(w, s.object(16));
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> first = w.start("first", () -> s.faultHere(16, READ));
      io.awaitArrival(10);
      w.gates().reset();
      World.Actor<KernReturn> second = w.start("second", () -> s.faultHere(16, READ));
      awaitSleeper(w, "vmpfw");
      io.release();
      assertEquals(KernReturn.SUCCESS, first.join());
      assertEquals(KernReturn.SUCCESS, second.join());
      t(w, Decision.D12A, Decision.D13, Decision.D5);
      assertEquals(5, s.value(16));
      assertEquals(1, w.kernel().events(Event.INTRANS));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d13_completionWinsTheRace(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      pageOut(w, s.object(16));
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> first = w.start("first", () -> s.faultHere(16, READ));
      io.awaitArrival(10);
      Gate unlocked = w.gates().hold(FaultPoint.AFTER_UNLOCK_THINGS);
      World.Actor<KernReturn> second = w.start("second", () -> s.faultHere(16, READ));
      unlocked.awaitArrival(10);
      io.release();
      assertEquals(KernReturn.SUCCESS, first.join());
      unlocked.release();
      assertEquals(KernReturn.SUCCESS, second.join());
      f(w, Decision.D13);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d12b_waitsForBufferIo(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 1);
      ok(s.read(16));
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      w.inKernel(
          () -> {
            o.lock.lock();
            m.addBusyCount(1, "an I/O");
            o.pipUp(1, HoldReason.TEST, "an I/O");
            o.lock.unlock();
          });
      World.Actor<KernReturn> a = w.start("faulter", () -> s.faultHere(16, READ));
      awaitSleeper(w, "vmpfw");
      w.inKernel(
          () -> {
            o.lock.lock();
            w.kernel().pages().endIo(m, "an I/O");
            o.pipDown(1, "an I/O");
            o.lock.unlock();
          });
      assertEquals(KernReturn.SUCCESS, a.join());
      t(w, Decision.D12B);
    }
  }

  private static Space cachedPage(World w) {
    Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
    ok(s.read(16));
    cache(w, s);
    return s;
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d14a_cachedPageIsReactivated(Mode mode) {
    try (World w = world(mode)) {
      Space s = cachedPage(w);
      ok(s.read(16));
      t(w, Decision.D14A);
      f(w, Decision.D14B);
      assertEquals(1, w.kernel().events(Event.REACTIVATED));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d14b_cachedPageWhileMemoryIsShort(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      ok(s.read(16));
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 3);
      awaitSleeper(w, "psleep"); // the daemon has looked, and would have taken the page from the cache queue
      cache(w, s);
      World.Actor<KernReturn> a = w.start("faulter", () -> s.faultHere(16, READ));
      // after the daemon's pass; the page was rescued from the cache queue and needs no frame
      assertEquals(KernReturn.SUCCESS, a.join());
      t(w, Decision.D14B);
      release(w, hoard);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d19_waitsForMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 1);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 1);
      World.Actor<KernReturn> a = w.start("faulter", () -> s.faultHere(16, RW));
      awaitSleeper(w, "vmwait");
      release(w, hoard);
      assertEquals(KernReturn.SUCCESS, a.join());
      t(w, Decision.D19);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d15_partiallyValidPageGoesToThePager(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapZero(16, 2);
      s.write(16, 9);
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      w.inKernel(
          () -> {
            o.lock.lock();
            w.kernel().pages().mappings().protect(m, 0);
            m.setValid(1); // the first chunk only
            o.lock.unlock();
          });
      w.gates().reset();
      assertEquals(9, s.value(16)); // a FAIL fills the rest with zeros and keeps what was valid (R37)
      t(w, Decision.D15A, Decision.D15B);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d15b_theKernelsOwnPageCountsAsFound(Mode mode) {
    try (World w = world(mode)) {
      KernelMemory kmem = w.kernel().kernelMemory();
      long va = w.inKernel(() -> kmem.alloc(kmem.kernelMap(), w.pageSize()));
      ok(w.inKernel(() -> w.kernel().kernelAccess().store(va + w.pageSize() - 8, 9)));
      VmObject o = kmem.kernelObject();
      w.inKernel(
          () -> {
            kmem.kernelMap().pageable(va, va + w.pageSize(), true);
            o.lock.lock();
            VmPage m = w.kernel().pages().lookup(o, va - KernelMemory.BASE);
            w.kernel().pages().mappings().protect(m, 0);
            m.setValid(1); // the first chunk only
            o.lock.unlock();
          });
      w.gates().reset();
      long[] value = new long[1];
      ok(w.inKernel(() -> w.kernel().kernelAccess().load(va + w.pageSize() - 8, value)));
      assertEquals(9, value[0]);
      t(w, Decision.D15A);
      f(w, Decision.D15B);
      w.inKernel(() -> kmem.free(kmem.kernelMap(), va, w.pageSize()));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d06_lastPipWakesAWaitingCollapse(Mode mode) {
    try (World w = world(mode)) {
      Space parent = w.space().mapSwap(16, 2);
      parent.write(16, 1);
      Space child = parent.fork();
      child.write(16, 2);
      Gate g = w.gates().hold(FaultPoint.BEFORE_HAS_PAGE);
      World.Actor<KernReturn> a = w.start("faulter", () -> child.faultHere(17, READ)); // pip on shadow and SWAP object
      g.awaitArrival(10);
      World.Actor<Void> b =
          w.start(
              "exit",
              () -> {
                parent.vmspace().map().remove(parent.at(16), parent.at(18)); // the shadow is the last to refer to it
                return null;
              });
      awaitSleeper(w, "objde1");
      g.release();
      assertEquals(KernReturn.SUCCESS, a.join());
      b.join();
      t(w, Decision.D6);
      assertEquals(2, child.value(16));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d02_d36_d46_withoutUnqueueing(Mode mode) {
    try (World w = World.builder().mode(mode).defect(Defect.H_NOUNQUEUE).build()) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 1);
      w.gates().reset();
      ok(s.read(16)); // claimed, and still on the active queue
      f(w, Decision.D46);
      s.write(17, 3);
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 17, o, w.pageSize());
      w.inKernel(
          () -> {
            o.lock.lock();
            w.kernel().pages().mappings().protect(m, 0);
            m.setValid(1); // to the pager, and so to a second lookup, which fails
            o.lock.unlock();
          });
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> s.vmspace().map().remove(s.at(17), s.at(18)));
      assertEquals(KernReturn.INVALID_ADDRESS, s.read(17));
      f(w, Decision.D2);
      Space child = s.fork();
      w.gates().reset();
      child.write(16, 2);
      f(w, Decision.D36);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d20a_typeReadTwice(Mode mode) {
    try (World w = World.builder().mode(mode).defect(Defect.H_TYPE2).build()) {
      Space s = w.space().mapZero(16, 1);
      ok(s.read(16));
      VmObject o = s.object(16);
      assertEquals(ObjectType.DEFAULT, o.type());
      t(w, Decision.D16B);
      f(w, Decision.D20A);
    }
  }
}
