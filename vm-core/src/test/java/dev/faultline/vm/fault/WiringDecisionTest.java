package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Wiring, unwiring and the copy of wired memory: D9, D44, D45, D51 to D59. */
class WiringDecisionTest extends DecisionTests {
  @ParameterizedTest
  @MethodSource("modes")
  void d09_d44_d45_d51_d55_wireAndUnwire(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      ok(s.wire(16, 2));
      t(w, Decision.D9, Decision.D44, Decision.D45, Decision.D51, Decision.D52A);
      f(w, Decision.D51, Decision.D52B, Decision.D53);
      assertEquals(2, w.kernel().pages().queues().wireCount());
      ok(s.unwire(16, 2));
      t(w, Decision.D55);
      f(w, Decision.D55, Decision.D56);
      assertEquals(0, w.kernel().pages().queues().wireCount());
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d53_d54_wiringFails(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      s.protect(16, 1, READ);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.wire(16, 1));
      t(w, Decision.D53);
      f(w, Decision.D54);
      VmObject small = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, w.pageSize()));
      s.mapObject(small, 0, 32, 2);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.wire(32, 2)); // the second page is beyond the object's end
      t(w, Decision.D54);
      assertEquals(0, w.kernel().pages().queues().wireCount());
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d20b_d45_changeWiringOnAnUnwiredEntry(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      ok(w.inKernel(() -> w.kernel().fault().fault(s.vmspace().map(), s.at(16), RW, true)));
      f(w, Decision.D20B, Decision.D45);
      t(w, Decision.D44);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d52b_wiringWaitsForMemory(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().pageoutFreeMin());
      World.Actor<KernReturn> a =
          w.start("wirer", () -> s.vmspace().map().pageable(s.at(16), s.at(17), false));
      awaitSleeper(w, "vmwait");
      release(w, hoard);
      assertEquals(KernReturn.SUCCESS, a.join());
      t(w, Decision.D52B);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d56_unwireSkipsWhatIsNotThere(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      ok(s.wire(16, 1));
      VmObject o = s.object(16);
      w.inKernel(() -> w.kernel().objects().ranges().remove(o, 0, w.pageSize(), false)); // takes the wiring along
      assertEquals(0, w.kernel().pages().queues().wireCount());
      ok(s.unwire(16, 1));
      t(w, Decision.D56);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d57_d58_forkCopiesWiredMemory(Mode mode) {
    AtomicInteger fail = new AtomicInteger();
    try (World w =
        World.builder().mode(mode).allocationFaults((thread, c) -> fail.getAndDecrement() == 1).build()) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 3);
      ok(s.wire(16, 2));
      fail.set(1); // the first copy finds no memory, and waits for the daemon's pass
      Space child = s.fork();
      t(w, Decision.D57, Decision.D58);
      f(w, Decision.D57, Decision.D58, Decision.D59);
      s.write(16, 4);
      assertEquals(3, child.value(16));
      ok(s.unwire(16, 2));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d59_wiredPageMissing(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      ok(s.wire(16, 1));
      VmObject o = s.object(16);
      w.inKernel(() -> w.kernel().objects().ranges().remove(o, 0, w.pageSize(), false));
      assertThrows(KernelPanic.class, s::fork);
      t(w, Decision.D59);
    }
  }
}
