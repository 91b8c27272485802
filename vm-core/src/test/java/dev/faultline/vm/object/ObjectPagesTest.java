package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.bed.StubVnode;
import dev.faultline.vm.page.VmPage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** page_clean, page_remove, pmap_copy, pmap_remove, coalesce (vm-semantics 3.3). */
@Timeout(60)
final class ObjectPagesTest {
  private static final int SIZE = 8;

  private final Bed bed = Bed.of(64);
  private final StubVnode v = new StubVnode(bed);
  private final ObjectPages ranges = bed.objects.ranges();

  @AfterEach
  void close() {
    bed.close();
  }

  private static long at(int i) {
    return (long) i * Bed.PAGE;
  }

  private VmPage clean(VmObject o, int i) {
    VmPage m = bed.put(o, i, i);
    bed.locked(o, () -> m.clearDirty(VmPage.ALL_CHUNKS));
    return m;
  }

  private void busy(VmPage m, boolean on) {
    VmObject o = VmObject.of(m);
    bed.locked(
        o,
        () -> {
          if (on) {
            m.setBusy(bed.self);
          } else {
            bed.pages.wakeup(m);
          }
        });
  }

  @Nested
  class Remove {
    private final VmObject o = bed.object(SIZE);

    @Test
    void freesAndUnmaps_whatLiesInTheRange() {
      bed.put(o, 0, 1);
      VmPage mapped = bed.put(o, 1, 1);
      VmPage wired = bed.put(o, 2, 1);
      VmPage cached = bed.putCached(o, 3, 1);
      bed.put(o, 4, 1);
      bed.mappings.map(mapped, true);
      bed.mappings.mapWired(wired);
      ranges.remove(o, at(1), at(4), false);
      assertThat(o.residentPageCount()).isEqualTo(2);
      assertThat(bed.page(o, 0)).isNotNull();
      assertThat(bed.page(o, 4)).isNotNull();
      assertThat(cached.queue()).isEqualTo(VmPage.QUEUE_FREE);
      assertThat(bed.queues.wireCount()).as("wirings go with the mappings").isZero();
      assertThat(o.pip()).isZero();
      o.deallocate();
    }

