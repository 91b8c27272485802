package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.bed.StubVnode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** vm_pageout_scan, step by step (vm-semantics 3.5 A to F), on real pages, objects and queues. */
@Timeout(60)
final class PageoutScanTest {
  private static final int FRAMES = 64;
  private static final int RESERVED = 6;
  private static final int MIN = 10;
  private static final int TARGET = 20;
  private static final int AGED_TO = 3; // act_count of a page in the tests of aging

  private final Bed bed = Bed.builder().frames(FRAMES).cacheMax(4).thresholds(1, 2, RESERVED, MIN, TARGET).build();
  private final Swap swap = new Swap();
  private final Victims victims = new Victims();
  private final Relief relief = new Relief();
  private final PageoutScan scan = new PageoutScan(bed.pages, bed.cleaner, swap, victims, relief);
  private final VmObject o = bed.object(FRAMES);
  private final VmObject ballast = bed.object(FRAMES);
  private final List<VmObject> others = new ArrayList<>();

  /** What the daemon hears of the pagers. */
  private static final class Swap implements SwapState {
    boolean usable = true;
    boolean busy;
    long written;
    long failed;

    @Override
    public boolean isUsable() {
      return usable;
    }

    @Override
    public boolean isBusy() {
      return busy;
    }

    @Override
    public long pagesWritten() {
      return written;
    }

    @Override
    public long pagesFailed() {
      return failed;
    }
  }

  /** Processes to be killed. */
  private static final class Victims implements ProcessWalker {
    int asked;

    @Override
    public boolean killLargest() {
      asked++;
      return true;
    }

    @Override
    public void swapOutIdle() {}

    @Override
    public List<OverLimit> overLimit() {
      return List.of();
    }

    @Override
    public boolean anyLive() {
      return true;
    }
  }

  /** Who is asked for help. */
  private static final class Relief implements ShortageRelief {
    int trims;
    int swapOuts;
    int syncs;

    @Override
    public void requestVmDaemon(boolean swapOut) {
      trims++;
      swapOuts += swapOut ? 1 : 0;
    }

    @Override
    public void requestSync() {
      syncs++;
    }
  }

  @AfterEach
  void close() {
    if (o.pip() != 0) { // a failed test: the object cannot end
      bed.doNotCheck();
    } else {
      others.add(o);
      others.add(ballast);
      for (VmObject x : others) {
        x.deallocate();
      }
    }
    bed.close();
  }

  /** Uses up memory, by wired pages that no scan meets, until so many frames are free. */
  private void leaveFree(int frames) {
    for (int i = ballast.residentPageCount(); bed.freeList.freeCount() > frames; i++) {
      VmPage m = bed.put(ballast, i, 1);
      bed.mappings.mapWired(m);
    }
    assertThat(bed.freeList.freeCount()).isEqualTo(frames);
  }

  private VmPage inactive(VmObject object, int i, boolean dirty) {
    VmPage m = bed.put(object, i, i);
    if (!dirty) {
      bed.locked(object, () -> m.clearDirty(VmPage.ALL_CHUNKS));
    }
    bed.queues.deactivate(m);
    return m;
  }

  private VmPage clean(int i) {
    return inactive(o, i, false);
  }

  private VmPage dirty(int i) {
    return inactive(o, i, true);
  }

  private static void assertQueue(VmPage m, int queue) {
    assertThat(m.queue()).as("queue of %s", m).isEqualTo(queue);
  }

  private VmPage inactiveHead() {
    bed.queues.lock.lock();
    try {
      VmPage m = bed.queues.inactiveHeadLocked();
      assertThat(m).isNotNull();
      return m;
    } finally {
      bed.queues.lock.unlock();
    }
  }

  /** Runs {@code body} while another thread holds O(object). */
  private void whileLocked(VmObject object, Runnable body) {
    AtomicBoolean held = new AtomicBoolean();
    AtomicBoolean done = new AtomicBoolean();
    Bed.Actor other = bed.start("other", () -> {
      object.lock.lock();
      held.set(true);
      while (!done.get()) {
        Thread.onSpinWait();
      }
      object.lock.unlock();
    });
    bed.until("the other holds O", held::get);
    try {
      body.run();
    } finally {
      done.set(true);
      other.join();
    }
  }

