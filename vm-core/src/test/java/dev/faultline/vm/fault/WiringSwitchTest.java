package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.FaultGates;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.Victims;
import dev.faultline.vm.scenario.World;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What wiring's historical switches break, and what the kernel without them does (R21b, R23, R36). */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class WiringSwitchTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private static World world(Mode mode, Defect defect, boolean on) {
    World.Builder b = World.builder().mode(mode);
    b.ownership(false); // which would find some of them out before they do what is looked at here
    return (on ? b.defect(defect) : b).build();
  }

  private static int wired(World w) {
    return w.kernel().pages().queues().wireCount();
  }

  private static List<String> violations(World w, Space... spaces) {
    return w.inKernel(() -> new Invariants(KernelParts.of(w.kernel(), () -> {
      List<VmMap> maps = new ArrayList<>();
      for (Space s : spaces) {
        maps.add(s.vmspace().map());
      }
      return maps;
    })).check());
  }

  /** R23: truncation takes a wired page away; the fault that brings another one is no wiring's. */
  @ParameterizedTest
  @CsvSource({"FIXED,false", "UP,false", "FIXED,true", "UP,true"})
  void unwire0_ofAPageThatCameBackByAnOrdinaryFault(Mode mode, boolean on) {
    try (World w = world(mode, Defect.H_UNWIRE0, on)) {
      Vnode file = DecisionTests.file(w, 2);
      Space s = w.space().mapFile(file, 0, 16, 2);
      assertThat(s.wire(16, 2)).isEqualTo(KernReturn.SUCCESS);
      FaultTests.setSize(w, file, 0);
      assertThat(wired(w)).isZero();
      FaultTests.setSize(w, file, 2L * w.pageSize());
      s.write(16, 5);
      assertThat(wired(w)).isEqualTo(on ? 0 : 1);
      if (on) {
        assertThat(violations(w, s)).anyMatch(v -> v.startsWith("I-40"));
        assertThatThrownBy(() -> s.unwire(16, 2)).isInstanceOf(KernelPanic.class).hasMessageContaining("queue already");
        assertThat(wired(w)).as("the gauge").isNegative();
        return;
      }
      assertThat(violations(w, s)).isEmpty();
      assertThat(s.unwire(16, 2)).isEqualTo(KernReturn.SUCCESS);
      assertThat(wired(w)).isZero();
      assertThat(violations(w, s)).isEmpty();
    }
  }

  /** R21b: fork mlocked memory, run short of memory, let the child read. */
  @ParameterizedTest
  @CsvSource({"FIXED,false", "UP,false", "FIXED,true", "UP,true"})
  void copyentClean_losesTheChildsMemory(Mode mode, boolean on) {
    try (World w = world(mode, Defect.H_COPYENT_CLEAN, on)) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 3);
      s.write(17, 4);
      assertThat(s.wire(16, 2)).isEqualTo(KernReturn.SUCCESS);
      Space child = s.fork();
      VmObject copy = child.object(16);
      Space hog = w.space().mapZero(16, 70);
      for (int round = 0; round < 200 && w.inKernel(copy::residentPageCount) > 0; round++) {
        for (int i = 0; i < 70; i++) {
          hog.write(16 + i, 1);
        }
      }
      assertThat(w.inKernel(copy::residentPageCount)).as("pages of the child that memory was too short for").isZero();
      assertThat(List.of(child.value(16), child.value(17))).isEqualTo(on ? List.of(0L, 0L) : List.of(3L, 4L));
      assertThat(List.of(s.value(16), s.value(17))).containsExactly(3L, 4L);
      assertThat(s.unwire(16, 2)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  @ParameterizedTest
  @CsvSource({"FIXED,false", "UP,false", "FIXED,true", "UP,true"})
  void copyentMaxprot_letsTheChildStoreWhereItMustNot(Mode mode, boolean on) {
    try (World w = world(mode, Defect.H_COPYENT_MAXPROT, on)) {
      Space s = w.space().mapSwap(16, 1);
      s.write(16, 3);
      assertThat(s.wire(16, 1)).isEqualTo(KernReturn.SUCCESS);
      assertThat(s.protect(16, 1, VmProt.READ)).isEqualTo(KernReturn.SUCCESS);
      Space child = s.fork();
      long word = child.vmspace().pmap().word(child.at(16));
      assertThat((word & Pte.V) != 0).isTrue();
      assertThat((word & Pte.W) != 0).isEqualTo(on);
      if (on) {
        assertThat(violations(w, s, child)).anyMatch(v -> v.startsWith("I-35 writable"));
      } else {
        assertThat(violations(w, s, child)).isEmpty();
      }
      assertThat(child.fault(16, RW)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(s.unwire(16, 1)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  private static void awaitMemoryWait(World w, String name) {
    Awaitility.await().atMost(10, TimeUnit.SECONDS).until(() -> Victims.sleeps(w, name, "vmwait"));
  }

  /** R36, :708: wiring waits with the map read-locked; a kill ends the wait and takes the wiring back. */
  @ParameterizedTest
  @CsvSource({"FIXED,0", "UP,0", "FIXED,1", "UP,1"})
  void r36_wiringThatIsKilled_takesBackWhatItDid(Mode mode, int pagesThere) {
    try (World w = World.builder().mode(mode).build()) {
      Thresholds t = w.kernel().config().thresholds();
      Space s = w.space().mapSwap(16, 3);
      for (int i = 0; i < pagesThere; i++) {
        s.write(16 + i, 8);
      }
      VmObject hoard = DecisionTests.hoard(w, t.pageoutFreeMin() + pagesThere);
      int hoarded = wired(w);
      World.Actor<KernReturn> a =
          w.start("victim", () -> s.vmspace().map().pageable(s.at(16), s.at(19), false));
      awaitMemoryWait(w, "victim");
      assertThat(wired(w)).isEqualTo(hoarded + pagesThere);
      assertThat(w.inKernel(() -> s.vmspace().map().isIdle())).as("M is held in the wait").isFalse();
      Victims.kill(w, "victim");
      assertThat(a.join()).isEqualTo(KernReturn.RESOURCE_SHORTAGE);
      assertThat(wired(w)).isEqualTo(hoarded);
      assertThat(w.inKernel(() -> s.vmspace().map().isIdle())).isTrue();
      DecisionTests.release(w, hoard);
      assertThat(violations(w, s)).isEmpty();
      assertThat(s.unwire(16, 3)).as("no count was left").isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(s.wire(16, 3)).isEqualTo(KernReturn.SUCCESS);
      assertThat(s.value(16)).isEqualTo(pagesThere == 0 ? 0 : 8);
      assertThat(s.unwire(16, 3)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  /** With H-KILLWAIT the wiring waits on, its map locked, for memory that its own end would give back. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void r36_wiringThatIsKilled_waitsOn_withTheSwitch(Mode mode) {
    try (World w = World.builder().mode(mode).defect(Defect.H_KILLWAIT).build()) {
      Space s = w.space().mapSwap(16, 3);
      VmObject hoard = DecisionTests.hoard(w, w.kernel().config().thresholds().pageoutFreeMin());
      World.Actor<KernReturn> a =
          w.start("victim", () -> s.vmspace().map().pageable(s.at(16), s.at(19), false));
      awaitMemoryWait(w, "victim");
      long waits = w.kernel().events(Event.MEMORY_WAITS);
      Victims.kill(w, "victim");
      Awaitility.await().until(() -> w.kernel().events(Event.MEMORY_WAITS) > waits);
      assertThat(a.isDone()).isFalse();
      assertThat(w.inKernel(() -> s.vmspace().map().isIdle())).as("M is held still").isFalse();
      DecisionTests.release(w, hoard);
      assertThat(a.join()).as("as if nothing had happened").isEqualTo(KernReturn.SUCCESS);
      assertThat(s.unwire(16, 3)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  /** R36, :822: a fork copies wired memory with both maps locked; a kill ends the wait, and there is no child. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void r36_forkThatIsKilled_dropsTheHalfBuiltChild(Mode mode) {
    try (World w = World.builder().mode(mode).swapPages(0).build()) {
      Thresholds t = w.kernel().config().thresholds();
      Space s = w.space().mapSwap(16, 3);
      for (int i = 0; i < 3; i++) {
        s.write(16 + i, 3 + i);
      }
      assertThat(s.wire(16, 3)).isEqualTo(KernReturn.SUCCESS);
      int objects = w.inKernel(() -> w.kernel().objects().objectCount());
      VmObject hoard = DecisionTests.hoard(w, t.freeReserved()); // one page's copy finds a frame
      int free = w.kernel().pages().freeList().freeCount();
      World.Actor<Vmspace> a = w.start("victim", () -> s.vmspace().fork("child"));
      awaitMemoryWait(w, "victim");
      Victims.kill(w, "victim");
      assertThat(a.join()).isNull();
      assertThat(w.kernel().pages().freeList().freeCount()).isEqualTo(free);
      DecisionTests.release(w, hoard);
      assertThat(w.inKernel(() -> w.kernel().objects().objectCount())).isEqualTo(objects);
      assertThat(violations(w, s)).isEmpty();
      s.write(17, 9);
      assertThat(List.of(s.value(16), s.value(17), s.value(18))).containsExactly(3L, 9L, 5L);
      Space child = s.fork();
      assertThat(child.value(17)).isEqualTo(9);
      assertThat(s.unwire(16, 3)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  /** R15: a pager lets go of the page, and another fault claims it before the first one looks again. */
  @ParameterizedTest
  @CsvSource({"FIXED,false", "UP,false", "FIXED,true", "UP,true"})
  void r15_steal_takesAPageThatSomebodyElseOwns(Mode mode, boolean on) {
    World w = world(mode, Defect.H_STEAL, on);
    Space a = w.space().mapSwap(16, 1);
    a.write(16, 7);
    VmObject o = a.object(16);
    DecisionTests.pageOut(w, o);
    w.inKernel(o::reference);
    Space b = w.space().mapObject(o, 0, 16, 1);
    FaultGates.Gate afterIo = w.gates().hold(FaultPoint.PAGER_AFTER_IO);
    World.Actor<KernReturn> first = w.start("first", () -> a.faultHere(16, RW));
    afterIo.awaitArrival(10);
    w.inKernel(() -> { // the pager lets go
      o.lock.lock();
      w.kernel().pages().lookup(o, 0).setValid(0xff);
      w.kernel().pages().wakeup(w.kernel().pages().lookup(o, 0));
      o.lock.unlock();
    });
    FaultGates.Gate entering = w.gates().hold(FaultPoint.BEFORE_PMAP_ENTER);
    AtomicReference<Throwable> panic = new AtomicReference<>();
    World.Actor<KernReturn> second = w.start("second", () -> {
      try {
        return b.faultHere(16, RW);
      } catch (KernelPanic p) {
        panic.set(p);
        throw p;
      }
    });
    entering.awaitArrival(10); // it owns the page
    afterIo.release();
    if (on) {
      assertThat(first.join()).isEqualTo(KernReturn.SUCCESS);
      entering.release();
      assertThatThrownBy(second::join).isInstanceOf(IllegalStateException.class);
      assertThat(panic.get()).hasMessageContaining("page not busy"); // D49
      return; // not closed: the second still holds what it held
    }
    Awaitility.await().atMost(10, TimeUnit.SECONDS).until(() -> Victims.sleeps(w, "first", "vmpfw"));
    entering.release();
    assertThat(first.join()).isEqualTo(KernReturn.SUCCESS);
    assertThat(second.join()).isEqualTo(KernReturn.SUCCESS);
    assertThat(List.of(a.value(16), b.value(16))).containsExactly(7L, 7L);
    w.close();
  }
}
