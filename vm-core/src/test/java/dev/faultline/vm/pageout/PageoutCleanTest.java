package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.bed.StubVnode;
import dev.faultline.vm.object.Cleaner.How;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** vm_pageout_clean: which pages go together, and what becomes of them (vm-semantics 3.5, pageout_clean 1 to 6). */
@Timeout(60)
final class PageoutCleanTest {
  private static final int SIZE = 20;

  private final Bed bed = Bed.builder().frames(64).thresholds(1, 10, 14, 18, 26).build();
  private final PageoutClean cleaner = new PageoutClean(bed.objects);
  private final ScriptedPager pager = new ScriptedPager(bed.swap);
  private final VmObject o = bed.object(SIZE);

  @BeforeEach
  void script() {
    bed.objects.setPager(ObjectType.DEFAULT, pager);
    bed.objects.setPager(ObjectType.SWAP, pager);
  }

  @AfterEach
  void close() {
    if (o.pip() != 0) { // a failed test: its object cannot end
      bed.doNotCheck();
    } else {
      o.deallocate();
    }
    bed.close();
  }

  /** Gives o dirty inactive pages at the indexes [from, to). */
  private void inactive(VmObject object, int from, int to) {
    for (int i = from; i < to; i++) {
      bed.queues.deactivate(bed.put(object, i, i));
    }
  }

  private VmPage page(int i) {
    VmPage m = bed.page(o, i);
    assertThat(m).as("page %d", i).isNotNull();
    return m;
  }

  private int clean(VmObject object, int i, How how) {
    VmPage m = bed.page(object, i);
    assertThat(m).isNotNull();
    object.lock.lock();
    int n = cleaner.clean(object, m, how);
    assertThat(object.lock.isHeld()).as("O on return").isFalse();
    return n;
  }

  private static List<Long> offsets(int from, int to) {
    return IntStream.range(from, to).mapToObj(i -> (long) i * Bed.PAGE).toList();
  }

  private void assertCluster(int from, int to) {
    assertThat(pager.puts).as("clusters").containsExactly(offsets(from, to));
  }

  @Nested
  class Cluster {
    @Test
    void growsBothWays_aheadFirst_toEightPages() {
      inactive(o, 0, SIZE);
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(8);
      assertCluster(7, 15); // 10, then 11, 9, 12, 8, 13, 7, 14
      assertThat(pager.syncs).containsExactly(false);
    }

    @Test
    void atTheBeginning_growsAheadAlone() {
      inactive(o, 0, SIZE);
      assertThat(clean(o, 0, How.ASYNC)).isEqualTo(8);
      assertCluster(0, 8);
    }

    @Test
    void atTheEnd_growsBackAlone() {
      inactive(o, 0, SIZE);
      assertThat(clean(o, SIZE - 1, How.ASYNC)).isEqualTo(8);
      assertCluster(SIZE - 8, SIZE);
    }

    @Test
    void withTheBeginningNear_takesThatAndTheRestAhead() {
      inactive(o, 0, SIZE);
      assertThat(clean(o, 2, How.ASYNC)).isEqualTo(8);
      assertCluster(0, 8);
    }

    @Test
    void aPageAlone_goesAlone() {
      inactive(o, 10, 11);
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(1);
      assertCluster(10, 11);
    }

    @Test
    void endsBeforeAGap_inEachDirection() {
      inactive(o, 5, 9);
      inactive(o, 10, 13);
      inactive(o, 14, 18);
      assertThat(clean(o, 11, How.ASYNC)).isEqualTo(3);
      assertCluster(10, 13);
    }

    private void endsBefore(Consumer<VmPage> spoil, Consumer<VmPage> mend) {
      inactive(o, 5, 15);
      bed.locked(o, () -> spoil.accept(bed.pages.lookup(o, 8L * Bed.PAGE)));
      bed.locked(o, () -> spoil.accept(bed.pages.lookup(o, 11L * Bed.PAGE)));
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(2);
      assertCluster(9, 11);
      bed.locked(o, () -> mend.accept(bed.pages.lookup(o, 8L * Bed.PAGE)));
      bed.locked(o, () -> mend.accept(bed.pages.lookup(o, 11L * Bed.PAGE)));
    }

    @Test
    void endsBeforeABusyPage() {
      endsBefore(m -> m.setBusy(bed.self), bed.pages::wakeup);
    }

    @Test
    void endsBeforeAPageInBufferIo() {
      endsBefore(m -> m.addBusyCount(1, "an I/O"), m -> m.addBusyCount(-1, "an I/O"));
    }

    @Test
    void endsBeforeACleanPage() {
      endsBefore(m -> m.clearDirty(VmPage.ALL_CHUNKS), m -> {});
    }

    @Test
    void endsBeforeAPageDirtyOnlyWhereItIsInvalid() {
      endsBefore(m -> m.setValid(0), m -> m.setValid(VmPage.ALL_CHUNKS));
    }

