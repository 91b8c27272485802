package dev.faultline.vm.fault;

import static dev.faultline.vm.fault.DecisionTests.READ;
import static dev.faultline.vm.fault.DecisionTests.RW;
import static dev.faultline.vm.fault.DecisionTests.awaitSleeper;
import static dev.faultline.vm.fault.DecisionTests.file;
import static dev.faultline.vm.fault.DecisionTests.hoard;
import static dev.faultline.vm.fault.DecisionTests.ok;
import static dev.faultline.vm.fault.DecisionTests.pageOut;
import static dev.faultline.vm.fault.DecisionTests.release;
import static dev.faultline.vm.fault.DecisionTests.resident;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.RegressionOf;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.scenario.FaultGates.Gate;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.function.BooleanSupplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The schedules of races of the fault handler, each with its historical switch, where it does its damage, and without,
 * where it does not: vm-semantics 5.5.
 */
@Timeout(60)
final class RaceSwitchTest {
  private static World world(Defect defect, boolean on) {
    World.Builder b = World.builder().cacheMax(0);
    return (on ? b.defect(defect) : b).build();
  }

  /** What the daemon does with a page that counts as clean. */
  private static void takeIfClean(World w, VmObject o, long offset) {
    w.inKernel(() -> {
      o.lock.lock();
      VmPage m = w.kernel().pages().lookup(o, offset);
      if (m != null) {
        w.kernel().pages().mappings().protect(m, VmProt.NONE);
        if (m.dirty() == 0) {
          w.kernel().pages().free(m);
        }
      }
      o.lock.unlock();
    });
  }

  /** A parent's page, and a child whose own object over it is a swap object that lacks the page. */
  private static Space childOverSwapTop(World w, Space parent) {
    parent.write(16, 5);
    parent.write(17, 6);
    Space child = parent.fork();
    child.write(18, 7);
    VmObject top = child.object(18);
    pageOut(w, top);
    assertThat(top.type()).isEqualTo(ObjectType.SWAP);
    return child;
  }

  /** The right to write is withdrawn between the copy and the second lookup; then the source goes, then the copy. */
  @RegressionOf("R21")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r21_cowClean_losesACopyThatNobodyDirtied(boolean on) {
    try (World w = world(Defect.H_COWCLEAN, on)) {
      Space parent = w.space().mapZero(16, 3);
      Space child = childOverSwapTop(w, parent);
      w.gates().once(
          FaultPoint.BEFORE_RELOOKUP, () -> child.vmspace().map().protect(child.at(16), child.at(17), READ, false));
      ok(child.fault(16, RW));
      parent.free(); // the child's object absorbs what was below: its own page hides the source
      assertThat(child.object(16).backing()).isNull();
      takeIfClean(w, child.object(16), 0);
      assertThat(child.value(16)).isEqualTo(on ? 0 : 5);
    }
  }

  /** One fault copies up and collapses while another holds a placeholder whose pager is about to say no. */
  @RegressionOf("R20")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r20_qcoll_takesAPlaceholderForAPage(boolean on) {
    try (World w = world(Defect.H_QCOLL, on)) {
      Space parent = w.space().mapZero(16, 3);
      Space child = childOverSwapTop(w, parent);
      VmObject top = child.object(17);
      Gate asking = w.gates().hold(FaultPoint.BEFORE_HAS_PAGE);
      World.Actor<KernReturn> slow = w.start("slow", () -> child.faultHere(17, RW));
      asking.awaitArrival(10);
      World.Actor<Void> exit = w.start("exit", () -> {
        parent.vmspace().map().remove(parent.at(16), parent.at(19));
        return null;
      });
      awaitSleeper(w, "objde1"); // the backing object has one reference, and waits for its collapse
      ok(child.fault(16, RW));
      assertThat(top.backing()).isNotNull();
      asking.release();
      assertThat(slow.join()).isEqualTo(KernReturn.SUCCESS);
      exit.join();
      assertThat(child.value(16)).isEqualTo(5);
      assertThat(child.value(17)).isEqualTo(on ? 0 : 6);
    }
  }

