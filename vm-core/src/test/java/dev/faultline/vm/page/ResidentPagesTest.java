package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Identity, busy pages, freeing, caching and chunks (vm-semantics 3.2). */
@Timeout(60)
final class ResidentPagesTest {
  private final Bed bed = Bed.of(64);
  private final ResidentPages pages = bed.pages;
  private final VmObject o = bed.object(64);

  @AfterEach
  void close() {
    o.deallocate();
    bed.close();
  }

  private boolean cache(VmPage m) {
    o.lock.lock();
    bed.queues.lock.lock();
    try {
      return pages.cacheLocked(m);
    } finally {
      bed.queues.lock.unlock();
      o.lock.unlock();
    }
  }

  @Test
  void lookup_findsByIdentity_andNothingElse() {
    VmObject other = bed.object(64);
    VmPage a = bed.put(o, 3, 1);
    VmPage b = bed.put(other, 3, 2);
    assertThat(bed.page(o, 3)).isSameAs(a);
    assertThat(bed.page(other, 3)).isSameAs(b);
    assertThat(bed.page(o, 4)).isNull();
    other.deallocate();
    assertThat(bed.page(o, 3)).isSameAs(a);
  }

  @Test
  void insert_panics_ifThePageHasAnIdentity() {
    VmPage m = bed.put(o, 0, 1);
    bed.locked(
        o, () -> assertThatThrownBy(() -> pages.insert(m, o, Bed.PAGE)).isInstanceOf(KernelPanic.class));
  }

  @Test
  void remove_isNothing_withoutAnIdentity() {
    VmPage m = bed.put(o, 0, 1);
    bed.free(m);
    pages.remove(m);
    assertThat(m.object()).isNull();
  }

  @Test
  void memq_keepsTheOrderOfInsertion() {
    VmPage c = bed.put(o, 2, 0);
    VmPage a = bed.put(o, 0, 0);
    VmPage b = bed.put(o, 1, 0);
    assertThat(o.firstPage()).isSameAs(c);
    assertThat(c.nextInObject()).isSameAs(a);
    bed.free(a);
    assertThat(c.nextInObject()).isSameAs(b);
    assertThat(b.nextInObject()).isNull();
    assertThat(o.residentPageCount()).isEqualTo(2);
  }

