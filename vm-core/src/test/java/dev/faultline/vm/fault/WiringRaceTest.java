package dev.faultline.vm.fault;

import static dev.faultline.vm.fault.DecisionTests.RW;
import static dev.faultline.vm.fault.DecisionTests.awaitSleeper;
import static dev.faultline.vm.fault.DecisionTests.ok;
import static dev.faultline.vm.fault.DecisionTests.pageOut;
import static dev.faultline.vm.fault.DecisionTests.world;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.RegressionOf;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.scenario.FaultGates.Gate;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A Wired mapping and its unit of wire_count live and die together, whoever else is at work (R23, W1). */
@Timeout(60)
final class WiringRaceTest {
  /**
   * A wiring fails at its first page while another thread's fault, which has found the entry wired, has entered the
   * second one and not yet counted its wiring.
   */
  @RegressionOf({"R23", "a failed wiring took a unit off a page that had not got it yet"})
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void aWiringThatFails_doesNotUncountWhatAFaultHasEnteredAndNotCountedYet(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      pageOut(w, s.object(16));
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      Gate io = w.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> wirer = w.start("wirer", () -> s.vmspace().map().pageable(s.at(16), s.at(18), false));
      io.awaitArrival(10);
      Gate entered = w.gates().hold(FaultPoint.AFTER_PMAP_ENTER);
      World.Actor<KernReturn> faulter = w.start("faulter", () -> s.faultHere(17, RW));
      entered.awaitArrival(10);
      io.release();
      awaitSleeper(w, "thrd_write"); // it may unwire only when nobody is between the two
      entered.release();
      assertEquals(KernReturn.SUCCESS, faulter.join());
      assertEquals(KernReturn.FAILURE, wirer.join());
      assertEquals(0, w.kernel().pages().queues().wireCount());
      assertEquals(0, s.vmspace().pmap().wiredCount());
    }
  }

  /** mprotect to nothing takes the wirings with the mappings, so the pages may go to swap before a fork copies them. */
  @RegressionOf("fork of locked memory that had been protected and paged out")
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void lockedMemoryThatWasPagedOutBehindAProtection_isSharedByTheFork(Mode mode) {
    try (World w = world(mode)) {
      Space s = w.space().mapSwap(16, 16);
      s.write(16, 5);
      s.write(31, 6);
      VmObject o = s.object(16);
      ok(s.wire(16, 16));
      ok(s.protect(16, 16, VmProt.NONE));
      pageOut(w, o);
      ok(s.protect(16, 16, RW));
      assertEquals(6, s.value(31)); // the second page is wired again, and the first is not even resident
      Space child = s.fork();
      s.write(16, 7);
      s.write(31, 8);
      assertEquals(5, child.value(16));
      assertEquals(6, child.value(31));
      child.write(31, 9);
      assertEquals(8, s.value(31));
      ok(s.unwire(16, 16));
      assertEquals(0, w.kernel().pages().queues().wireCount());
      assertNull(w.kernel().death());
    }
  }
}