    @Test
    void leavesPagesOfBuffers() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> m.addBmapped(1));
      ranges.remove(o, 0, at(SIZE), false);
      assertThat(bed.page(o, 0)).isSameAs(m);
      bed.locked(o, () -> m.addBmapped(-1));
      o.deallocate();
    }

    @Test
    void leavesWiredPages_ifOnlyCleanOnesAreToGo() {
      VmPage wired = clean(o, 1);
      bed.mappings.mapWired(wired);
      clean(o, 2);
      ranges.remove(o, 0, at(SIZE), true);
      assertThat(bed.page(o, 1)).isSameAs(wired);
      assertThat(wired.wireCount()).isEqualTo(1);
      assertThat(bed.page(o, 2)).isNull();
      bed.mappings.protect(wired, 0);
      bed.queues.activate(wired);
      o.deallocate();
    }

    @Test
    void leavesDirtyPages_ifOnlyCleanOnesAreToGo() {
      VmPage dirty = bed.put(o, 0, 1);
      clean(o, 1);
      VmPage stored = clean(o, 2);
      bed.mappings.map(stored, true);
      bed.mappings.store(stored);
      VmPage late = clean(o, 3);
      bed.mappings.map(late, true);
      bed.mappings.storeUnseen(late); // comes to light only when it is unmapped
      ranges.remove(o, 0, at(SIZE), true);
      assertThat(bed.page(o, 0)).isSameAs(dirty);
      assertThat(bed.page(o, 1)).isNull();
      assertThat(bed.page(o, 2)).isSameAs(stored);
      assertThat(stored.pvFlags).as("known to be dirty before it is unmapped").isNotZero();
      assertThat(bed.page(o, 3)).as("stored to between test and unmapping").isSameAs(late);
      bed.mappings.protect(stored, 0);
      o.deallocate();
    }

    /** While it waits, pip keeps the object, and whoever owns the page may do with it what he likes. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void waitsForBusyPages_andLooksAgain(boolean ownerFreesIt) {
      VmPage m = bed.allocBusy(o, 2);
      bed.put(o, 3, 1);
      Bed.Actor remover = bed.startAsleep("remover", m, () -> ranges.remove(o, 0, at(SIZE), false));
      assertThat(o.pip()).isEqualTo(1);
      bed.locked(
          o,
          () -> {
            if (ownerFreesIt) {
              bed.pages.freeBusy(m);
            } else {
              m.setValid(VmPage.ALL_CHUNKS);
              bed.pages.wakeup(m);
            }
          });
      remover.join();
      assertThat(o.residentPageCount()).isZero();
      assertThat(o.pip()).isZero();
      o.deallocate();
    }

    @Test
    void waitsForPagesInIo() {
      VmPage m = bed.put(o, 2, 1);
      bed.locked(o, () -> m.addBusyCount(1, "an I/O"));
      Bed.Actor remover = bed.startAsleep("remover", m, () -> ranges.remove(o, 0, at(SIZE), false));
      bed.locked(o, () -> bed.pages.endIo(m, "an I/O"));
      remover.join();
      assertThat(o.residentPageCount()).isZero();
      o.deallocate();
    }
  }

  @Nested
  class Clean {
    private final VmObject o = bed.file(v, SIZE);

    private boolean cleanAll() {
      v.lock();
      try {
        return ranges.clean(o, 0, 0, true);
      } finally {
        v.unlock();
      }
    }

    @AfterEach
    void end() {
      bed.cleaner.failing.clear();
      bed.cleaner.onWrite = null;
      bed.cleaner.afterWrite = null;
      o.deallocate();
    }

    @Test
    void doesNothing_unlessSomebodyMayHaveWritten() {
      bed.put(o, 0, 1);
      assertThat(cleanAll()).isTrue();
      assertThat(bed.cleaner.written).isEmpty();
    }

    @Test
    void writesWhatIsDirty_evenIfOnlyAMappingKnows() {
      bed.put(o, 0, 1);
      clean(o, 1);
      VmPage stored = clean(o, 2);
      bed.mappings.map(stored, true);
      bed.mappings.store(stored);
      VmPage touched = clean(o, 3);
      bed.mappings.map(touched, true);
      bed.locked(o, () -> o.setWriteable(true));
      assertThat(cleanAll()).isTrue();
      assertThat(bed.cleaner.written).containsExactly(at(0), at(2));
      assertThat(o.isWriteable()).isFalse();
      assertThat(stored.pvFlags).as("write-protected, still mapped").isEqualTo(VmPage.PV_MAPPED);
      assertThat(touched.pvFlags).as("the next store must set the flag again").isEqualTo(VmPage.PV_MAPPED);
      bed.mappings.protect(stored, 0);
      bed.mappings.protect(touched, 0);
    }

    /** From the lowest offset, whatever the order in which the pages came. */
    @Test
    void writesByRisingOffset() {
      for (int i : new int[] {5, 0, 7, 2}) {
        bed.put(o, i, 1);
      }
      bed.locked(o, () -> o.setWriteable(true));
      assertThat(cleanAll()).isTrue();
      assertThat(bed.cleaner.written).containsExactly(at(0), at(2), at(5), at(7));
    }

    @Test
    void partOfAnObject_keepsTheFlag() {
      bed.put(o, 0, 1);
      bed.put(o, 1, 1);
      bed.locked(o, () -> o.setWriteable(true));
      assertThat(ranges.clean(o, at(1), at(2), false)).isTrue();
      assertThat(bed.cleaner.written).containsExactly(at(1));
      assertThat(o.isWriteable()).isTrue();
    }

    @Test
    void whatIsStoredAgainAfterTheWrite_isNoFailure_evenIfProtectedAgain() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.afterWrite = () -> bed.locked(o, () -> m.orDirty(VmPage.ALL_CHUNKS));
      assertThat(cleanAll()).isTrue();
      assertThat(bed.cleaner.written).containsExactly(at(0));
    }

    @Test
    void aFailedWrite_isAFailure_evenIfThePageIsWritableAgain() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(0));
      bed.cleaner.afterWrite = () -> bed.mappings.map(m, true);
      assertThat(cleanAll()).isFalse();
      assertThat(o.isWriteable()).isTrue();
      bed.mappings.protect(m, 0);
    }

    @Test
    void aFailedWrite_isNoFailure_ifTheDaemonWroteThePageMeanwhile() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(0));
      bed.cleaner.afterWrite = () -> bed.locked(o, () -> m.clearDirty(VmPage.ALL_CHUNKS));
      assertThat(cleanAll()).isTrue();
    }

    /** What a mapping alone knows of may be among what was not written. */
    @Test
    void aFailedWrite_isAFailure_ifThePageIsDirtyOnlyByAMappingThen() {
      VmPage m = bed.put(o, 0, 1);
      bed.mappings.map(m, true);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(0));
      bed.cleaner.afterWrite = () -> {
        bed.locked(o, () -> m.clearDirty(VmPage.ALL_CHUNKS));
        bed.mappings.store(m);
      };
      assertThat(cleanAll()).isFalse();
      bed.mappings.protect(m, 0);
    }

    @Test
    void aFailedWrite_isNoFailure_ifThePageWasWrittenEvicted_andReadAgain() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(0));
      bed.cleaner.afterWrite = () -> {
        bed.free(m);
        VmObject hoard = bed.object(64);
        for (int i = 0; bed.freeList.freeCount() > 1; i++) {
          bed.put(hoard, i, 1);
        }
        assertThat(bed.put(o, 0, 2)).as("into the same frame").isSameAs(m);
        hoard.deallocate();
      };
      assertThat(cleanAll()).isTrue();
    }

    /** R17: the flag goes first, and busy pages are waited for; who makes a page writable meanwhile sets it again. */
    @Test
    void clearsTheFlagFirst_andWaitsForBusyPages() {
      VmPage m = bed.put(o, 0, 1);
      busy(m, true);
      bed.locked(o, () -> o.setWriteable(true));
      Bed.Actor cleaner = bed.startAsleep("cleaner", m, this::cleanAll);
      assertThat(o.isWriteable()).isFalse();
      bed.locked(o, () -> o.setWriteable(true)); // F15, by the page's owner
      busy(m, false);
      cleaner.join();
      assertThat(bed.cleaner.written).containsExactly(at(0));
      assertThat(o.isWriteable()).as("not lost").isTrue();
    }

    /** What can be written is on its way before it waits for anybody. */
    @Test
    void writesIdlePagesFirst_thenThoseThatWereBusy() {
      VmPage m = bed.put(o, 0, 1);
      bed.put(o, 1, 1);
      VmPage gone = bed.put(o, 2, 1);
      bed.put(o, 3, 1);
      busy(m, true);
      busy(gone, true);
      bed.locked(o, () -> o.setWriteable(true));
      Bed.Actor cleaner = bed.startAsleep("cleaner", m, this::cleanAll);
      assertThat(bed.cleaner.written).as("while page 0 is busy").containsExactly(at(1), at(3));
      bed.locked(o, () -> bed.pages.freeBusy(gone));
      busy(m, false);
      cleaner.join();
      assertThat(bed.cleaner.written).containsExactly(at(1), at(3), at(0));
      assertThat(o.pip()).isZero();
    }

    @Test
    void starting_passesBusyPagesOver_waitsForNone_andKeepsTheFlag() {
      VmPage m = bed.put(o, 0, 1);
      bed.put(o, 1, 1);
      bed.put(o, 2, 1);
      VmPage stored = clean(o, 3);
      bed.mappings.map(stored, true);
      bed.mappings.store(stored);
      clean(o, 4);
      busy(m, true);
      bed.locked(o, () -> o.setWriteable(true));
      v.lock();
      ranges.startClean(o, 0, at(2));
      ranges.startClean(o, at(3), at(5));
      v.unlock();
      assertThat(bed.cleaner.written).containsExactly(at(1), at(3));
      assertThat(bed.cleaner.hows).containsOnly(Cleaner.How.START);
      assertThat(o.isWriteable()).as("more may be dirty").isTrue();
      assertThat(o.pip()).isZero();
      busy(m, false);
      bed.mappings.protect(stored, 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void failure_isToldAndRemembered_whicheverPageFails(int failing) {
      for (int i = 0; i < 3; i++) {
        bed.put(o, i, 1);
      }
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(failing));
      assertThat(cleanAll()).isFalse();
      assertThat(o.isWriteable()).isTrue();
      assertThat(bed.page(o, failing).dirty()).isNotZero();
      assertThat(bed.cleaner.written).hasSize(2).doesNotContain(at(failing));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void failure_isTold_ofAPageThatWasBusyFirst(int failing) {
      VmPage[] m = {bed.put(o, 0, 1), bed.put(o, 1, 1)};
      busy(m[0], true);
      busy(m[1], true);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(at(failing));
      AtomicBoolean ok = new AtomicBoolean();
      Bed.Actor cleaner = bed.startAsleep("cleaner", m[0], () -> ok.set(cleanAll()));
      busy(m[1], false);
      busy(m[0], false);
      cleaner.join();
      assertThat(ok.get()).isFalse();
      assertThat(o.isWriteable()).isTrue();
      assertThat(bed.cleaner.written).containsExactly(at(1 - failing));
    }

    /** A page entered writable again after its write is dirty anew, not unwritten. */
    @Test
    void aStoreAfterTheWrite_isNoFailure() {
      VmPage m = bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      AtomicBoolean once = new AtomicBoolean(true);
      AtomicInteger waiting = new AtomicInteger();
      bed.cleaner.onWrite =
          () -> {
            if (once.getAndSet(false)) {
              bed.start(
                  "faulter",
                  () -> {
                    o.lock.lock();
                    while (m.isBusyAnyway()) {
                      m.setWanted();
                      waiting.incrementAndGet();
                      bed.domain.sleepQueues().sleepOn(m, o.lock, "test");
                      o.lock.lock();
                    }
                    m.orDirty(VmPage.ALL_CHUNKS);
                    o.setWriteable(true);
                    bed.mappings.map(m, true);
                    o.lock.unlock();
                  });
              bed.until("faulter waits", () -> bed.sleepers(m) == 1);
            }
          };
      assertThat(cleanAll()).as("either order of the two is fine").isTrue();
      bed.until("stored", () -> m.dirty() != 0);
      assertThat(waiting.get()).isPositive();
      assertThat(o.isWriteable()).isTrue();
      bed.until("faulter is done", () -> m.pvFlags != 0);
      bed.mappings.protect(m, 0);
    }
  }

  @Nested
  class Mappings {
    private final VmObject o = bed.object(SIZE);

    @Test
    void pmapCopy_writeProtectsTheRange_busyPagesToo() {
      VmPage[] m = new VmPage[4];
      for (int i = 0; i < 4; i++) {
        m[i] = bed.put(o, i, i);
        bed.mappings.map(m[i], true);
      }
      busy(m[2], true);
      ranges.pmapCopy(o, at(1), at(3));
      assertThat(m[0].pvFlags & VmPage.PV_WRITEABLE).isNotZero();
      assertThat(m[1].pvFlags).isEqualTo(VmPage.PV_MAPPED);
      assertThat(m[2].pvFlags).isEqualTo(VmPage.PV_MAPPED);
      assertThat(m[3].pvFlags & VmPage.PV_WRITEABLE).isNotZero();
      assertThat(m).extracting(VmPage::isCopyOnWrite).as("the next fault is to copy")
          .containsExactly(false, true, true, false);
      busy(m[2], false);
      o.deallocate();
    }

    @Test
    void pmapRemove_unmapsTheRange_waitingForBusyPages() {
      VmPage idle = bed.put(o, 1, 1);
      VmPage late = bed.put(o, 2, 1);
      bed.mappings.map(idle, true);
      busy(late, true);
      Bed.Actor remover = bed.startAsleep("remover", late, () -> ranges.pmapRemove(o, at(1), at(3)));
      bed.mappings.map(late, true);
      busy(late, false);
      remover.join();
      assertThat(idle.pvFlags | late.pvFlags).isZero();
      assertThat(o.residentPageCount()).isEqualTo(2);
      o.deallocate();
    }

    /** What loses its last wired mapping must find a queue again (I-11). */
    @Test
    void pmapRemove_queuesAPageThatWasWired() {
      VmPage m = bed.put(o, 1, 1);
      bed.mappings.mapWired(m);
      ranges.pmapRemove(o, 0, at(SIZE));
      assertThat(m.wireCount()).isZero();
      assertThat(m.isActive()).isTrue();
      o.deallocate();
    }
  }

  @Nested
  class Coalesce {
    @Test
    void growsAnObjectOfOneUser() {
      VmObject o = bed.object(4);
      VmPage kept = bed.put(o, 3, 3);
      assertThat(ranges.coalesce(o, 0, at(4), at(2))).isTrue();
      assertThat(o.size()).isEqualTo(at(6));
      assertThat(bed.page(o, 3)).isSameAs(kept);
      o.deallocate();
    }

    /** An unmapping may have left pages behind the part in use: nobody may find their contents. */
    @Test
    void discardsStalePages_inTheNewPart() {
      VmObject o = bed.object(SIZE);
      VmPage stale = bed.put(o, 4, 99);
      bed.put(o, 6, 66);
      bed.mappings.map(stale, true);
      assertThat(ranges.coalesce(o, 0, at(4), at(2))).isTrue();
      assertThat(o.size()).as("never shrinks").isEqualTo(at(SIZE));
      assertThat(bed.page(o, 4)).isNull();
      assertThat(bed.page(o, 6)).as("beyond the new part").isNotNull();
      o.deallocate();
    }

    @Test
    void collapsesFirst() {
      VmObject b = bed.object(4);
      VmObject o = bed.objects.shadow(b, 0, at(4));
      bed.put(b, 1, 11);
      assertThat(ranges.coalesce(o, 0, at(4), at(2))).isTrue();
      assertThat(o.backing()).isNull();
      assertThat(bed.read(o, 1)).isEqualTo(11);
      o.deallocate();
    }

    @Test
    void refuses_whereSomebodyElseCouldNotice() {
      VmObject shared = bed.object(4);
      shared.reference();
      assertThat(ranges.coalesce(shared, 0, at(4), at(2))).as("two users").isFalse();
      shared.deallocate();
      bed.locked(shared, () -> shared.pipUp(1));
      assertThat(ranges.coalesce(shared, 0, at(4), at(2))).as("paging").isFalse();
      bed.locked(shared, () -> shared.pipDown(1));
      bed.locked(shared, () -> bed.swap.write(shared, 0, 1));
      assertThat(ranges.coalesce(shared, 0, at(4), at(2))).as("was paged out").isFalse();
      shared.deallocate();
      VmObject b = bed.object(4);
      b.reference();
      VmObject o = bed.objects.shadow(b, 0, at(4));
      bed.put(b, 0, 1);
      assertThat(ranges.coalesce(o, 0, at(4), at(2))).as("a backing object shows through").isFalse();
      assertThat(o.size()).isEqualTo(at(4));
      o.deallocate();
      b.deallocate();
      VmObject file = bed.file(v, 4);
      assertThat(ranges.coalesce(file, 0, at(4), at(2))).as("a file").isFalse();
      file.deallocate();
    }
  }
}