  @Test
  void rename_movesThePage_withItsQueueStateAndMappings() {
    VmObject under = bed.object(64);
    VmObject over = bed.objects.shadow(under, 0, 64 * Bed.PAGE);
    VmPage m = bed.put(under, 5, 9);
    bed.mappings.map(m, false);
    over.lock.lock();
    under.lock.lock();
    pages.rename(m, over, 7 * Bed.PAGE);
    under.lock.unlock();
    over.lock.unlock();
    assertThat(bed.page(under, 5)).isNull();
    assertThat(bed.page(over, 7)).isSameAs(m);
    assertThat(m.isActive()).isTrue();
    assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED);
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    over.deallocate();
  }

  /** Each state in which a page may not be freed. */
  @Test
  void free_panics_forABusyMappedWiredOrFreePage() {
    VmPage m = bed.put(o, 0, 1);
    o.lock.lock();
    m.setBusy(bed.self);
    refuseFree(m);
    pages.wakeup(m);
    m.addBusyCount(1, "an I/O");
    refuseFree(m);
    m.addBusyCount(-1, "an I/O");
    m.addBmapped(1);
    refuseFree(m);
    m.addBmapped(-1);
    bed.mappings.map(m, false);
    refuseFree(m);
    bed.mappings.protect(m, 0);
    bed.queues.lock.lock();
    bed.queues.wireLocked(m);
    bed.queues.lock.unlock();
    refuseFree(m);
    bed.queues.lock.lock();
    bed.queues.unwireLocked(m);
    bed.queues.lock.unlock();
    pages.free(m);
    refuseFree(m);
    o.lock.unlock();
  }

  private void refuseFree(VmPage m) {
    assertThatThrownBy(() -> pages.free(m)).as("%s", m).isInstanceOf(KernelPanic.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {VmPage.QUEUE_NONE, VmPage.QUEUE_CACHE, VmPage.QUEUE_INACTIVE, VmPage.QUEUE_ACTIVE})
  void free_takesThePageOffItsQueue(int queue) {
    VmPage m = queue == VmPage.QUEUE_CACHE ? bed.putCached(o, 0, 1) : bed.put(o, 0, 1);
    if (queue == VmPage.QUEUE_NONE) {
      bed.queues.unqueue(m);
    } else if (queue == VmPage.QUEUE_INACTIVE) {
      bed.queues.deactivate(m);
    }
    int free = bed.freeList.freeCount();
    bed.free(m);
    assertThat(m.queue()).isEqualTo(VmPage.QUEUE_FREE);
    assertThat(bed.freeList.freeCount()).isEqualTo(free + 1);
    assertThat(bed.word(m)).as("poisoned").isEqualTo(0x5EADL);
    PageAudit.check(pages);
  }

  @Test
  void free_countsEveryFreedPage() {
    long before = bed.domain.events(Event.TFREE.ordinal());
    bed.free(bed.put(o, 0, 1));
    assertThat(bed.domain.events(Event.TFREE.ordinal())).isEqualTo(before + 1);
  }

  /** R4: every way of giving up a busy page wakes those who want it. */
  @ParameterizedTest
  @ValueSource(strings = {"wakeup", "freeBusy", "endIo"})
  void whoWantsABusyPage_isWoken(String way) {
    VmPage m = bed.allocBusy(o, 0);
    if (way.equals("endIo")) {
      bed.locked(
          o,
          () -> {
            m.addBusyCount(2, "an I/O");
            pages.wakeup(m);
          });
    }
    Bed.Actor sleeper =
        bed.startAsleep(
            "sleeper",
            m,
            () -> {
              o.lock.lock();
              while (pages.lookup(o, 0) == m && m.isBusyAnyway()) {
                m.setWanted();
                bed.domain.sleepQueues().sleepOn(m, o.lock, "test");
                o.lock.lock();
              }
              o.lock.unlock();
            });
    bed.locked(
        o,
        () -> {
          switch (way) {
            case "wakeup" -> pages.wakeup(m);
            case "freeBusy" -> pages.freeBusy(m);
            default -> {
              pages.endIo(m, "an I/O");
              assertThat(m.isWanted()).as("one I/O is left").isTrue();
              pages.endIo(m, "an I/O");
            }
          }
        });
    sleeper.join();
    assertThat(m.isWanted()).isFalse();
  }

  @Test
  void wakeup_panics_ifThePageIsNotBusy() {
    VmPage m = bed.put(o, 0, 1);
    bed.locked(o, () -> assertThatThrownBy(() -> pages.wakeup(m)).isInstanceOf(KernelPanic.class));
  }

  @Test
  void busyPage_hasOneOwner_whoMayHandItOn() { // I-12
    VmPage m = bed.allocBusy(o, 0);
    assertThat(m.isBusyBy(bed.self)).isTrue();
    bed.locked(
        o,
        () -> {
          assertThatThrownBy(() -> m.setBusy("second")).isInstanceOf(AssertionError.class);
          m.handBusy("an I/O");
          assertThat(m.isBusyBy(bed.self)).isFalse();
          assertThat(m.isBusyBy("an I/O")).isTrue();
          pages.freeBusy(m);
        });
  }

  @Test
  void cache_takesACleanIdlePage_andUnmapsIt() {
    VmPage m = bed.put(o, 0, 1);
    m.clearDirty(VmPage.ALL_CHUNKS);
    bed.mappings.map(m, true);
    assertThat(cache(m)).isTrue();
    assertThat(m.isCached()).isTrue();
    assertThat(m.pvFlags).isZero();
    assertThat(cache(m)).as("cached already").isFalse();
  }

  /** R24: another processor stores between the test for dirt and the unmapping; unmapping first brings it to light. */
  @Test
  void cache_refusesAPage_thatTurnsOutDirtyWhenItIsUnmapped() {
    VmPage m = bed.put(o, 0, 1);
    m.clearDirty(VmPage.ALL_CHUNKS);
    bed.mappings.map(m, true);
    bed.mappings.storeUnseen(m);
    pages.testDirty(m);
    assertThat(m.dirty()).as("nothing to be seen yet").isZero();
    assertThat(cache(m)).isFalse();
    assertThat(m.isActive()).as("stays where it is").isTrue();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(m.pvFlags).as("unmapped all the same").isZero();
  }

  @Test
  void cache_refusesWhateverSomebodyUses() {
    VmPage m = bed.put(o, 0, 1);
    m.clearDirty(VmPage.ALL_CHUNKS);
    bed.locked(o, () -> m.setBusy(bed.self));
    assertThat(cache(m)).as("busy").isFalse();
    bed.locked(o, () -> pages.wakeup(m));
    bed.locked(o, () -> m.addBusyCount(1, "an I/O"));
    assertThat(cache(m)).as("in I/O").isFalse();
    bed.locked(o, () -> pages.endIo(m, "an I/O"));
    bed.queues.addHold(m, 1);
    assertThat(cache(m)).as("held").isFalse();
    bed.queues.addHold(m, -1);
    bed.locked(o, () -> m.addBmapped(1));
    assertThat(cache(m)).as("in a buffer").isFalse();
    bed.locked(o, () -> m.addBmapped(-1));
    bed.mappings.mapWired(m);
    assertThat(cache(m)).as("wired").isFalse();
    assertThat(m.pvFlags).as("and its mappings stay").isNotZero();
    bed.mappings.protect(m, 0);
  }

  @Test
  void testDirty_isOneWay_andCountsForTheWholePage() {
    VmPage m = bed.put(o, 0, 1);
    m.clearDirty(VmPage.ALL_CHUNKS);
    bed.mappings.map(m, true);
    pages.testDirty(m);
    assertThat(m.dirty()).isZero();
    bed.mappings.store(m);
    pages.testDirty(m);
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    bed.mappings.protect(m, 0);
  }

  @Test
  void copy_makesTheTargetValid_andLeavesItsDirt() { // R21: who wants it dirty says so
    VmPage from = bed.put(o, 0, 42);
    VmPage to = bed.allocBusy(o, 1);
    pages.copy(from, to);
    assertThat(bed.word(to)).isEqualTo(42);
    assertThat(to.isWhollyValid()).isTrue();
    assertThat(to.dirty()).isZero();
    assertThat(to.isZero()).isFalse();
    bed.locked(o, () -> pages.freeBusy(to));
  }

  /** Every pair of byte positions, against counting the chunks one by one. */
  @Test
  void chunks_namesTheEighthsThatARangeTouches() {
    int chunk = Bed.PAGE / 8;
    for (int from = 0; from <= Bed.PAGE; from++) {
      for (int to = 0; to <= Bed.PAGE; to++) {
        int expected = 0;
        for (int at = from; at < to; at++) {
          expected |= 1 << (at / chunk);
        }
        assertThat(pages.chunks(from, to)).as("[%d, %d)", from, to).isEqualTo(expected);
      }
    }
  }

  @Test
  void flags_haveNames_andNoTwoShareABit() {
    int all = 0;
    for (PageFlag f : EnumSet.allOf(PageFlag.class)) {
      assertThat(Integer.bitCount(f.mask())).isEqualTo(1);
      assertThat(all & f.mask()).as(f.name()).isZero();
      all |= f.mask();
    }
    assertThat(PageFlag.of(all)).isEqualTo(EnumSet.allOf(PageFlag.class));
  }

  @Test
  void fictitiousPages_areOnNoList_andCountNowhere() {
    VmPage m = VmPage.fictitious(1_000, bed.self);
    int free = bed.freeList.freeCount();
    o.lock.lock();
    pages.insert(m, o, 0);
    assertThat(pages.lookup(o, 0)).isSameAs(m);
    bed.queues.activate(m);
    assertThat(m.queue()).isEqualTo(VmPage.QUEUE_NONE);
    pages.freeBusy(m);
    o.lock.unlock();
    assertThat(bed.freeList.freeCount()).isEqualTo(free);
    assertThat(bed.queues.wireCount()).isZero();
  }

  /**
   * Threads with an object each, all in a few chains: an edit of a chain without its lock loses pages of the others.
   */
  @Test
  void index_findsEveryPage_whileOthersChangeTheSameChains() {
    int threads = 3;
    for (int t = 0; t < threads; t++) {
      VmObject mine = bed.object(1 << 20);
      int seed = t;
      bed.start(
          "user" + t,
          () -> {
            Random random = new Random(seed);
            Set<Long> there = new HashSet<>();
            for (int step = 0; step < 30_000; step++) {
              long offset = (long) random.nextInt(8) * 64 * Bed.PAGE; // a multiple of all chains there are
              mine.lock.lock();
              VmPage m = pages.lookup(mine, offset);
              assertThat(m != null).as("page at 0x%x", offset).isEqualTo(there.contains(offset));
              if (m == null) {
                m = pages.alloc(mine, offset, AllocClass.INTERRUPT);
                assertThat(m).isNotNull();
                pages.wakeup(m);
                there.add(offset);
              } else if (random.nextBoolean()) {
                pages.free(m);
                there.remove(offset);
              }
              mine.lock.unlock();
            }
            mine.deallocate();
          });
    }
  }

  /** R3: two find the page idle, one claims it. */
  @Test
  void claim_succeedsForOneOfTwo() {
    VmPage m = bed.put(o, 0, 1);
    int rounds = 20_000;
    int[] inside = new int[1]; // owned with the page: lost updates show two owners
    List<Bed.Actor> actors = new ArrayList<>();
    for (int t = 0; t < 2; t++) {
      actors.add(bed.start(
          "claimer" + t,
          () -> {
            Object me = new Object();
            for (int n = 0; n < rounds; ) {
              o.lock.lock();
              if (m.isBusy()) {
                m.setWanted();
                bed.domain.sleepQueues().sleepOn(m, o.lock, "test");
                continue;
              }
              m.setBusy(me);
              o.lock.unlock();
              inside[0]++;
              n++;
              o.lock.lock();
              assertThat(m.isBusyBy(me)).isTrue();
              pages.wakeup(m);
              o.lock.unlock();
            }
          }));
    }
    actors.forEach(Bed.Actor::join);
    assertThat(inside[0]).isEqualTo(2 * rounds);
  }
}
