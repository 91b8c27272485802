package dev.faultline.vm.pager;

import static dev.faultline.vm.pager.PagerWorld.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
final class SwapPagerTest {
  private PagerWorld world;

  @AfterEach
  void closeWorld() {
    if (world != null) {
      world.close();
    }
  }

  private PagerWorld boot(PagerWorld.Builder b) {
    world = b.build();
    return world;
  }

  private static PagerWorld.Builder with(Mode mode) {
    return PagerWorld.builder().mode(mode);
  }

  private static int[] range(int from, int to) {
    return IntStream.range(from, to).toArray();
  }

  /** An object whose pages [0, n) lie on swap, one record after the other, and are not resident. */
  private VmObject swappedOut(int n) {
    VmObject o = world.anonymous(n);
    for (int i = 0; i < n; i++) {
      world.store(o, i, i);
    }
    for (int i = 0; i < n; i += 8) {
      world.putOk(o, range(i, Math.min(n, i + 8)));
    }
    world.evict(o, 0, n);
    return o;
  }

  // ---------------------------------------------------------------------------------------------------- there and back

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void whatIsPutAndEvicted_comesBack(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(8);
    VmPage m = world.store(o, 3, 42);
    assertThat(world.has(o, 3)).isFalse();
    world.putOk(o, 3);
    assertThat(o.type()).isEqualTo(ObjectType.SWAP);
    assertThat(m.dirty()).isZero();
    assertThat(world.has(o, 3)).isTrue();
    assertThat(world.has(o, 4)).isFalse();
    world.evict(o, 3);
    assertThat(world.get(o, 3)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 3, 42);
    assertThat(world.lookup(o, 3).dirty()).isZero();
    assertThat(world.events(Event.SWAPOUT)).isOne();
    assertThat(world.events(Event.SWAPPGSOUT)).isOne();
    assertThat(world.events(Event.SWAPIN)).isOne();
    assertThat(world.events(Event.SWAPPGSIN)).isOne();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void asyncPut_staysBusyUntilSync_thenIsCleanAndWakes(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(4);
    VmPage m = world.store(o, 0, 1);
    world.mapModified(m);
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.PEND);
    assertThat(m.isBusy()).isTrue();
    assertThat(o.pip()).isOne();
    PagerWorld.Running waiter = world.start("waiter", () -> {
      o.lock.lock();
      assertThat(m.isBusy()).isTrue();
      m.setWanted();
      world.domain.sleepQueues().sleepOn(m, o.lock, "wanted");
    });
    waiter.untilAsleep("wanted");
    world.until(world.swap::hasFinished);
    assertThat(m.isBusy()).as("busy until somebody calls sync").isTrue();
    assertThat(m.dirty()).isNotZero();
    assertThat(world.daemonStarts).as("completion wakes the daemon (R10)").hasValue(1);
    world.swap.sync();
    assertThat(m.isBusy()).isFalse();
    assertThat(m.dirty()).isZero();
    assertThat(world.pages.mappings().isModified(m)).as("M cleared").isFalse();
    assertThat(m.isActive()).as("wanted, so activated").isTrue();
    assertThat(o.pip()).isZero();
    waiter.join();
    assertThat(world.swap.hasFinished()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void syncPut_finishesEarlierPageoutsFirst(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(4);
    VmPage early = world.store(o, 0, 1);
    world.store(o, 1, 2);
    world.put(o, false, 0);
    world.until(world.swap::hasFinished);
    world.putOk(o, 1);
    assertThat(early.isBusy()).isFalse();
  }

  @Test
  void writtenPage_isActivatedOnlyIfReferencedOrWanted() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(4);
    VmPage plain = world.store(o, 0, 1);
    VmPage referenced = world.store(o, 1, 1);
    referenced.setReferenced(true);
    world.put(o, false, 0, 1);
    world.drain();
    assertThat(plain.isInactive()).isTrue();
    assertThat(referenced.isActive()).isTrue();
    assertThat(referenced.isReferenced()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_ofWhatWasNeverPut_failsAndFreesTheOthers(Mode mode) {
    boot(with(mode));
    VmObject o = swappedOut(1);
    o.setSize(8 * PAGE);
    assertThat(world.get(o, 5, 3, 8)).isEqualTo(PagerReturn.FAIL);
    assertThat(o.residentPageCount()).isZero();
    VmObject never = world.anonymous(8);
    assertThat(world.get(never, 5, 3, 8)).isEqualTo(PagerReturn.FAIL);
    assertThat(never.residentPageCount()).isZero();
    Extent e = new Extent();
    e.before = 7;
    assertThat(world.defaultPager.hasPage(never, 0, e)).isFalse();
    assertThat(e.before).isZero();
  }

  // -------------------------------------------------------------------------------------------------------- clustering

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_readsTheNeighboursAndGivesThemUp(Mode mode) {
    boot(with(mode));
    VmObject o = swappedOut(8);
    assertThat(world.get(o, 3, 0, 8)).isEqualTo(PagerReturn.OK);
    assertThat(world.events(Event.SWAPIN)).isOne();
    assertThat(world.events(Event.SWAPPGSIN)).isEqualTo(8);
    for (int i = 0; i < 8; i++) {
      world.assertContents(o, i, i);
      VmPage m = world.lookup(o, i);
      assertThat(m.isBusyAnyway()).isFalse();
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(m.dirty()).isZero();
      assertThat(m.isInactive()).isEqualTo(i != 3);
    }
    assertThat(o.lastRead()).isEqualTo(7 * PAGE);
  }

  @Test
  void get_dropsTheBackwardPart_whenAccessIsSequential() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(8);
    assertThat(world.get(o, 1)).isEqualTo(PagerReturn.OK);
    assertThat(world.get(o, 3, 2, 6)).as("not the page after the last one read").isEqualTo(PagerReturn.OK);
    assertThat(o.residentPageCount()).isEqualTo(5);
    world.evict(o, 2, 6);
    assertThat(world.get(o, 2, 2, 4)).isEqualTo(PagerReturn.OK);
    world.evict(o, 2, 4);
    assertThat(o.lastRead()).isEqualTo(3 * PAGE);
    assertThat(world.get(o, 4, 2, 6)).as("sequential").isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(o, 2)).isNull();
    assertThat(world.lookup(o, 3)).isNull();
    assertThat(world.lookup(o, 5)).isNotNull();
  }

  @Test
  void hasPage_countsNeighboursInsideTheRecordOnly() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(16);
    assertThat(world.extent(o, 9).before).isEqualTo(1);
    assertThat(world.extent(o, 9).after).isEqualTo(6);
    o.lock.lock();
    world.swap.freeSpace(o, 11 * PAGE, 1);
    o.lock.unlock();
    assertThat(world.extent(o, 9).after).isEqualTo(1);
    assertThat(world.extent(o, 12).before).isZero();
    assertThat(world.has(o, 11)).isFalse();
  }

