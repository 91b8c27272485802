package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The second lookup, D37 to D43: what may happen to the map while a fault has let go of it. */
class FaultMapDecisionTest extends DecisionTests {
  @ParameterizedTest
  @MethodSource("modes")
  void d38_d02_d01_unmappedMeanwhile(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> s.vmspace().map().remove(s.at(16), s.at(18)));
      assertEquals(KernReturn.INVALID_ADDRESS, s.read(16));
      t(w, Decision.D38, Decision.D2);
      f(w, Decision.D1);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d38_protectedMeanwhile(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> s.vmspace().map().protect(s.at(16), s.at(17), 0, false));
      assertEquals(KernReturn.PROTECTION_FAILURE, s.read(16));
      t(w, Decision.D38);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d39a_replacedMeanwhile(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      w.gates()
          .once(
              FaultPoint.BEFORE_RELOOKUP,
              () -> s.vmspace().map().mapFixed(Mapping.anonymous(), s.at(16), s.at(18)));
      ok(s.fault(16, RW));
      ok(s.fault(17, RW));
      w.gates().reset();
      VmObject other = w.inKernel(() -> w.kernel().objects().allocate(dev.faultline.vm.object.ObjectType.SWAP,
          s.at(2)));
      Space two = w.space().mapSwap(16, 2);
      w.gates()
          .once(
              FaultPoint.BEFORE_RELOOKUP,
              () -> two.vmspace().map().mapFixed(Mapping.of(other, 0), two.at(16), two.at(18)));
      ok(two.fault(16, RW));
      t(w, Decision.D39A);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d39b_sameObjectAtAnotherOffset(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 4);
      VmObject o = s.object(16);
      w.gates()
          .once(
              FaultPoint.BEFORE_RELOOKUP,
              () -> {
                o.reference();
                s.vmspace().map().mapFixed(Mapping.of(o, s.at(2)), s.at(16), s.at(18));
              });
      ok(s.fault(16, RW));
      t(w, Decision.D39B);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d42_protectionLoweredMeanwhile(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> s.vmspace().map().protect(s.at(16), s.at(17), READ, false));
      ok(s.fault(16, RW)); // entered read-only: the store faults again, and is refused
      f(w, Decision.D41, Decision.D42);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.fault(16, RW));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d40_copyOnWriteMarkAfterTheRelookup(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapPrivate(file(w, 1), 0, 16, 1);
      ok(s.read(16)); // found below the top by a pager: marked, then looked up again
      t(w, Decision.D40, Decision.D34, Decision.D37);
    }
  }
}
