package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
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

  /** R23: a private writer copies a file page that somebody else has wired, and takes every mapping of it away. */
  @ParameterizedTest
  @MethodSource("modes")
  void d56_withStealWired_unwireMissesWhatACopyTook(Mode mode) {
    for (boolean steal : new boolean[] {false, true}) {
      World.Builder b = World.builder().mode(mode);
      try (World w = (steal ? b.defect(Defect.H_STEALWIRED) : b).build()) {
        Vnode file = file(w, 1);
        Space owner = w.space().mapFile(file, 0, 16, 1);
        Space writer = w.space().mapPrivate(file, 0, 16, 1);
        ok(owner.wire(16, 1));
        writer.write(16, 1);
        if (steal) {
          assertThrows(KernelPanic.class, () -> owner.unwire(16, 1));
        } else {
          ok(owner.unwire(16, 1));
          assertEquals(0, w.kernel().pages().queues().wireCount());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d53_withStealWired_aWiringThatFails_stillUnwiresWhatIsThere(Mode mode) {
    try (World w = World.builder().mode(mode).defect(Defect.H_STEALWIRED).build()) {
      VmObject small = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, w.pageSize()));
      Space s = w.space().mapObject(small, 0, 32, 3);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.wire(32, 3));
      assertEquals(0, w.kernel().pages().queues().wireCount());
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

  /** A wired mapping of a file of 3 pages, shared, that a fork is to copy; cut to one page and a bit. */
  private static Space truncated(World w, Vnode file) {
    Space s = w.space().mapFile(file, 0, 16, 3);
    s.write(16, 3);
    s.write(17, 4);
    ok(s.wire(16, 3));
    ok(s.inherit(16, 3, Inheritance.COPY));
    setSize(w, file, w.pageSize() + 8);
    return s;
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d59_truncationTookAWiredPage(Mode mode) {
    try (World w = world(mode)) {
      Vnode file = file(w, 3);
      Space s = truncated(w, file);
      Space child = s.fork();
      t(w, Decision.D59);
      f(w, Decision.D59);
      s.write(16, 5);
      s.write(17, 6);
      assertEquals(3, child.value(16));
      assertEquals(4, child.value(17));
      for (int type : new int[] {READ, RW}) {
        assertEquals(KernReturn.PROTECTION_FAILURE, s.fault(18, type), "the parent beyond the end");
        assertEquals(KernReturn.PROTECTION_FAILURE, child.fault(18, type), "the child beyond the end");
      }
      setSize(w, file, 3L * w.pageSize());
      assertEquals(0, s.value(18));
      assertEquals(0, child.value(18));
      s.write(18, 7);
      child.write(18, 8);
      assertEquals(7, s.value(18));
      assertEquals(8, child.value(18));
      ok(s.unwire(16, 3));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d59_aPageThatIsStillBeingRead_isNotCopied(Mode mode) {
    try (World w = world(mode)) {
      Vnode file = file(w, 3);
      Space s = truncated(w, file);
      setSize(w, file, 3L * w.pageSize());
      VmObject o = s.object(18);
      VmPage coming = w.inKernel(() -> {
        o.lock.lock();
        VmPage m = w.kernel().pages().alloc(o, 2L * w.pageSize(), AllocClass.NORMAL);
        m.handBusy("a read");
        o.lock.unlock();
        w.kernel().machine().memory().store(m.frame(), 0, 99); // whatever the frame held before
        return m;
      });
      Space child = s.fork();
      w.inKernel(() -> {
        o.lock.lock();
        w.kernel().pages().wakeup(coming, "a read");
        w.kernel().pages().free(coming);
        o.lock.unlock();
      });
      assertEquals(0, child.value(18));
      ok(s.unwire(16, 3));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d59_anAnonymousPageMissing_isNotCopied(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 1);
      ok(s.wire(16, 1));
      VmObject o = s.object(16);
      w.inKernel(() -> w.kernel().objects().ranges().remove(o, 0, w.pageSize(), false));
      Space child = s.fork();
      assertEquals(0, w.gates().count(Decision.D57, true));
      s.write(16, 1);
      assertEquals(0, child.value(16));
      ok(s.unwire(16, 1));
    }
  }
}