    @Test
    void endsBeforeAHeldPage() {
      endsBefore(m -> bed.queues.addHold(m, 1), m -> bed.queues.addHold(m, -1));
    }

    @Test
    void endsBeforeAWiredPage() {
      endsBefore(m -> wire(m, true), m -> wire(m, false));
    }

    @Test
    void endsBeforeAnActivePage() {
      endsBefore(m -> bed.queues.activate(m), m -> {});
    }

    @Test
    void endsBeforeACachedPage() {
      inactive(o, 9, 11);
      bed.putCached(o, 8, 8);
      bed.putCached(o, 11, 11);
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(2);
      assertCluster(9, 11);
    }

    @Test
    void force_takesActivePagesAlong() {
      inactive(o, 5, 15);
      for (int i = 5; i < 15; i++) {
        bed.queues.activate(page(i));
      }
      assertThat(clean(o, 10, How.FORCE)).isEqualTo(8);
      assertCluster(7, 15);
      assertThat(pager.syncs).containsExactly(true);
    }

    @Test
    void start_isForce_withoutWaiting() {
      inactive(o, 5, 15);
      for (int i = 5; i < 15; i++) {
        bed.queues.activate(page(i));
      }
      assertThat(clean(o, 10, How.START)).isEqualTo(8);
      assertCluster(7, 15);
      assertThat(pager.syncs).containsExactly(false);
    }

    @Test
    void takesAPageWhoseStoreOnlyTheMappingKnows() {
      inactive(o, 10, 12);
      VmPage next = page(11);
      bed.locked(o, () -> next.clearDirty(VmPage.ALL_CHUNKS));
      bed.mappings.map(next, true);
      bed.mappings.store(next);
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(2);
    }

    @Test
    void goesOutBusy_writeProtected_withAPipEach_andStaysQueued() {
      inactive(o, 10, 13);
      for (int i = 10; i < 13; i++) {
        bed.mappings.map(page(i), true);
      }
      pager.onPut = ms -> {
        assertThat(o.lock.isHeld()).isFalse();
        assertThat(o.pip()).isEqualTo(3);
        for (VmPage m : ms) {
          assertThat(m.isBusyBy(bed.self)).isTrue();
          assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED);
          assertThat(m.isInactive()).isTrue();
        }
      };
      assertThat(clean(o, 11, How.ASYNC)).isEqualTo(3);
      assertThat(o.pip()).isZero();
    }

    @Test
    void async_collapsesFirst() {
      VmObject bottom = bed.object(SIZE);
      inactive(bottom, 10, 11);
      VmObject top = bed.objects.shadow(bottom, 0, (long) SIZE * Bed.PAGE); // the only one that needs bottom
      inactive(top, 11, 12);
      assertThat(clean(top, 11, How.ASYNC)).isEqualTo(2);
      assertThat(top.backing()).isNull();
      assertCluster(10, 12);
      top.deallocate();
    }