  @Test
  void noTransfer_crossesAMultipleOfDmmax() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(24); // swap pages 0..23
    assertThat(world.get(o, 15, 12, 20)).isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(o, 16)).as("16 begins a region").isNull();
    assertThat(world.lookup(o, 12)).isNotNull();
    world.evict(o, 12, 16);
    assertThat(world.get(o, 16, 12, 20)).isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(o, 15)).isNull();
    assertThat(world.lookup(o, 19)).isNotNull();
    for (int i = 12; i < 16; i++) {
      world.store(o, i, 100 + i);
    }
    for (int i = 16; i < 20; i++) {
      world.store(o, i, 100 + i);
    }
    assertThat(world.put(o, true, range(12, 20))).startsWith(
        PagerReturn.OK, PagerReturn.OK, PagerReturn.OK, PagerReturn.OK, PagerReturn.AGAIN).endsWith(PagerReturn.AGAIN);
    world.putOk(o, range(16, 20));
    world.evict(o, 12, 20);
    world.get(o, 17, 12, 20);
    world.assertContents(o, 17, 117);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void transfers_areOnePieceOfTheDisk(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(16);
    world.store(o, 8, 0);
    world.putOk(o, 8); // record 1 at swap pages 0..7
    world.store(o, 0, 0);
    world.putOk(o, 0); // record 0 at 8..15
    for (int i = 4; i < 12; i++) {
      world.store(o, i, i);
    }
    PagerReturn[] r = world.put(o, true, range(4, 12));
    assertThat(Arrays.copyOf(r, 4)).containsOnly(PagerReturn.OK);
    assertThat(Arrays.copyOfRange(r, 4, 8)).containsOnly(PagerReturn.AGAIN);
    assertThat(world.lookup(o, 7).dirty()).isZero();
    assertThat(world.lookup(o, 8).dirty()).isNotZero();
    assertThat(world.has(o, 9)).isFalse();
    assertThat(world.events(Event.SWAPPGSOUT)).isEqualTo(2 + 4);
    world.putOk(o, range(8, 12));
    world.evict(o, 4, 12);
    assertThat(world.get(o, 6, 4, 12)).isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(o, 8)).isNull();
    assertThat(world.get(o, 9, 8, 12)).isEqualTo(PagerReturn.OK);
    for (int i = 4; i < 12; i++) {
      world.assertContents(o, i, i);
    }
  }

  @Test
  void neighboursInTheRecord_mayLieApart() {
    boot(with(Mode.FIXED).swapPages(10));
    VmObject a = world.anonymous(1);
    VmObject b = world.anonymous(2);
    VmObject c = world.anonymous(1);
    for (VmObject o : new VmObject[] {a, b, c}) { // swap pages 0 to 7, 8, 9
      world.store(o, 0, 1);
      world.putOk(o, 0);
    }
    world.store(b, 1, 2);
    assertThat(world.put(b, true, 0, 1)).containsExactly(PagerReturn.OK, PagerReturn.AGAIN); // 8 and one of a's
    world.putOk(b, 1);
    assertThat(world.extent(b, 0).after).isZero();
    assertThat(world.extent(b, 1).before).isZero();
    world.evict(b, 0, 2);
    assertThat(world.get(b, 0, 0, 2)).isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(b, 1)).isNull();
    world.get(b, 1);
    world.assertContents(b, 1, 2);
  }

  @Test
  void putThroughTheDefaultPager_findsTheObjectConvertedMeanwhile() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(2);
    world.store(o, 0, 1);
    VmPage[] ms = world.claim(o, 0);
    PagerReturn[] r = new PagerReturn[1];
    o.lock.lock();
    assertThat(world.swap.convert(o)).isTrue(); // another pageout was first
    o.lock.unlock();
    world.defaultPager.putPages(o, ms, 1, false, r);
    assertThat(r).containsExactly(PagerReturn.PEND);
    world.drain();
    assertThat(world.has(o, 0)).isTrue();
  }

  // ------------------------------------------------------------------------------------------------------------ errors

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedSyncPut_leavesThePageDirtyAndWithoutABlock(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(4);
    VmPage m = world.store(o, 0, 5);
    world.disk.fail(0, 8, FaultMode.STICKY_WRITE);
    assertThat(world.put(o, true, 0)).containsExactly(PagerReturn.ERROR);
    assertThat(m.dirty()).isNotZero();
    assertThat(world.has(o, 0)).as("R39").isFalse();
    world.disk.clearFaults();
    world.putOk(o, 0);
    world.evict(o, 0);
    assertThat(world.get(o, 0)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 0, 5);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedAsyncPut_leavesThePageDirtyIdleAndActive(Mode mode) {
    boot(with(mode));
    VmObject o = world.anonymous(4);
    VmPage m = world.store(o, 0, 5);
    world.disk.fail(3, 1, FaultMode.STICKY_WRITE);
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.PEND);
    world.drain();
    assertThat(m.isBusy()).isFalse();
    assertThat(m.dirty()).isNotZero();
    assertThat(m.isActive()).isTrue();
    assertThat(o.pip()).isZero();
    assertThat(world.has(o, 0)).as("R39").isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedPut_isTriedElsewhere_asLongAsThereIsElsewhere(Mode mode) {
    boot(with(mode).swapPages(3));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 5);
    world.disk.fail(0, 16, FaultMode.STICKY_WRITE); // two of three pages of swap
    assertThat(world.put(o, true, 0)).containsExactly(PagerReturn.ERROR);
    assertThat(world.swap.freePages()).as("the block went back").isEqualTo(3);
    assertThat(world.put(o, true, 0)).containsExactly(PagerReturn.ERROR);
    world.putOk(o, 0);
    world.store(o, 1, 6);
    for (int i = 0; i < 4; i++) {
      assertThat(world.put(o, true, 1)).as("only bad places are left").containsExactly(PagerReturn.ERROR);
    }
    world.disk.clearFaults();
    world.putOk(o, 1);
    world.store(o, 2, 7);
    world.putOk(o, 2);
    for (int i = 0; i < 3; i++) {
      world.evict(o, i);
      assertThat(world.get(o, i)).isEqualTo(PagerReturn.OK);
      world.assertContents(o, i, 5 + i);
    }
  }

  @Test
  void failedPut_leavesTheBlockValid_withSwErr() {
    boot(with(Mode.FIXED).defect(Defect.H_SWERR));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 5);
    world.disk.fail(0, 8, FaultMode.STICKY_WRITE);
    assertThat(world.put(o, true, 0)).containsExactly(PagerReturn.ERROR);
    assertThat(world.has(o, 0)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedGet_freesTheNeighboursAndLeavesTheRequestedPage(Mode mode) {
    boot(with(mode));
    VmObject o = swappedOut(8);
    world.disk.fail(6 * 8, 1, FaultMode.TRANSIENT_READ);
    assertThat(world.get(o, 3, 0, 8)).isEqualTo(PagerReturn.ERROR);
    assertThat(o.residentPageCount()).isZero();
    assertThat(world.get(o, 3, 0, 8)).as("the error was transient").isEqualTo(PagerReturn.OK);
    world.assertContents(o, 6, 6);
  }

  @Test
  void oneRequestInMany_doesNotSufferFromAnothersError() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 1);
    world.disk.fail(0, 8, FaultMode.TRANSIENT_WRITE);
    world.put(o, false, 0);
    world.drain();
    world.store(o, 1, 2);
    world.putOk(o, 1); // takes the control block that failed before
  }

  // -------------------------------------------------------------------------------------------------- no swap, no room

  @Test
  void withoutSwap_everyPutFailsAndNothingIsConverted() {
    boot(with(Mode.FIXED).swapPages(0));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 1);
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.FAIL);
    assertThat(o.type()).isEqualTo(ObjectType.DEFAULT);
    assertThat(world.swap.isUsable()).isFalse();
    VmObject s = world.swap.allocate(4 * PAGE, null);
    world.store(s, 0, 1);
    assertThat(world.put(s, true, 0)).containsExactly(PagerReturn.FAIL);
    assertThat(world.has(s, 0)).isFalse();
  }

  @Test
  void refusedTable_failsAndLeavesTheTypeAlone() {
    boot(with(Mode.FIXED));
    boolean[] refuse = {true};
    world.swap.setTableFaults(() -> refuse[0]);
    VmObject o = world.anonymous(4);
    world.store(o, 0, 1);
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.FAIL);
    assertThat(o.type()).isEqualTo(ObjectType.DEFAULT);
    refuse[0] = false;
    world.putOk(o, 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void exhaustedSwap_reclaimsWhatWasNeverWritten_thenSaysAgain(Mode mode) {
    boot(with(mode).swapPages(8));
    VmObject[] os = new VmObject[9];
    for (int i = 0; i < 8; i++) {
      os[i] = world.anonymous(1);
      world.store(os[i], 0, i);
      world.putOk(os[i], 0); // the first takes all eight, the second reclaims seven
      world.swap.checkInvariants(false);
    }
    os[8] = world.anonymous(1);
    VmPage m = world.store(os[8], 0, 8);
    assertThat(world.put(os[8], true, 0)).containsExactly(PagerReturn.AGAIN);
    assertThat(m.dirty()).isNotZero();
    assertThat(world.swap.isFull()).isTrue();
    assertThat(world.swap.isUsable()).isFalse();
    for (int i = 0; i < 8; i++) {
      world.evict(os[i], 0);
    }
    os[0].deallocate();
    os[1].deallocate();
    assertThat(world.swap.freePages()).isEqualTo(2);
    assertThat(world.swap.isFull()).as("above 3S/16").isFalse();
    world.putOk(os[8], 0);
    for (int i = 2; i < 8; i++) {
      assertThat(world.get(os[i], 0)).isEqualTo(PagerReturn.OK);
      world.assertContents(os[i], 0, i);
    }
  }

  @Test
  void fullFlag_ofLargeSwap_turnsAt128And192() {
    boot(with(Mode.FIXED).swapPages(1200));
    VmObject o = world.anonymous(2000);
    int put = 0;
    while (world.swap.freePages() >= 128 + 8) {
      world.store(o, put * 8, 1);
      world.putOk(o, put * 8);
      world.evict(o, put * 8);
      put++;
    }
    assertThat(world.swap.isFull()).isFalse();
    world.store(o, put * 8, 1);
    world.putOk(o, put * 8);
    assertThat(world.swap.freePages()).isLessThan(128);
    assertThat(world.swap.isFull()).isTrue();
    world.evict(o, put * 8);
    o.lock.lock();
    for (; world.swap.freePages() <= 192; put--) {
      assertThat(world.swap.isFull()).isTrue();
      world.swap.freeSpace(o, put * 8L * PAGE, 8);
    }
    o.lock.unlock();
    assertThat(world.swap.isFull()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_whileSwapIsFull_dirtiesThePagesAndFreesTheirBlocks(Mode mode) {
    boot(with(mode).swapPages(8));
    VmObject o = swappedOut(8);
    VmObject p = world.anonymous(1);
    world.store(p, 0, 1);
    assertThat(world.put(p, true, 0)).containsExactly(PagerReturn.AGAIN);
    assertThat(world.swap.isFull()).isTrue();
    assertThat(world.get(o, 2, 1, 5)).isEqualTo(PagerReturn.OK);
    for (int i = 1; i < 5; i++) {
      assertThat(world.lookup(o, i).dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(world.has(o, i)).isFalse();
    }
    assertThat(world.has(o, 5)).isTrue();
    assertThat(world.swap.freePages()).isEqualTo(4);
    assertThat(world.get(o, 6)).as("no longer full").isEqualTo(PagerReturn.OK);
    assertThat(world.lookup(o, 6).dirty()).isZero();
  }

  @Test
  void reclaim_leavesObjectsWithPagingInProgressAlone() {
    boot(with(Mode.FIXED).swapPages(8));
    VmObject slow = world.anonymous(1);
    VmObject o = world.anonymous(1);
    world.store(slow, 0, 1);
    world.store(o, 0, 2);
    world.holdDisk();
    assertThat(world.put(slow, false, 0)).containsExactly(PagerReturn.PEND); // takes all eight
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.AGAIN);
    world.releaseDisk();
    world.drain();
    assertThat(world.put(o, false, 0)).containsExactly(PagerReturn.PEND);
    world.drain();
  }

  @Test
  void reclaim_leavesBlocksAloneThatAPageoutHasChosen() {
    boot(with(Mode.FIXED).swapPages(16).controls(1));
    VmObject slow = world.anonymous(1);
    VmObject o = world.anonymous(32);
    world.store(slow, 0, 1);
    world.store(o, 0, 2);
    world.store(o, 20, 3);
    world.holdDisk();
    assertThat(world.put(slow, false, 0)).containsExactly(PagerReturn.PEND); // eight pages and the only control block
    PagerWorld.Running writer = world.start("writer", () -> world.putOk(o, 0)); // the other eight
    writer.untilAsleep("swpfre");
    assertThat(world.put(o, false, 20)).as("all there is was chosen for page 0").containsExactly(PagerReturn.AGAIN);
    world.releaseDisk();
    writer.join();
    world.drain();
    world.putOk(o, 20);
    world.evict(o, 0);
    world.evict(o, 20);
    world.get(o, 0);
    world.get(o, 20);
    world.assertContents(o, 0, 2);
    world.assertContents(o, 20, 3);
  }

  // ---------------------------------------------------------------------------------------------------- control blocks

  @Test
  void thePageDaemon_waitsForAControlBlockAFifthOfASecond_thenSaysAgain() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(100);
    for (int i = 0; i < 9; i++) {
      world.store(o, i * 8, i);
    }
    PagerReturn[][] r = new PagerReturn[9][];
    long[] ticks = new long[1];
    world.holdDisk();
    world.startDaemon(() -> {
      for (int i = 0; i < 8; i++) {
        r[i] = world.put(o, false, i * 8);
      }
      long before = world.domain.clock().now();
      r[8] = world.put(o, false, 64);
      ticks[0] = world.domain.clock().now() - before;
    }).join();
    for (int i = 0; i < 8; i++) {
      assertThat(r[i]).containsExactly(PagerReturn.PEND);
    }
    assertThat(r[8]).as("three of ten are left, no more").containsExactly(PagerReturn.AGAIN);
    assertThat(ticks[0]).isGreaterThanOrEqualTo(20);
    assertThat(world.lookup(o, 64).isBusyAnyway()).isFalse();
    world.releaseDisk();
    world.drain();
    world.putOk(o, 64);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void others_waitForAControlBlockAndFinishPageoutsThemselves(Mode mode) {
    boot(with(mode).swapPages(128));
    VmObject o = world.anonymous(200);
    for (int i = 0; i < 9; i++) {
      world.store(o, i * 8, i);
    }
    world.holdDisk();
    for (int i = 0; i < 8; i++) {
      assertThat(world.put(o, false, i * 8)).containsExactly(PagerReturn.PEND);
    }
    PagerWorld.Running waiting =
        world.start("writer", () -> assertThat(world.put(o, false, 64)).containsExactly(PagerReturn.PEND));
    waiting.untilAsleep("swpfre");
    world.releaseDisk();
    waiting.join();
    world.drain();
    for (int i = 0; i < 9; i++) {
      assertThat(world.lookup(o, i * 8).dirty()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void aControlBlockGivenBack_wakesWhoWaitsForOne(Mode mode) {
    boot(with(mode).controls(1));
    VmObject o = world.anonymous(16);
    world.store(o, 0, 1);
    world.store(o, 8, 2);
    world.holdDisk();
    PagerWorld.Running first = world.start("first", () -> world.putOk(o, 0)).untilAsleep("swwrt");
    PagerWorld.Running second = world.start("second", () -> world.putOk(o, 8)).untilAsleep("swpfre");
    world.releaseDisk();
    first.join();
    second.join();
  }

  @Test
  void aSingleControlBlock_suffices() {
    boot(with(Mode.FIXED).controls(1));
    VmObject o = swappedOut(16);
    assertThat(world.get(o, 9, 8, 16)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 15, 15);
  }

  // --------------------------------------------------------------------------------------------- giving back, collapse

  @Test
  void deallocate_givesBackAllBlocks() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(20);
    assertThat(world.swap.freePages()).isEqualTo(64 - 24);
    o.deallocate();
    assertThat(world.swap.freePages()).isEqualTo(64);
  }

  @Test
  void freeSpace_ofAHugeRange_looksAtWhatThereIs() {
    boot(with(Mode.FIXED));
    VmObject o = world.swap.allocate(1L << 46, null);
    long far = (1L << 46) / PAGE - 8;
    assertThat(far).isGreaterThan(Integer.MAX_VALUE);
    world.store(o, 5, 1);
    world.putOk(o, 5);
    o.lock.lock();
    world.swap.freeSpace(o, 6 * PAGE, Integer.MAX_VALUE);
    assertThat(world.swap.hasPageLocked(o, 5 * PAGE)).isTrue();
    world.swap.freeSpace(o, 0, Integer.MAX_VALUE);
    assertThat(world.swap.hasPageLocked(o, 5 * PAGE)).isFalse();
    o.lock.unlock();
    assertThat(world.swap.freePages()).isEqualTo(64);
  }

  @Test
  void freeSpace_ofADefaultObject_doesNothing() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(4);
    o.lock.lock();
    world.swap.freeSpace(o, 0, 4);
    o.lock.unlock();
    assertThat(o.type()).isEqualTo(ObjectType.DEFAULT);
  }

  private void collapse(VmObject o) {
    o.lock.lock();
    try {
      o.collapse();
    } finally {
      o.lock.unlock();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void collapse_handsTheTableToADefaultShadow(Mode mode) {
    boot(with(mode));
    VmObject b = swappedOut(24);
    VmObject o = world.objects.shadow(b, 5 * PAGE, 10 * PAGE); // window 5..14 of b
    world.store(o, 2, 72); // hides b's page 7; dirty, as a copied-up page is
    collapse(o);
    assertThat(o.backing()).isNull();
    assertThat(o.type()).isEqualTo(ObjectType.SWAP);
    assertThat(o.pagingOffset()).isEqualTo(5 * PAGE);
    world.swap.checkInvariants(true);
    assertThat(world.swap.freePages()).as("blocks outside the window are free").isEqualTo(64 - 10);
    for (int i = 0; i < 10; i++) {
      if (i != 2) {
        assertThat(world.get(o, i)).isEqualTo(PagerReturn.OK);
        world.assertContents(o, i, i + 5);
      }
    }
    world.putOk(o, 2);
    world.evict(o, 2);
    assertThat(world.get(o, 2, 2, 3)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 2, 72);
    o.deallocate();
    assertThat(world.swap.freePages()).isEqualTo(64);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void collapse_movesBlocksThatTheSwapShadowLacks(Mode mode) {
    boot(with(mode));
    VmObject b = swappedOut(24);
    VmObject o = world.objects.shadow(b, 5 * PAGE, 10 * PAGE);
    world.store(o, 2, 72);
    world.store(o, 9, 79);
    world.putOk(o, 2); // o's first record: slots 0..7 allocated, one valid
    world.putOk(o, 9);
    world.evict(o, 2);
    world.evict(o, 9);
    collapse(o);
    assertThat(o.backing()).isNull();
    world.swap.checkInvariants(true);
    for (int i = 0; i < 10; i++) {
      assertThat(world.get(o, i)).isEqualTo(PagerReturn.OK);
      world.assertContents(o, i, i == 2 ? 72 : i == 9 ? 79 : i + 5);
    }
    o.deallocate();
    assertThat(world.swap.freePages()).isEqualTo(64);
  }

  @Test
  void collapse_twice_addsUpPagingOffsets() {
    boot(with(Mode.FIXED));
    VmObject c = swappedOut(24);
    VmObject b = world.objects.shadow(c, 3 * PAGE, 20 * PAGE);
    collapse(b); // b takes c's table at 3
    VmObject o = world.objects.shadow(b, 4 * PAGE, 8 * PAGE);
    collapse(o); // o takes it at 7
    assertThat(o.pagingOffset()).isEqualTo(7 * PAGE);
    for (int i = 0; i < 8; i++) {
      assertThat(world.get(o, i)).isEqualTo(PagerReturn.OK);
      world.assertContents(o, i, i + 7);
    }
    VmObject top = world.objects.shadow(o, PAGE, 4 * PAGE);
    world.store(top, 1, 500);
    world.putOk(top, 1);
    for (int i = 0; i < 8; i++) {
      world.evict(o, i);
    }
    collapse(top); // both on swap, o with a paging offset
    for (int i = 0; i < 4; i++) {
      if (i != 1) {
        assertThat(world.get(top, i)).isEqualTo(PagerReturn.OK);
        world.assertContents(top, i, i + 8);
      }
    }
    world.assertContents(top, 1, 500);
  }

  @Test
  void dealloc_panics_whilePageoutsAreInProgress() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 1);
    world.holdDisk();
    world.put(o, false, 0);
    o.lock.lock();
    try {
      assertThatThrownBy(() -> world.swap.dealloc(o))
          .isInstanceOf(KernelPanic.class)
          .hasMessageContaining("in progress");
    } finally {
      o.lock.unlock();
    }
    world.releaseDisk();
    world.drain();
  }

  @Test
  void terminate_waitsForAPageoutToBeFinished() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(4);
    world.store(o, 0, 1);
    world.holdDisk();
    world.put(o, false, 0);
    PagerWorld.Running ender = world.start("ender", o::deallocate);
    ender.untilAsleep("objtrm");
    world.releaseDisk();
    world.drain();
    ender.join();
    assertThat(world.swap.freePages()).isEqualTo(64);
    assertThat(world.objects.objectCount()).isZero();
  }

  // --------------------------------------------------------------------------------------------------------- detectors

  private void assertSeen(String number, boolean quiescent) {
    assertThatThrownBy(() -> world.swap.checkInvariants(quiescent))
        .isInstanceOf(KernelPanic.class)
        .hasMessageStartingWith(number + " ");
  }

  @Test
  void checkInvariants_seesALostBlock() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(1);
    SwapTable table = (SwapTable) o.pagerData();
    SwapTable.Block b = table.find(0);
    int page = table.clear(b, 0);
    assertSeen("I-44", false);
    table.assign(b, 0, page);
    table.setValid(b, 0, true);
    int other = b.pages[1];
    b.pages[1] = page;
    assertSeen("I-44", false);
    b.pages[1] = other;
    b.valid |= 2;
    b.pages[1] = SwapTable.EMPTY;
    assertSeen("I-45", false);
    b.pages[1] = other;
    b.valid &= ~2;
    world.swap.checkInvariants(true);
  }

  @Test
  void checkInvariants_seesACleanPageThatDiffersFromItsBlock() {
    boot(with(Mode.FIXED));
    VmObject o = swappedOut(1);
    world.get(o, 0);
    VmPage m = world.lookup(o, 0);
    world.machine.memory().store(m.frame(), 0, -1);
    assertSeen("I-47", true);
    world.machine.memory().store(m.frame(), 0, PagerWorld.pattern(0, 0));
  }

  @Test
  void checkInvariants_seesAPageoutThatIsNotFinished() {
    boot(with(Mode.FIXED));
    VmObject o = world.anonymous(1);
    world.store(o, 0, 1);
    world.put(o, false, 0);
    world.until(world.swap::hasFinished);
    assertSeen("I-46", true);
    world.drain();
  }

  @Test
  void tooMuchSwap_isRefused() {
    boot(with(Mode.FIXED));
    assertThatThrownBy(() -> new SwapPager(world.objects, world.disk, 1 << 20, Defect.defaults()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("swap of 1048576 pages: must be 0 to 128");
  }
}
