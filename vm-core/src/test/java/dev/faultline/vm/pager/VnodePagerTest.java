package dev.faultline.vm.pager;

import static dev.faultline.vm.pager.PagerWorld.PAGE;
import static dev.faultline.vm.pager.PagerWorld.WORDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
final class VnodePagerTest {
  private static final long SEED = 12345;

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

  /** Runs {@code body} with V held, as every caller of the pager does. */
  private static void locked(Vnode v, Runnable body) {
    v.lock();
    try {
      body.run();
    } finally {
      v.unlock();
    }
  }

  private PagerReturn get(Vnode v, VmObject o, int index, int from, int to) {
    PagerReturn[] r = new PagerReturn[1];
    locked(v, () -> r[0] = world.get(o, index, from, to));
    return r[0];
  }

  private PagerReturn get(Vnode v, VmObject o, int index) {
    return get(v, o, index, index, index + 1);
  }

  private PagerReturn[] put(Vnode v, VmObject o, boolean sync, int... indexes) {
    PagerReturn[][] r = new PagerReturn[1][];
    locked(v, () -> r[0] = world.put(o, sync, indexes));
    return r[0];
  }

  private void setSize(Vnode v, long bytes) {
    locked(v, () -> world.vnodes.setSize(v, bytes));
  }

  private long word(VmObject o, int index, int word) {
    VmPage m = world.lookup(o, index);
    assertThat(m).as("page %d resident", index).isNotNull();
    return world.machine.memory().load(m.frame(), word);
  }

  /** A resident page is what the file was made of, up to {@code length} bytes of the file. */
  private void assertOriginal(VmObject o, int index, long length) {
    for (int w = 0; w < WORDS; w++) {
      long offset = (long) index * PAGE + w * 8L;
      assertThat(word(o, index, w)).as("word %d of page %d", w, index).isEqualTo(Volume.word(SEED, length, offset));
    }
  }

  /** Waits until no page is in I/O; files need nobody to finish their writes. */
  private void awaitWrites(VmObject o) {
    world.until(() -> o.pip() == 0);
  }

  // ----------------------------------------------------------------------------------------------------------- reading

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_readsTheRunAndZeroesPastTheEnd(Mode mode) {
    boot(with(mode));
    long length = 5 * PAGE + 13;
    Vnode v = world.volume.create("f", length, SEED);
    VmObject o = world.vnodes.objectOf(v);
    assertThat(o.size()).isEqualTo(6 * PAGE);
    assertThat(get(v, o, 3, 1, 6)).isEqualTo(PagerReturn.OK);
    assertThat(world.events(Event.VNODEIN)).isOne();
    assertThat(world.events(Event.VNODEPGSIN)).isEqualTo(5);
    for (int i = 1; i < 6; i++) {
      assertOriginal(o, i, length);
      VmPage m = world.lookup(o, i);
      assertThat(m.isBusyAnyway()).isFalse();
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(m.isInactive()).isEqualTo(i != 3);
      assertThat(m.dirty()).isZero();
    }
    assertThat(word(o, 5, 1) >>> 40).as("five bytes of the second word are the file's").isZero();
    assertThat(word(o, 5, 1)).isEqualTo(Volume.mix64(SEED + 5 * PAGE + 8) & 0xffffffffffL);
    o.deallocate();
  }