  /** A fault is between two levels of a chain, pinning neither, when the upper one absorbs the lower. */
  @RegressionOf("R13")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r13_pipOrder_walksOnIntoAnObjectThatIsGone(boolean on) {
    World w = world(Defect.H_PIPORDER, on);
    Space top = w.space().mapZero(16, 3);
    top.write(16, 5);
    Space middle = top.fork();
    middle.write(17, 6);
    Space bottom = middle.fork();
    bottom.write(18, 7);
    Gate first = w.gates().hold(FaultPoint.BETWEEN_LEVELS);
    World.Actor<KernReturn> walker = w.start("walker", () -> bottom.faultHere(16, READ));
    if (!on) { // there is no such place: the lower one is pinned first
      assertThat(walker.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(first.hasArrived()).isFalse();
      top.free();
      assertThat(bottom.value(16)).isEqualTo(5);
      w.close();
      return;
    }
    first.awaitArrival(10);
    Gate second = w.gates().hold(FaultPoint.BETWEEN_LEVELS);
    first.release();
    second.awaitArrival(10);
    top.free(); // the last other reference to the lowest object: its page moves up, past the walker
    second.release();
    assertThat(broken(w, walker, () -> bottom.value(16) != 5)).isTrue();
  }

  /** The daemon makes a deeper object a swap object between the two looks at its type. */
  @RegressionOf("R11")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r11_type2_goesToThePagerWithoutAPage(boolean on) {
    World w = world(Defect.H_TYPE2, on);
    Space parent = w.space().mapZero(16, 3);
    parent.write(16, 5);
    parent.write(18, 5); // shows through: the child's object is not led round the parent's
    VmObject lower = parent.object(16);
    Space child = parent.fork();
    child.write(16, 6);
    Gate top = w.gates().hold(FaultPoint.BETWEEN_TYPE_TESTS);
    World.Actor<KernReturn> walker = w.start("walker", () -> child.faultHere(17, READ));
    if (!on) { // one look: no such place
      assertThat(walker.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(top.hasArrived()).isFalse();
      w.close();
      return;
    }
    top.awaitArrival(10);
    Gate below = w.gates().hold(FaultPoint.BETWEEN_TYPE_TESTS);
    top.release();
    below.awaitArrival(10);
    assertThat(lower.type()).isEqualTo(ObjectType.DEFAULT);
    pageOut(w, lower);
    assertThat(lower.type()).isEqualTo(ObjectType.SWAP);
    below.release();
    assertThatThrownBy(walker::join).hasRootCauseInstanceOf(KernelPanic.class);
  }

  /** Memory is short, the page is cached: it is rescued, or kept busy, and others wait for it. */
  @RegressionOf("R6")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r06_cacheWait_isBusyWhileItWaitsForMemory(boolean on) {
    World w = world(Defect.H_CACHE_WAIT, on);
    Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
    ok(s.read(16));
    VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 3);
    awaitSleeper(w, "psleep");
    VmObject o = s.object(16);
    VmPage m = resident(w, s, 16, o, 0);
    cache(w, o, m);
    Gate waits = w.gates().hold(FaultPoint.BEFORE_VM_WAIT);
    World.Actor<KernReturn> faulter = w.start("faulter", () -> s.faultHere(16, READ));
    waits.awaitArrival(10);
    assertThat(m.isBusy()).isEqualTo(on);
    World.Actor<KernReturn> unmapper =
        w.start("unmapper", () -> s.vmspace().map().remove(s.at(16), s.at(17)));
    if (on) { // waits for a page whose owner waits for the memory that this very unmapping might bring
      awaitSleeper(w, "objpcn");
    } else {
      assertThat(unmapper.join()).isEqualTo(KernReturn.SUCCESS);
    }
    waits.release();
    release(w, hoard);
    assertThat(unmapper.join()).isEqualTo(KernReturn.SUCCESS);
    assertThat(faulter.join()).isEqualTo(KernReturn.INVALID_ADDRESS);
    w.close();
  }

  /** A claimed page is off the queues before its object's lock is let go, or its owner works on a queued page. */
  @RegressionOf("R6")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r06_noUnqueue_leavesAClaimedPageWhereTheScannersLook(boolean on) {
    try (World w = world(Defect.H_NOUNQUEUE, on)) {
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      ok(s.read(16));
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      cache(w, o, m);
      Gate claimed = w.gates().hold(FaultPoint.BEFORE_PMAP_ENTER);
      World.Actor<KernReturn> faulter = w.start("faulter", () -> s.faultHere(16, READ));
      claimed.awaitArrival(10);
      assertThat(m.isBusy()).isTrue();
      assertThat(m.isCached()).as("INV2, I-15").isEqualTo(on);
      claimed.release();
      assertThat(faulter.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(m.isCached()).isFalse();
    }
  }

  private static void cache(World w, VmObject o, VmPage m) {
    VmPageQueues queues = w.kernel().pages().queues();
    w.inKernel(() -> {
      o.lock.lock();
      queues.lock.lock();
      w.kernel().pages().cacheLocked(m);
      queues.lock.unlock();
      o.lock.unlock();
    });
    assertThat(m.isCached()).isTrue();
  }

  /** A process is killed while its fault waits for memory that it alone could give back. */
  @RegressionOf("5.7, killed while waiting for memory")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void killWait_goesOnWaitingForItsOwnMemory(boolean on) {
    try (World w = world(Defect.H_KILLWAIT, on)) {
      Space s = w.space().mapZero(16, 1);
      VmObject hoard = hoard(w, 2);
      World.Actor<KernReturn> victim = w.start("victim", () -> s.faultHere(16, RW));
      awaitSleeper(w, "vmwait");
      long waits = w.kernel().events(Event.MEMORY_WAITS);
      w.inKernel(() -> {
        w.kernel().domain().forEachThread(t -> {
          if (t.name().equals("victim")) {
            t.kill();
          }
        });
        w.kernel().pages().freeList().wakeWaiters();
      });
      if (on) {
        Awaitility.await().until(
            () -> w.kernel().events(Event.MEMORY_WAITS) > waits);
        assertThat(victim.isDone()).isFalse();
        release(w, hoard);
        assertThat(victim.join()).isEqualTo(KernReturn.SUCCESS);
      } else {
        assertThat(victim.join()).isEqualTo(KernReturn.RESOURCE_SHORTAGE);
        release(w, hoard);
      }
    }
  }

  /** A region is locked and its rights change while a fault on it reads: the fault looks again at both (F14b). */
  @RegressionOf("R34")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r34_wiringMeanwhile_startsTheFaultOver(boolean locked) {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(16, 2);
      Gate looking = w.gates().hold(FaultPoint.BEFORE_RELOOKUP);
      World.Actor<KernReturn> faulter = w.start("faulter", () -> s.faultHere(16, READ));
      looking.awaitArrival(10);
      World.Actor<KernReturn> wirer = null;
      if (locked) {
        wirer = w.start("wirer", () -> s.vmspace().map().pageable(s.at(16), s.at(18), false));
        awaitSleeper(w, "vmpfw"); // the counts are up, its first fault waits for the page
      }
      if (wirer != null) { // whoever of the two claims the page next keeps it until the other has met it
        Gate entering = w.gates().hold(FaultPoint.BEFORE_PMAP_ENTER);
        looking.release();
        entering.awaitArrival(10);
        awaitSleeper(w, "vmpfw");
        entering.release();
        assertThat(faulter.join()).isEqualTo(KernReturn.SUCCESS);
        assertThat(wirer.join()).isEqualTo(KernReturn.SUCCESS);
        assertThat(w.kernel().pages().queues().wireCount()).isEqualTo(2);
        ok(s.unwire(16, 2));
      } else {
        looking.release();
        assertThat(faulter.join()).isEqualTo(KernReturn.SUCCESS);
      }
      // F14b's, that of the wiring's fault on the busy page, and that of the second of them to come back to it
      assertThat(w.kernel().events(Event.FAULT_RETRIES)).isEqualTo(locked ? 3 : 0);
    }
  }

  /**
   * A pagein's thread comes back to a map that a writer waits for, behind a reader who waits for the page: a blocking
   * lock would close the circle.
   */
  @RegressionOf({"R30", "R31"})
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r30_secondLookup_neverWaitsForTheMap(boolean writer) {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      pageOut(w, s.object(16));
      Gate looking = w.gates().hold(FaultPoint.BEFORE_RELOOKUP);
      World.Actor<KernReturn> pagein = w.start("pagein", () -> s.faultHere(16, READ));
      looking.awaitArrival(10);
      Gate held = w.gates().hold(FaultPoint.BEFORE_HAS_PAGE);
      World.Actor<KernReturn> reader = w.start("reader", () -> s.faultHere(17, READ)); // holds M for reading
      held.awaitArrival(10);
      World.Actor<KernReturn> mapper = null;
      if (writer) {
        mapper = w.start("mapper", () -> s.vmspace().map().protect(s.at(17), s.at(18), READ, false));
        awaitSleeper(w, "thrd_write");
        assertThat(w.<Boolean>inKernel(() -> s.vmspace().map().tryLockRead())).as("would wait").isFalse();
      }
      looking.release();
      if (mapper != null) { // gives everything up and waits with nothing held
        awaitSleeper(w, "thrd_read");
      }
      held.release();
      assertThat(reader.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(pagein.join()).isEqualTo(KernReturn.SUCCESS);
      if (mapper != null) {
        assertThat(mapper.join()).isEqualTo(KernReturn.SUCCESS);
      }
      assertThat(s.value(16)).isEqualTo(5);
    }
  }

  /** Returns whether an actor failed, or else what {@code lost} says; the world is not used afterwards. */
  private static boolean broken(World w, World.Actor<?> a, BooleanSupplier lost) {
    try {
      a.join();
    } catch (IllegalStateException e) {
      return true;
    }
    boolean is = lost.getAsBoolean();
    return is || w.kernel().death() != null;
  }
}