  @Nested
  class Inactive {
    @Test
    void aCleanPage_isUnmapped_andCached() {
      VmPage m = clean(0);
      bed.mappings.map(m, true);
      leaveFree(TARGET - 1);
      assertThat(scan.scan()).isTrue();
      assertQueue(m, VmPage.QUEUE_CACHE);
      assertThat(m.pvFlags).isZero();
      assertThat(bed.domain.events(Event.PDPAGES.ordinal())).isEqualTo(1);
    }

    @Test
    void nothingIsLookedAt_whereEnoughIsFree() {
      VmPage m = clean(0);
      leaveFree(TARGET);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      assertThat(bed.domain.events(Event.PDPAGES.ordinal())).isZero();
    }

    @Test
    void theScanEnds_whereEnoughIsFreeOrCached() {
      VmPage[] ms = new VmPage[6];
      for (int i = 0; i < ms.length; i++) {
        ms[i] = clean(i);
      }
      leaveFree(TARGET - 2);
      scan.scan();
      assertQueue(ms[0], VmPage.QUEUE_CACHE);
      assertQueue(ms[1], VmPage.QUEUE_CACHE);
      assertQueue(ms[2], VmPage.QUEUE_INACTIVE);
    }

    @Test
    void aPageReferencedInSoftware_isReactivated_andAgesLater() {
      VmPage m = clean(0);
      m.setReferenced(true);
      leaveFree(TARGET - 1);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_ACTIVE);
      assertThat(m.isReferenced()).isFalse();
      assertThat(m.actCount()).isEqualTo(5 + 3);
    }