    private void wire(VmPage m, boolean on) {
      bed.queues.lock.lock();
      if (on) {
        bed.queues.wireLocked(m);
      } else {
        bed.queues.unwireLocked(m);
      }
      bed.queues.lock.unlock();
    }
  }

  @Nested
  class Refused {
    @Test
    void aHeldPage_whereNobodyWaits() {
      inactive(o, 10, 11);
      bed.queues.addHold(page(10), 1);
      assertThat(clean(o, 10, How.ASYNC)).isZero();
      assertThat(pager.puts).isEmpty();
      assertThat(clean(o, 10, How.SYNC)).isEqualTo(1);
      bed.queues.addHold(page(10), -1);
    }

    @ParameterizedTest
    @EnumSource(How.class)
    void aBusyPage(How how) {
      inactive(o, 10, 11);
      VmPage m = page(10);
      bed.locked(o, () -> m.setBusy(bed.self));
      assertThat(clean(o, 10, how)).isZero();
      bed.locked(o, () -> bed.pages.wakeup(m));
      bed.locked(o, () -> m.addBusyCount(1, "an I/O"));
      assertThat(clean(o, 10, how)).isZero();
      bed.locked(o, () -> bed.pages.endIo(m, "an I/O"));
      assertThat(pager.puts).isEmpty();
    }

    @Test
    void aFilesPage_whereMemoryIsTooShortForTheWriteItself() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(SIZE);
      ScriptedPager files = new ScriptedPager(bed.objects.pager(ObjectType.VNODE));
      bed.objects.setPager(ObjectType.VNODE, files);
      inactive(file, 0, 1);
      inactive(o, 0, 1);
      VmObject ballast = bed.object(64);
      for (int i = 0; bed.freeList.freeCount() > 9; i++) { // below pageout_free_min
        bed.put(ballast, i, 1);
      }
      v.lock();
      assertThat(clean(file, 0, How.ASYNC)).isZero();
      assertThat(clean(file, 0, How.SYNC)).isZero();
      assertThat(clean(o, 0, How.ASYNC)).as("a page for swap").isEqualTo(1);
      assertThat(clean(file, 0, How.FORCE)).isEqualTo(1);
      VmPage again = bed.page(file, 0);
      assertThat(again).isNotNull();
      bed.locked(file, () -> again.orDirty(VmPage.ALL_CHUNKS));
      ballast.deallocate();
      assertThat(clean(file, 0, How.ASYNC)).as("with memory").isEqualTo(1);
      v.unlock();
      assertThat(files.puts).hasSize(2);
      file.lock.lock();
      file.setCanPersist(false);
      file.lock.unlock();
      file.deallocate();
    }
  }

  @Nested
  class Results {
    private VmPage after(PagerReturn answer, int written) {
      inactive(o, 10, 11);
      pager.answers = new PagerReturn[] {answer};
      assertThat(clean(o, 10, How.ASYNC)).isEqualTo(written);
      return page(10);
    }

    private void assertIdle(VmPage m) {
      assertThat(m.isBusyAnyway()).isFalse();
      assertThat(o.pip()).isZero();
    }

    @Test
    void ok_leavesTheCleanPageWhereItWas() {
      VmPage m = after(PagerReturn.OK, 1);
      assertThat(m.dirty()).isZero();
      assertThat(m.isInactive()).isTrue();
      assertIdle(m);
    }

    @Test
    void pend_leavesPageAndPipToTheCompletion() {
      VmPage m = after(PagerReturn.PEND, 1);
      assertThat(m.isBusy()).isTrue();
      assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(o.pip()).isEqualTo(1);
      bed.locked(o, () -> {
        bed.pages.wakeup(m);
        o.pipDown(1);
      });
    }

    @Test
    void bad_dropsTheChanges() {
      VmPage m = after(PagerReturn.BAD, 0);
      assertThat(m.dirty()).isZero();
      assertIdle(m);
    }

    @ParameterizedTest
    @EnumSource(value = PagerReturn.class, names = {"ERROR", "FAIL"})
    void aFailedWrite_leavesThePageDirty_andActive(PagerReturn answer) {
      VmPage m = after(answer, 0);
      assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(m.isActive()).isTrue();
      assertIdle(m);
    }

    @Test
    void again_leavesThePageAsItWas() {
      VmPage m = after(PagerReturn.AGAIN, 0);
      assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(m.isInactive()).isTrue();
      assertIdle(m);
    }

    @Test
    void whoWantsThePageMeanwhile_isWoken_andThePageActive() {
      pager.onPut = ms -> bed.locked(o, () -> ms[0].setWanted());
      VmPage m = after(PagerReturn.OK, 1);
      assertThat(m.isWanted()).isFalse();
      assertThat(m.isActive()).isTrue();
      assertIdle(m);
    }

    @Test
    void aReferenceMeanwhile_makesThePageActive_once() {
      pager.onPut = ms -> ms[0].setReferenced(true);
      VmPage m = after(PagerReturn.OK, 1);
      assertThat(m.isReferenced()).isFalse();
      assertThat(m.isActive()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(PagerReturn.class)
    void cleanAndWait_tellsOfThePageItself_notOfItsNeighbours(PagerReturn own) {
      if (own == PagerReturn.PEND) { // never of a write that is waited for
        return;
      }
      inactive(o, 10, 13);
      for (PagerReturn others : new PagerReturn[] {PagerReturn.OK, PagerReturn.ERROR}) {
        for (int i = 10; i < 13; i++) {
          VmPage m = page(i);
          bed.locked(o, () -> m.orDirty(VmPage.ALL_CHUNKS));
        }
        pager.answers = new PagerReturn[] {others, own, others};
        VmPage m = page(11);
        o.lock.lock();
        boolean written = cleaner.cleanAndWait(o, m);
        assertThat(written).isEqualTo(own == PagerReturn.OK || own == PagerReturn.BAD);
        assertThat(o.lock.isHeld()).isFalse();
        assertIdle(m);
      }
      assertThat(pager.syncs).containsOnly(true);
    }

    @Test
    void eachPageOfACluster_fares_asItsOwnAnswerSays() {
      inactive(o, 10, 15);
      pager.answers = new PagerReturn[] {
        PagerReturn.OK, PagerReturn.ERROR, PagerReturn.PEND, PagerReturn.AGAIN, PagerReturn.BAD
      };
      assertThat(clean(o, 12, How.ASYNC)).isEqualTo(2);
      assertThat(page(10).dirty()).isZero();
      assertThat(page(11).isActive()).isTrue();
      assertThat(page(12).isBusy()).isTrue();
      assertThat(page(13).dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(page(13).isInactive()).isTrue();
      assertThat(page(14).dirty()).isZero();
      assertThat(o.pip()).isEqualTo(1);
      VmPage pending = page(12);
      bed.locked(o, () -> {
        bed.pages.wakeup(pending);
        o.pipDown(1);
      });
    }
  }
}