  @Test
  void hasPage_tellsTheRunUpToTheEndOfTheFile() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 5 * PAGE + 1, SEED);
    VmObject o = world.vnodes.objectOf(v);
    Extent e = world.extent(o, 2);
    assertThat(e.before).isEqualTo(2);
    assertThat(e.after).isEqualTo(3);
    assertThat(world.has(o, 5)).isTrue();
    assertThat(world.has(o, 6)).isFalse();
    setSize(v, 3 * PAGE + 1);
    assertThat(world.extent(o, 2).after).isEqualTo(1);
    setSize(v, 9 * PAGE);
    assertThat(world.extent(o, 2).after).as("what follows is a hole").isEqualTo(1);
    assertThat(world.has(o, 4)).isFalse();
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_pastTheEndIsBad_aHoleFails(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 2 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    assertThat(get(v, o, 2, 0, 4)).isEqualTo(PagerReturn.BAD);
    assertThat(o.residentPageCount()).isZero();
    setSize(v, 4 * PAGE);
    assertThat(get(v, o, 3, 0, 4)).isEqualTo(PagerReturn.FAIL);
    assertThat(o.residentPageCount()).isZero();
    assertThat(get(v, o, 1, 0, 4)).as("the hole is no part of the run").isEqualTo(PagerReturn.OK);
    assertThat(o.residentPageCount()).isEqualTo(2);
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedGet_freesTheNeighbours(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 8 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.disk.fail((64 + 6) * 8L, 1, FaultMode.TRANSIENT_READ);
    assertThat(get(v, o, 4, 3, 8)).isEqualTo(PagerReturn.ERROR);
    assertThat(o.residentPageCount()).isZero();
    assertThat(get(v, o, 4, 3, 8)).isEqualTo(PagerReturn.OK);
    assertOriginal(o, 6, 8 * PAGE);
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void get_ofAPartiallyValidPage_readsWhatIsMissing(Mode mode) {
    boot(with(mode));
    long length = PAGE + 52; // in chunk 6 of page 1; chunk 7 is valid: a mapper has stored to it
    Vnode v = world.volume.create("f", length, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage[] ms = world.placeholders(o, 0, 2);
    VmPage m = ms[1];
    for (int w = 0; w < WORDS; w++) {
      world.machine.memory().store(m.frame(), w, -7 - w);
    }
    m.setValid(0b1010_0110);
    m.orDirty(0b0000_0010);
    locked(v, () -> assertThat(world.get(o, ms, 1)).isEqualTo(PagerReturn.OK));
    assertThat(world.lookup(o, 0)).as("the neighbour was dropped").isNull();
    assertThat(m.dirty()).isEqualTo(0b0000_0010);
    for (int w = 0; w < WORDS; w++) {
      boolean kept = (0b1010_0110 & 1 << w) != 0; // a chunk is a word here
      assertThat(word(o, 1, w)).as("word %d", w).isEqualTo(kept ? -7 - w : Volume.word(SEED, length, PAGE + w * 8L));
    }
    o.deallocate();
    assertThat(world.volume.diskWord(v, PAGE + 8)).isNotEqualTo(-8); // not writeable by its flag: nothing was written
  }

  @Test
  void failedGet_ofAPartiallyValidPage_keepsWhatIsValid() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage[] ms = world.placeholders(o, 0, 1);
    ms[0].setValid(0x0f);
    world.disk.fail(64 * 8L + 6, 1, FaultMode.STICKY_READ);
    v.lock();
    assertThat(world.vnodes.getPages(o, ms, 1, 0)).isEqualTo(PagerReturn.ERROR);
    v.unlock();
    assertThat(ms[0].valid()).isEqualTo(0x0f);
    o.lock.lock();
    world.pages.freeBusy(ms[0]);
    o.pipDown(1);
    o.lock.unlock();
    o.deallocate();
  }

  // ----------------------------------------------------------------------------------------------------------- writing

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void syncPut_writesAndCleans(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage m = world.store(o, 1, 5);
    world.store(o, 2, 6);
    world.mapModified(m);
    assertThat(put(v, o, true, 1, 2)).containsOnly(PagerReturn.OK);
    assertThat(m.dirty()).isZero();
    assertThat(m.isBusyAnyway()).isFalse();
    assertThat(world.pages.mappings().isModified(m)).isFalse();
    assertThat(world.volume.diskWord(v, PAGE + 16)).isEqualTo(PagerWorld.pattern(5, 2));
    assertThat(world.volume.diskWord(v, 2 * PAGE)).isEqualTo(PagerWorld.pattern(6, 0));
    assertThat(world.volume.diskWord(v, 0)).isEqualTo(Volume.word(SEED, 4 * PAGE, 0));
    assertThat(world.events(Event.VNODEOUT)).isOne();
    assertThat(world.events(Event.VNODEPGSOUT)).isEqualTo(2);
    world.evict(o, 1);
    assertThat(get(v, o, 1)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 1, 5);
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void asyncPut_isSoftBusyAndEndsWithoutHelp(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage m = world.store(o, 1, 5);
    world.holdDisk();
    assertThat(put(v, o, false, 1)).containsExactly(PagerReturn.PEND);
    assertThat(m.isBusy()).isFalse();
    assertThat(m.busyCount()).isOne();
    assertThat(o.pip()).isOne();
    PagerWorld.Running waiter = world.start("waiter", () -> {
      o.lock.lock();
      while (m.isBusyAnyway()) {
        m.setWanted();
        world.domain.sleepQueues().sleepOn(m, o.lock, "wanted");
        o.lock.lock();
      }
      assertThat(m.dirty()).isZero();
      o.lock.unlock();
    });
    waiter.untilAsleep("wanted");
    world.releaseDisk();
    waiter.join();
    awaitWrites(o);
    assertThat(m.isBusyAnyway()).isFalse();
    assertThat(m.isWanted()).isFalse();
    assertThat(m.isActive()).as("wanted").isTrue();
    assertThat(world.volume.diskWord(v, PAGE)).isEqualTo(PagerWorld.pattern(5, 0));
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failedPut_leavesThePageDirty(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage m = world.store(o, 1, 5);
    world.disk.fail(65 * 8L, 8, FaultMode.STICKY_WRITE);
    assertThat(put(v, o, true, 1)).containsExactly(PagerReturn.ERROR);
    assertThat(m.dirty()).isNotZero();
    assertThat(put(v, o, false, 1)).containsExactly(PagerReturn.PEND);
    awaitWrites(o);
    assertThat(m.dirty()).isNotZero();
    assertThat(m.isActive()).isTrue();
    assertThat(m.isBusyAnyway()).isFalse();
    world.disk.clearFaults();
    assertThat(put(v, o, true, 1)).containsExactly(PagerReturn.OK);
    assertThat(world.volume.diskWord(v, PAGE)).isEqualTo(PagerWorld.pattern(5, 0));
    o.deallocate();
  }

  @Test
  void failedPut_countsAsDone_withVnputOk() {
    boot(with(Mode.FIXED).defect(Defect.H_VNPUT_OK));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage m = world.store(o, 1, 5);
    world.disk.fail(65 * 8L, 8, FaultMode.STICKY_WRITE);
    assertThat(put(v, o, true, 1)).containsExactly(PagerReturn.OK);
    assertThat(m.dirty()).isZero();
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void put_zeroesWhatLiesPastTheEnd(Mode mode) {
    boot(with(mode));
    long length = PAGE + 20;
    Vnode v = world.volume.create("f", length, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 1, 5);
    assertThat(put(v, o, true, 1)).containsExactly(PagerReturn.OK);
    assertThat(word(o, 1, 1)).isEqualTo(PagerWorld.pattern(5, 1));
    assertThat(word(o, 1, 2)).as("four bytes are the file's").isEqualTo(PagerWorld.pattern(5, 2) & 0xffffffffL);
    assertThat(word(o, 1, 3)).isZero();
    setSize(v, 2 * PAGE);
    world.evict(o, 1);
    assertThat(get(v, o, 1)).isEqualTo(PagerReturn.OK);
    assertThat(word(o, 1, 3)).isZero();
    assertThat(word(o, 1, 1)).isEqualTo(PagerWorld.pattern(5, 1));
    o.deallocate();
  }

  @Test
  void put_writesWhatLiesPastTheEnd_withEofTail() {
    boot(with(Mode.FIXED).defect(Defect.H_EOFTAIL));
    Vnode v = world.volume.create("f", PAGE + 20, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 1, 5);
    assertThat(put(v, o, true, 1)).containsExactly(PagerReturn.OK);
    assertThat(word(o, 1, 3)).as("visible until evicted").isEqualTo(PagerWorld.pattern(5, 3));
    world.evict(o, 1);
    assertThat(get(v, o, 1)).isEqualTo(PagerReturn.OK);
    assertThat(word(o, 1, 3)).isZero();
    o.deallocate();
  }

  @Test
  void put_pastTheEnd_isBad() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 2 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 1, 1);
    VmPage beyond = world.store(o, 2, 2);
    assertThat(put(v, o, true, 1, 2)).containsExactly(PagerReturn.OK, PagerReturn.BAD);
    o.lock.lock();
    beyond.clearDirty(VmPage.ALL_CHUNKS);
    o.lock.unlock();
    world.evict(o, 2);
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void put_givesAHoleItsPlace(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", PAGE, SEED);
    world.volume.create("behind", PAGE, 9);
    setSize(v, 6 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 0, 10);
    world.store(o, 3, 13);
    world.store(o, 4, 14);
    assertThat(put(v, o, true, 0)).containsExactly(PagerReturn.OK);
    assertThat(put(v, o, true, 3, 4)).containsOnly(PagerReturn.OK);
    assertThat(v.blocks.extentCount()).isEqualTo(2);
    assertThat(world.extent(o, 3).after).isEqualTo(1);
    world.evict(o, 3, 5);
    assertThat(get(v, o, 4, 2, 6)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 3, 13);
    world.assertContents(o, 4, 14);
    assertThat(world.lookup(o, 2)).isNull();
    assertThat(world.volume.diskWord(v, 2 * PAGE)).isZero();
    o.deallocate();
  }

  @Test
  void put_writesEachRunByItself() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 2 * PAGE, SEED);
    world.volume.create("behind", PAGE, 9);
    setSize(v, 4 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    for (int i = 0; i < 4; i++) {
      world.store(o, i, i);
    }
    world.disk.fail(67 * 8L, 8, FaultMode.STICKY_WRITE); // the first page behind "behind"
    assertThat(put(v, o, true, 0, 1, 2, 3))
        .containsExactly(PagerReturn.OK, PagerReturn.OK, PagerReturn.ERROR, PagerReturn.OK);
    world.disk.clearFaults();
    assertThat(put(v, o, false, 0, 1, 2, 3)).containsOnly(PagerReturn.PEND);
    awaitWrites(o);
    for (int i = 0; i < 4; i++) {
      assertThat(world.volume.diskWord(v, (long) i * PAGE)).isEqualTo(PagerWorld.pattern(i, 0));
    }
    assertThat(world.events(Event.VNODEOUT)).isEqualTo(4);
    o.deallocate();
  }

  @Test
  void put_failsForAHole_whenTheDiskIsFull() {
    boot(with(Mode.FIXED).filePages(4));
    Vnode v = world.volume.create("f", 3 * PAGE, SEED);
    setSize(v, 6 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    for (int i = 2; i < 6; i++) {
      world.store(o, i, i);
    }
    assertThat(put(v, o, true, 2, 3, 4, 5))
        .containsExactly(PagerReturn.OK, PagerReturn.OK, PagerReturn.FAIL, PagerReturn.FAIL);
    assertThat(world.lookup(o, 4).dirty()).isNotZero();
    setSize(v, 4 * PAGE);
    o.deallocate();
  }

  // -------------------------------------------------------------------------------------------------------- truncation

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void shrinking_removesPagesAndZeroesTheTail(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 6 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    get(v, o, 2, 1, 6);
    world.store(o, 4, 99);
    setSize(v, 2 * PAGE + 12);
    assertThat(v.size()).isEqualTo(2 * PAGE + 12);
    assertThat(o.size()).isEqualTo(3 * PAGE);
    assertThat(o.residentPageCount()).isEqualTo(2);
    assertOriginal(o, 1, 6 * PAGE);
    assertOriginal(o, 2, 2 * PAGE + 12);
    world.vnodes.checkInvariants();
    setSize(v, 5 * PAGE);
    assertThat(o.size()).isEqualTo(5 * PAGE);
    assertOriginal(o, 2, 2 * PAGE + 12);
    assertThat(get(v, o, 4)).as("a hole now").isEqualTo(PagerReturn.FAIL);
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void shrinkingAndGrowing_showsZeros_evenIfNothingWasResident(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 6 * PAGE, SEED);
    setSize(v, 2 * PAGE + 12);
    setSize(v, 2 * PAGE + 40); // within the same page
    setSize(v, 2 * PAGE + 30);
    setSize(v, 4 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    assertThat(get(v, o, 2)).isEqualTo(PagerReturn.OK);
    assertOriginal(o, 2, 2 * PAGE + 12);
    assertThat(world.volume.diskWord(v, 2 * PAGE)).isEqualTo(Volume.word(SEED, 6 * PAGE, 2 * PAGE));
    assertThat(world.volume.diskWord(v, 2 * PAGE + 16)).isZero();
    world.store(o, 2, 7); // a whole page: what was cut counts again
    assertThat(put(v, o, true, 2)).containsExactly(PagerReturn.OK);
    world.evict(o, 2);
    assertThat(get(v, o, 2)).isEqualTo(PagerReturn.OK);
    world.assertContents(o, 2, 7);
    o.deallocate();
  }

  @Test
  void shrinkingToAPageBoundaryAndGrowing_forgetsWhatWasCut() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    setSize(v, 2 * PAGE + 8);
    assertThat(v.shortPages).containsOnlyKeys(2L);
    setSize(v, 2 * PAGE);
    assertThat(v.shortPages).isEmpty();
    setSize(v, 4 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 2, 3);
    assertThat(put(v, o, true, 2)).containsExactly(PagerReturn.OK);
    world.evict(o, 2);
    get(v, o, 2);
    world.assertContents(o, 2, 3);
    o.deallocate();
  }

  @Test
  void shrinking_givesDiskPagesBack() {
    boot(with(Mode.FIXED).filePages(8));
    Vnode v = world.volume.create("f", 8 * PAGE, SEED);
    setSize(v, 2 * PAGE);
    setSize(v, 0);
    setSize(v, 8 * PAGE);
    VmObject o = world.vnodes.objectOf(v);
    for (int i = 0; i < 8; i++) {
      world.store(o, i, i);
    }
    assertThat(put(v, o, true, 0, 1, 2, 3, 4, 5, 6, 7)).containsOnly(PagerReturn.OK);
    assertThat(v.blocks.extentCount()).isOne();
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void shrinking_waitsForPagesInIo(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 1, 1);
    world.store(o, 3, 3);
    world.holdDisk();
    assertThat(put(v, o, false, 3)).containsExactly(PagerReturn.PEND);
    PagerWorld.Running cutter = world.start("cutter", () -> setSize(v, PAGE + 8));
    cutter.untilAsleep("vmopar");
    world.releaseDisk();
    cutter.join();
    assertThat(world.lookup(o, 3)).isNull();
    assertThat(world.lookup(o, 1)).isNotNull();
    assertThat(word(o, 1, 0)).isEqualTo(PagerWorld.pattern(1, 0));
    assertThat(word(o, 1, 1)).isZero();
    o.deallocate();
  }

  @Test
  void shrinking_waitsForTheBusyPageWhoseTailItZeroes() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 1, 1);
    world.holdDisk();
    assertThat(put(v, o, false, 1)).containsExactly(PagerReturn.PEND);
    PagerWorld.Running cutter = world.start("cutter", () -> setSize(v, PAGE + 8));
    cutter.untilAsleep("vnsize");
    assertThat(word(o, 1, 1)).as("R27: not while the disk samples it").isEqualTo(PagerWorld.pattern(1, 1));
    world.releaseDisk();
    cutter.join();
    assertThat(word(o, 1, 1)).isZero();
    world.evict(o, 1);
    setSize(v, 4 * PAGE);
    get(v, o, 1);
    assertThat(word(o, 1, 0)).isEqualTo(PagerWorld.pattern(1, 0));
    assertThat(word(o, 1, 1)).as("the write that was under way had the old bytes").isZero();
    o.deallocate();
  }

  @Test
  void setSize_refusesNonsense() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", PAGE, SEED);
    assertThatThrownBy(() -> setSize(v, -1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("-1");
    assertThat(v.isLocked()).isFalse();
  }

  // ----------------------------------------------------------------------------------------------------------- objects

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void objectOf_isOneObject_revivedFromTheCache(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    assertThat(world.vnodes.objectOf(v)).isSameAs(o);
    assertThat(o.refCount()).isEqualTo(2);
    get(v, o, 0);
    o.deallocate();
    o.deallocate();
    assertThat(world.objects.cachedCount()).isOne();
    assertThat(world.vnodes.objectOf(v)).isSameAs(o);
    assertThat(world.objects.cachedCount()).isZero();
    assertThat(world.lookup(o, 0)).isNotNull();
    o.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void theEndOfAnObject_writesWhatIsDirty(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    world.store(o, 2, 8);
    o.lock.lock();
    o.setWriteable(true);
    o.lock.unlock();
    o.deallocate();
    assertThat(world.volume.diskWord(v, 2 * PAGE)).isEqualTo(PagerWorld.pattern(8, 0));
    world.objects.trimCache(0);
    assertThat(world.objects.objectCount()).isZero();
    VmObject again = world.vnodes.objectOf(v);
    assertThat(again).isNotSameAs(o);
    get(v, again, 2);
    world.assertContents(again, 2, 8);
    again.deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void objectOf_waitsForADyingObject_thenMakesANewOne(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    v.lock(); // the end of o needs V
    PagerWorld.Running ender = world.start("ender", o::deallocate);
    ender.untilAsleep("vnlock");
    assertThat(o.isDead()).isTrue();
    VmObject[] found = new VmObject[1];
    PagerWorld.Running mapper = world.start("mapper", () -> found[0] = world.vnodes.objectOf(v));
    mapper.untilAsleep("vadead");
    v.unlock();
    ender.join();
    mapper.join();
    assertThat(found[0]).isNotNull().isNotSameAs(o);
    assertThat(found[0].isDead()).isFalse();
    assertThat(found[0].refCount()).isOne();
    found[0].deallocate();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void uncache_endsACachedObject(Mode mode) {
    boot(with(mode));
    Vnode v = world.volume.create("f", 4 * PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    get(v, o, 0);
    o.deallocate();
    assertThat(world.objects.cachedCount()).isOne();
    locked(v, () -> world.vnodes.uncache(v));
    assertThat(world.objects.cachedCount()).isZero();
    assertThat(world.objects.objectCount()).isZero();
    locked(v, () -> world.vnodes.uncache(v)); // nothing to do
    VmObject p = world.vnodes.objectOf(v);
    get(v, p, 0);
    locked(v, () -> world.vnodes.uncache(v));
    assertThat(p.refCount()).isOne();
    p.deallocate();
    assertThat(world.objects.cachedCount()).as("no longer persists").isZero();
  }

  @Test
  void sizeSetWhileTheObjectIsMade_isNotLost() {
    boot(with(Mode.FIXED));
    for (int i = 0; i < 200; i++) {
      Vnode v = world.volume.create("f" + i, 0, SEED);
      PagerWorld.Running cutter = world.start("cutter", () -> setSize(v, 3 * PAGE));
      VmObject o = world.vnodes.objectOf(v);
      cutter.join();
      assertThat(o.size()).isEqualTo(3 * PAGE);
      o.deallocate();
    }
  }

  // ------------------------------------------------------------------------------------------------------------ volume

  @Test
  void volume_findsFilesByName() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", 10, SEED);
    assertThat(world.volume.find("f")).isSameAs(v);
    assertThat(world.volume.find("g")).isNull();
    assertThat(world.volume.create("empty", 0, 0).size()).isZero();
  }

  @Test
  void volume_refusesWhatItCannotHold() {
    boot(with(Mode.FIXED).filePages(4));
    world.volume.create("f", 3 * PAGE, SEED);
    assertThatThrownBy(() -> world.volume.create("f", 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("there is one of that name");
    assertThatThrownBy(() -> world.volume.create("g", 2 * PAGE, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("file g of 128 bytes: the disk has room for 64 more");
    assertThatThrownBy(() -> world.volume.create("h", -1, 1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void filesAndSwap_doNotShareBlocks() {
    boot(with(Mode.FIXED).swapPages(8).filePages(8));
    Vnode v = world.volume.create("f", 8 * PAGE, SEED);
    VmObject file = world.vnodes.objectOf(v);
    VmObject o = world.anonymous(8);
    for (int i = 0; i < 8; i++) {
      world.store(o, i, i);
    }
    world.putOk(o, 0, 1, 2, 3, 4, 5, 6, 7);
    get(v, file, 0, 0, 8);
    for (int i = 0; i < 8; i++) {
      assertOriginal(file, i, 8 * PAGE);
    }
    file.deallocate();
  }

  // --------------------------------------------------------------------------------------------------------- detectors

  private void assertSeen(String number) {
    assertThatThrownBy(() -> world.vnodes.checkInvariants())
        .isInstanceOf(KernelPanic.class)
        .hasMessageStartingWith(number + " ");
  }

  @Test
  void checkInvariants_seesAPagePastTheEndAndAStrangeObject() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", PAGE, SEED);
    VmObject o = world.vnodes.objectOf(v);
    VmPage m = world.store(o, 1, 1);
    assertSeen("I-50");
    m.clearDirty(VmPage.ALL_CHUNKS);
    world.evict(o, 1);
    o.setSize(2 * PAGE);
    assertSeen("I-50");
    o.setSize(PAGE);
    setObject(v, null);
    assertSeen("I-51");
    setObject(v, o);
    v.blocks.add(5, 64, 1);
    assertSeen("I-52");
    v.blocks.cut(5, (place, length) -> {});
    o.deallocate();
  }

  private static void setObject(Vnode v, VmObject o) {
    v.interlock.lock();
    try {
      v.setObject(o);
    } finally {
      v.interlock.unlock();
    }
  }

  @Test
  void v_isRecursiveAndExclusive() {
    boot(with(Mode.FIXED));
    Vnode v = world.volume.create("f", PAGE, SEED);
    v.lock();
    assertThat(v.tryLock()).isTrue();
    boolean[] other = new boolean[1];
    world.start("other", () -> other[0] = v.tryLock()).join();
    assertThat(other[0]).isFalse();
    v.unlock();
    v.unlock();
    assertThat(v.isLocked()).isFalse();
    assertThat(KThread.current()).isNotNull();
  }
}
