package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The pager step and the read-ahead window: D18 to D27 with data, D48, D60 to D78. */
class FaultPagerDecisionTest extends DecisionTests {
  @ParameterizedTest
  @MethodSource("modes")
  void d22_d73_fileWithNeighbours(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapFile(file(w, 20), 0, 16, 20);
      ok(s.read(26)); // the tenth page
      t(w, Decision.D18, Decision.D21, Decision.D22, Decision.D48, Decision.D65, Decision.D67, Decision.D71,
          Decision.D73);
      t(w, Decision.D74, Decision.D75);
      f(w, Decision.D23, Decision.D60, Decision.D61, Decision.D62, Decision.D63, Decision.D64, Decision.D66,
          Decision.D67);
      f(w, Decision.D68, Decision.D69, Decision.D70, Decision.D71, Decision.D72, Decision.D74, Decision.D75,
          Decision.D76);
      assertEquals(8, w.kernel().events(Event.VNODEPGSIN));
      assertEquals(1, w.kernel().events(Event.VNODEIN));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d61_d65_edgesOfAFile(Mode mode) {
    try (World w = world(mode)) {
      Space one = w.space().mapFile(file(w, 1), 0, 16, 1);
      ok(one.read(16));
      t(w, Decision.D61);
      Space s = w.space().mapFile(file(w, 20), 0, 16, 20);
      ok(s.read(16)); // the first page
      f(w, Decision.D65);
      t(w, Decision.D63);
      w.gates().reset();
      ok(s.read(35)); // the last page
      t(w, Decision.D62);
      w.gates().reset();
      ok(s.read(22)); // pages 0 to 4 are there, 5 behind is not
      t(w, Decision.D68);
      w.gates().reset();
      ok(s.read(30)); // 16 to 19 are there: 15 ahead of 14, and then no more
      t(w, Decision.D72);
      Space low = w.space().mapFile(w.inKernel(() -> w.kernel().volume().create("low", 20L * w.pageSize(), 1)), 0, 16,
          20);
      w.gates().reset();
      ok(low.read(18)); // the window behind reaches offset 0
      t(w, Decision.D69);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d64_d73_memoryTooShortForNeighbours(Mode mode) {
    try (World w = world(mode)) {
      int reserved = w.kernel().config().thresholds().freeReserved();
      Space s = w.space().mapFile(file(w, 20), 0, 16, 20);
      VmObject hoard = hoard(w, reserved + 4);
      ok(s.read(26));
      t(w, Decision.D64);
      release(w, hoard);
      VmObject second = hoard(w, reserved + 9); // one for the page itself, seven for its neighbours, and one too few
      w.gates().reset();
      ok(s.read(20));
      f(w, Decision.D64, Decision.D73);
      release(w, second);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d76_d77_d78_neighboursAllocationFails(Mode mode) {
    AtomicInteger failAt = new AtomicInteger(-1);
    try (World w =
        World.builder().mode(mode).allocationFaults((thread, c) -> failAt.get() >= 0
            && failAt.getAndDecrement() == 0).build()) {
      Space s = w.space().mapFile(file(w, 20), 0, 16, 20);
      failAt.set(2); // the page itself, one before it, and then no more
      ok(s.read(26));
      t(w, Decision.D76, Decision.D77, Decision.D78);
      f(w, Decision.D78);
      w.gates().reset();
      failAt.set(5); // the page, its three before, one after
      ok(s.read(32));
      t(w, Decision.D76);
      f(w, Decision.D77);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d23_pagerLostThePage(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 1);
      Space s = w.space().mapFile(v, 0, 16, 1);
      VmObject o = s.object(16);
      w.gates()
          .once(
              FaultPoint.PAGER_AFTER_IO,
              () -> {
                o.lock.lock();
                VmPage m = w.kernel().pages().lookup(o, 0);
                w.kernel().pages().freeBusy(m);
                o.lock.unlock();
              });
      ok(s.read(16));
      t(w, Decision.D23);
      assertEquals(1, w.kernel().events(Event.FAULT_RETRIES));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d24_d25a_d26_diskError(Mode mode) {
    try (World w = world(mode)) {
      Vnode v = file(w, 1);
      Space s = w.space().mapFile(v, 0, 16, 1);
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      assertEquals(KernReturn.FAILURE, s.read(16));
      t(w, Decision.D24, Decision.D25A, Decision.D26);
      w.kernel().machine().disk().clearFaults();
      ok(s.read(16)); // nothing was left busy
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d25a_diskErrorInTheKernelsMapCountsAsAbsence(Mode mode) {
    try (World w = world(mode)) {
      VmMap kernel = w.kernel().kernelMemory().kernelMap();
      Vnode v = file(w, 1);
      VmObject o = w.inKernel(() -> w.kernel().vnodePager().objectOf(v));
      long va = w.inKernel(() -> kernel.findAnywhere(Mapping.of(o, 0), kernel.min(), w.pageSize()));
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      long[] value = {1};
      ok(w.inKernel(() -> w.kernel().kernelAccess().load(va, value)));
      assertEquals(0, value[0]);
      t(w, Decision.D24);
      f(w, Decision.D25A);
      w.inKernel(() -> kernel.remove(va, va + w.pageSize()));
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d25b_d26_pagerSaysBad(Mode mode) {
    try (World w = world(mode)) {
      StubPager pager = new StubPager(w);
      pager.answer = PagerReturn.BAD;
      Space s = pager.space(4);
      assertEquals(KernReturn.PROTECTION_FAILURE, s.read(16));
      t(w, Decision.D25B);
      f(w, Decision.D26);
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void d66_d70_pagerPromisesMoreThanTheObjectHas(Mode mode) {
    try (World w = world(mode)) {
      StubPager pager = new StubPager(w);
      pager.before = 3;
      pager.after = 4;
      Space s = pager.space(4);
      ok(s.read(17));
      t(w, Decision.D66, Decision.D70);
    }
  }
}