    @Test
    void aPageReferencedByHardware_isReactivated_andItsBitsCleared() {
      VmPage m = dirty(0);
      bed.mappings.map(m, true);
      bed.mappings.touch(m);
      leaveFree(TARGET - 1);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_ACTIVE);
      assertThat(bed.mappings.isReferenced(m)).isFalse();
      assertThat(bed.cleaner.written).isEmpty();
    }

    @Test
    void referencesToAnObjectThatNobodyUses_doNotCount() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(4);
      VmPage m = inactive(file, 0, false);
      m.setReferenced(true);
      bed.locked(file, () -> assertThat(file.refCount()).isEqualTo(1));
      leaveFree(TARGET - 1);
      unreferenced(file, scan::scan);
      assertQueue(m, VmPage.QUEUE_CACHE);
      end(file);
    }

    @Test
    void anInvalidPage_isFreed() {
      VmPage m = clean(0);
      bed.locked(o, () -> m.setValid(0));
      bed.mappings.map(m, false);
      leaveFree(TARGET - 1);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_FREE);
      assertThat(bed.domain.events(Event.DFREE.ordinal())).isEqualTo(1);
    }

    @Test
    void aCleanPageOfABuffer_stays_atTheTail() {
      VmPage m = clean(0);
      VmPage other = clean(1);
      bed.locked(o, () -> m.addBmapped(1));
      leaveFree(TARGET - 1);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      assertQueue(other, VmPage.QUEUE_CACHE);
      bed.locked(o, () -> m.addBmapped(-1));
    }

    @Test
    void aStoreThatComesToLightOnlyInTheUnmapping_keepsThePage() {
      VmPage m = clean(0);
      bed.mappings.map(m, true);
      bed.mappings.storeUnseen(m);
      leaveFree(TARGET - 1);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      assertThat(m.dirty()).as("R24").isEqualTo(VmPage.ALL_CHUNKS);
    }

    @Test
    void busyAndHeldPages_areRotated() {
      VmPage busy = clean(0);
      VmPage inIo = clean(1);
      VmPage held = clean(2);
      VmPage idle = clean(3);
      bed.locked(o, () -> busy.setBusy(bed.self));
      bed.locked(o, () -> inIo.addBusyCount(1, "an I/O"));
      bed.queues.addHold(held, 1);
      leaveFree(TARGET - 1);
      scan.scan();
      for (VmPage m : new VmPage[] {busy, inIo, held}) {
        assertQueue(m, VmPage.QUEUE_INACTIVE);
      }
      assertQueue(idle, VmPage.QUEUE_CACHE);
      assertThat(inactiveHead()).isSameAs(busy);
      bed.locked(o, () -> bed.pages.wakeup(busy));
      bed.locked(o, () -> bed.pages.endIo(inIo, "an I/O"));
      bed.queues.addHold(held, -1);
    }

    @Test
    void pagesOfAnObjectThatIsLocked_areRotated_theRestIsDone() {
      VmPage m = clean(0);
      VmObject other = bed.object(4);
      others.add(other);
      VmPage n = inactive(other, 0, false);
      leaveFree(TARGET - 2);
      whileLocked(o, scan::scan);
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      assertQueue(n, VmPage.QUEUE_CACHE);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_CACHE);
    }

    @Test
    void aDirtyPage_isLaundered_andCachedByTheNextPass() {
      VmPage m = dirty(3);
      leaveFree(TARGET - 1);
      scan.scan();
      assertThat(bed.cleaner.written).containsExactly(3L * Bed.PAGE);
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      scan.scan();
      assertQueue(m, VmPage.QUEUE_CACHE);
    }

    @Test
    void aPageDirtiedThroughItsMapping_isLaundered() {
      VmPage m = clean(3);
      bed.mappings.map(m, true);
      bed.mappings.store(m);
      bed.mappings.clearReference(m);
      leaveFree(TARGET - 1);
      scan.scan();
      assertThat(bed.cleaner.written).containsExactly(3L * Bed.PAGE);
    }

    @Test
    void onePass_laundersNoMoreThanItsBudget_inClusters() {
      ScriptedPager pager = new ScriptedPager(bed.swap);
      pager.answers = new PagerReturn[8];
      Arrays.fill(pager.answers, PagerReturn.PEND);
      bed.objects.setPager(ObjectType.DEFAULT, pager);
      PageoutScan real = new PageoutScan(bed.pages, new PageoutClean(bed.objects), swap, victims, relief);
      VmPage[] ms = new VmPage[20];
      for (int i = 0; i < ms.length; i++) {
        ms[i] = i == 16 ? clean(i) : dirty(i);
      }
      leaveFree(TARGET - 2);
      real.scan();
      assertThat(pager.puts.stream().map(List::size)).containsExactly(8, 8); // 16: a machine of up to 1800 pages
      assertThat(ms[15].isBusy()).isTrue();
      assertQueue(ms[16], VmPage.QUEUE_CACHE);
      assertThat(ms[17].isBusy()).isFalse();
      bed.locked(o, () -> {
        for (int i = 0; i < 16; i++) {
          bed.pages.wakeup(ms[i]);
        }
        o.pipDown(16);
      });
    }

    @Test
    void aRefusedWrite_takesFromTheBudget_andGoesToTheTail() {
      for (int i = 0; i < 20; i++) {
        dirty(i);
        bed.cleaner.failing.add((long) i * Bed.PAGE);
      }
      leaveFree(TARGET - 1);
      scan.scan();
      assertThat(bed.cleaner.written).isEmpty();
      assertThat(inactiveHead().offset()).as("the budget ended after 16").isZero();
      assertThat(bed.queues.lengths()[1]).isEqualTo(20);
    }

    @Test
    void aFilesPage_isWritten_whereItsVnodeIsFree() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(4);
      VmPage m = inactive(file, 2, true);
      bed.cleaner.onWrite = () -> assertThat(v.lock.isHeld()).as("V in the write").isTrue();
      leaveFree(TARGET - 1);
      scan.scan();
      assertThat(bed.cleaner.written).containsExactly(2L * Bed.PAGE);
      assertThat(v.lock.isHeld()).isFalse();
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      bed.cleaner.onWrite = null;
      end(file);
    }

    @Test
    void aFilesPage_isRotated_whereItsVnodeIsTaken() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(4);
      inactive(file, 2, true);
      leaveFree(TARGET - 1);
      AtomicBoolean held = new AtomicBoolean();
      AtomicBoolean done = new AtomicBoolean();
      Bed.Actor other = bed.start("other", () -> {
        v.lock();
        held.set(true);
        while (!done.get()) {
          Thread.onSpinWait();
        }
        v.unlock();
      });
      bed.until("the other holds V", held::get);
      scan.scan();
      done.set(true);
      other.join();
      assertThat(bed.cleaner.written).isEmpty();
      end(file);
    }
  }

  /** Runs {@code body} while {@code file} has no reference and is on the list of cached objects. */
  private void unreferenced(VmObject file, Runnable body) {
    file.deallocate(); // clean, with pages: it persists
    assertThat(file.refCount()).isZero();
    body.run();
    file.reference();
  }

  private void end(VmObject file) {
    bed.locked(file, () -> file.setCanPersist(false));
    file.deallocate();
  }

  @Nested
  class Active {
    private VmPage active(VmObject object, int i) {
      VmPage m = bed.put(object, i, i);
      bed.locked(object, () -> m.clearDirty(VmPage.ALL_CHUNKS));
      m.setActCount(AGED_TO);
      return m;
    }

    @Test
    void anUnreferencedPage_ages_untilItIsDeactivated() {
      VmPage m = active(o, 0);
      leaveFree(1);
      for (int age = AGED_TO - 1; age > 0; age--) {
        scan.scan();
        assertQueue(m, VmPage.QUEUE_ACTIVE);
        assertThat(m.actCount()).isEqualTo(age);
      }
      scan.scan();
      assertQueue(m, VmPage.QUEUE_INACTIVE);
    }

    @Test
    void aReferencedPage_growsYounger_andLosesTheBit() {
      VmPage m = active(o, 0);
      bed.mappings.map(m, false);
      bed.mappings.touch(m);
      leaveFree(1);
      scan.scan();
      assertThat(m.actCount()).isEqualTo(AGED_TO + 3);
      assertThat(bed.mappings.isReferenced(m)).isFalse();
      assertThat(m.isReferenced()).isFalse();
      scan.scan();
      assertThat(m.actCount()).isEqualTo(AGED_TO + 2);
    }

    @Test
    void theAge_hasALimit() {
      VmPage m = active(o, 0);
      m.setActCount(99);
      leaveFree(1);
      for (int i = 0; i < 3; i++) {
        m.setReferenced(true);
        scan.scan();
      }
      assertThat(m.actCount()).isEqualTo(102); // I-18: tested before 3 are added
    }

    @Test
    void busyAndHeldPages_doNotAge() {
      VmPage busy = active(o, 0);
      VmPage held = active(o, 1);
      VmPage idle = active(o, 2);
      bed.locked(o, () -> busy.setBusy(bed.self));
      bed.queues.addHold(held, 1);
      leaveFree(1);
      scan.scan();
      assertThat(busy.actCount()).isEqualTo(AGED_TO);
      assertThat(held.actCount()).isEqualTo(AGED_TO);
      assertThat(idle.actCount()).isEqualTo(AGED_TO - 1);
      bed.locked(o, () -> bed.pages.wakeup(busy));
      bed.queues.addHold(held, -1);
    }

    @Test
    void pagesOfAnObjectThatIsLocked_doNotAge() {
      VmPage m = active(o, 0);
      leaveFree(1);
      whileLocked(o, scan::scan);
      assertThat(m.actCount()).isEqualTo(AGED_TO);
    }

    @Test
    void noPageAges_whereInactiveOnesAreEnough() {
      VmPage m = active(o, 0);
      for (int i = 1; i <= FRAMES / 4; i++) { // inactive_target
        dirty(i);
      }
      leaveFree(TARGET);
      scan.scan();
      assertThat(m.actCount()).isEqualTo(AGED_TO);
    }

    @Test
    void deactivationEnds_whereTheShortageIsMet() {
      for (int i = 0; i < FRAMES / 4; i++) {
        dirty(i);
      }
      bed.queues.activate(bed.page(o, 0));
      VmPage[] ms = new VmPage[4];
      for (int i = 0; i < ms.length; i++) {
        ms[i] = active(o, FRAMES / 4 + i);
        ms[i].setActCount(1);
      }
      VmPage first = bed.page(o, 0);
      assertThat(first).isNotNull();
      first.setActCount(1);
      for (int i = 1; i < FRAMES / 4; i++) {
        bed.cleaner.failing.add((long) i * Bed.PAGE);
      }
      leaveFree(0); // inactive_target - (0 + 15 + 0) = 1
      scan.scan();
      assertQueue(first, VmPage.QUEUE_INACTIVE);
      for (VmPage m : ms) {
        assertQueue(m, VmPage.QUEUE_ACTIVE);
      }
    }

    @Test
    void aCleanPageOfAnObjectThatNobodyUses_isCachedAtOnce() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(4);
      VmPage m = active(file, 0);
      m.setActCount(1);
      m.setReferenced(true);
      leaveFree(RESERVED);
      unreferenced(file, scan::scan);
      assertQueue(m, VmPage.QUEUE_CACHE);
      end(file);
    }
  }

  @Nested
  class CacheTrimming {
    @Test
    void cachedPages_areFreed_oldestFirst_upToTheReserve() {
      VmPage[] ms = new VmPage[6];
      for (int i = 0; i < ms.length; i++) {
        ms[i] = bed.putCached(o, i, i);
      }
      leaveFree(RESERVED - 2);
      scan.scan();
      for (int i = 0; i < ms.length; i++) {
        assertQueue(ms[i], i < 2 ? VmPage.QUEUE_FREE : VmPage.QUEUE_CACHE);
      }
      assertThat(bed.freeList.freeCount()).isEqualTo(RESERVED);
    }

    @Test
    void busyAndHeldPages_andThoseOfLockedObjects_areLeftAlone() {
      VmObject other = bed.object(4);
      others.add(other);
      VmPage locked = bed.putCached(other, 0, 1);
      VmPage held = bed.putCached(o, 0, 1);
      VmPage idle = bed.putCached(o, 1, 1);
      bed.queues.addHold(held, 1);
      leaveFree(RESERVED - 3);
      whileLocked(other, scan::scan);
      assertQueue(locked, VmPage.QUEUE_INACTIVE); // out of the way of those behind it
      assertQueue(held, VmPage.QUEUE_CACHE);
      assertQueue(idle, VmPage.QUEUE_FREE);
      bed.queues.addHold(held, -1);
    }
  }

  @Nested
  class AskingForHelp {
    @Test
    void shortOfTheTarget_processesAreToBeSwappedOut_ifThereIsSwap() {
      leaveFree(TARGET - 1);
      swap.usable = false;
      scan.scan();
      assertThat(relief.swapOuts).isZero();
      swap.usable = true;
      scan.scan();
      assertThat(relief.swapOuts).isEqualTo(1);
      assertThat(relief.syncs).isZero();
    }

    @Test
    void withEnoughToTake_nobodyIsAsked() {
      leaveFree(FRAMES / 4 + MIN); // inactive_target and free_min
      scan.scan();
      assertThat(relief.trims).isZero();
    }

    @Test
    void fewInactivePages_callForTrimming() {
      swap.usable = false;
      leaveFree(FRAMES / 4 + MIN - 1);
      scan.scan();
      assertThat(relief.trims).isEqualTo(1);
      assertThat(relief.swapOuts).isZero();
    }

    @Test
    void filesThatHadToBePassedOver_areToBeSynced_belowTheMinimum() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(4);
      inactive(file, 2, true);
      AtomicBoolean held = new AtomicBoolean();
      AtomicBoolean done = new AtomicBoolean();
      Bed.Actor other = bed.start("other", () -> {
        v.lock();
        held.set(true);
        while (!done.get()) {
          Thread.onSpinWait();
        }
        v.unlock();
      });
      bed.until("the other holds V", held::get);
      bed.locked(file, () -> file.setWriteable(true));
      leaveFree(MIN);
      scan.scan();
      assertThat(relief.syncs).as("at the minimum").isZero();
      leaveFree(MIN - 1);
      bed.locked(file, () -> file.setWriteable(false));
      scan.scan();
      assertThat(relief.syncs).as("a file that nobody stores to").isZero();
      bed.locked(file, () -> file.setWriteable(true));
      scan.scan();
      assertThat(relief.syncs).isEqualTo(1);
      done.set(true);
      other.join();
      bed.locked(file, () -> file.setWriteable(false));
      end(file);
    }
  }

  @Nested
  class Killing {
    private static final int PATIENCE = 12; // passes without progress before anybody is killed
    private static final int RESPECT = 8; // passes without progress before references save nothing

    private void passes(int n) {
      for (int i = 0; i < n; i++) {
        scan.scan();
      }
    }

    @Test
    void withoutSwap_aVictimIsChosen_afterPassesThatBroughtNothing() {
      swap.usable = false;
      leaveFree(MIN - 1);
      passes(PATIENCE - 1);
      assertThat(victims.asked).as("every lock may have been missed so far").isZero();
      assertThat(scan.scan()).isFalse();
      assertThat(victims.asked).isEqualTo(1);
    }

    @Test
    void withSwap_nobodyIsKilled() {
      leaveFree(MIN - 1);
      passes(3 * PATIENCE);
      assertThat(victims.asked).isZero();
    }

    @Test
    void withEnoughMemory_nobodyIsKilled() {
      swap.usable = false;
      leaveFree(MIN);
      passes(3 * PATIENCE);
      assertThat(victims.asked).isZero();
    }

    @Test
    void aWriteUnderWay_isWaitedFor() {
      swap.usable = false;
      swap.busy = true;
      leaveFree(MIN - 1);
      passes(3 * PATIENCE);
      assertThat(victims.asked).isZero();
      swap.busy = false;
      scan.scan();
      assertThat(victims.asked).isEqualTo(1);
    }

    @Test
    void whatIsFreed_orWrittenWell_meansProgress() {
      swap.usable = false;
      leaveFree(MIN - 2);
      passes(PATIENCE - 1);
      swap.written++;
      assertThat(scan.scan()).isTrue();
      passes(PATIENCE - 1);
      VmPage m = clean(0);
      assertThat(scan.scan()).isTrue();
      assertQueue(m, VmPage.QUEUE_CACHE);
      passes(PATIENCE - 1);
      assertThat(victims.asked).isZero();
    }

    @Test
    void writesThatOnlyFail_areAsGoodAsNoSwap_evenWithOthersUnderWay() {
      VmPage[] ms = new VmPage[8];
      for (int i = 0; i < ms.length; i++) {
        ms[i] = dirty(i);
      }
      swap.busy = true;
      leaveFree(MIN - 1);
      bed.cleaner.onWrite = () -> swap.failed++;
      for (VmPage m : ms) {
        bed.cleaner.failing.add(m.offset());
      }
      passes(PATIENCE - 1);
      assertThat(victims.asked).isZero();
      scan.scan();
      assertThat(victims.asked).isEqualTo(1);
      bed.cleaner.onWrite = null;
      passes(PATIENCE);
      assertThat(victims.asked).as("the next victim only after new failures").isEqualTo(1);
    }

    @Test
    void writesThatAreRefused_countAsFailed_ifNoneIsUnderWay() {
      dirty(0);
      bed.cleaner.failing.add(0L);
      swap.busy = true;
      leaveFree(MIN - 1);
      passes(2 * PATIENCE);
      assertThat(victims.asked).isZero();
      swap.busy = false;
      passes(PATIENCE);
      assertThat(victims.asked).isPositive();
    }

    @Test
    void afterMemoryWasFine_theAccountBeginsAnew() {
      swap.usable = false;
      leaveFree(MIN - 1);
      passes(PATIENCE - 1);
      scan.memoryFine();
      passes(PATIENCE - 1);
      assertThat(victims.asked).isZero();
    }

    @Test
    void agingAlone_bringsAnotherPassAtOnce_onlySoOften() {
      swap.usable = false;
      VmPage m = bed.put(o, 0, 1);
      bed.cleaner.failing.add(0L);
      leaveFree(1);
      int atOnce = 0;
      for (int i = 0; i < 3 * PATIENCE; i++) {
        m.setReferenced(true);
        atOnce += scan.scan() ? 1 : 0;
      }
      assertThat(atOnce).isEqualTo(RESPECT - 1);
      assertThat(victims.asked).isPositive();
    }

    @Test
    void aPageThatHardwareReferencesAllTheTime_isTakenAllTheSame_whereNothingElseHelps() {
      VmPage m = clean(0);
      bed.queues.activate(m);
      bed.mappings.map(m, false);
      leaveFree(1);
      for (int i = 0; i <= RESPECT; i++) {
        assertQueue(m, VmPage.QUEUE_ACTIVE);
        bed.mappings.touch(m); // HW6: the TLB loads what it likes
        scan.scan();
      }
      assertQueue(m, VmPage.QUEUE_INACTIVE);
      bed.mappings.touch(m);
      assertThat(scan.scan()).as("progress").isTrue();
      assertQueue(m, VmPage.QUEUE_FREE);
      assertThat(victims.asked).isZero();
    }
  }
}
