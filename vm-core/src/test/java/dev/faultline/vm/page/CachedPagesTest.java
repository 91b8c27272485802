package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Frames taken from the cache queue: by an allocation, and by step D of the scan (R6; vm-semantics 3.2, 5.7). */
@Timeout(60)
final class CachedPagesTest {
  private final Bed bed = Bed.builder().frames(8).thresholds(1, 2, 3, 4, 5).build();
  private final VmObject requester = bed.object(8);
  private final VmObject victims = bed.object(16);
  private VmPage head;
  private VmPage next;

  /** Eight frames: two cached, of which {@link #head} is the older, and the rest in use. */
  @BeforeEach
  void fill() {
    bed.freeList.stopDaemon();
    head = bed.putCached(victims, 0, 100);
    next = bed.putCached(victims, 1, 101);
    for (int i = 2; bed.freeList.freeCount() > 0; i++) {
      bed.put(victims, i, i);
    }
  }

  @AfterEach
  void close() {
    victims.deallocate();
    requester.deallocate();
    bed.close();
  }

  /** The two who take frames off the cache queue. */
  private enum Taker {
    ALLOC,
    SCAN
  }

  /** Takes a frame; returns whether one was to be had. */
  private boolean take(Taker taker) {
    if (taker == Taker.SCAN) {
      return bed.pages.freeCachedHead();
    }
    requester.lock.lock();
    try {
      VmPage m = bed.pages.alloc(requester, 0, AllocClass.NORMAL);
      if (m != null) {
        bed.pages.freeBusy(m);
      }
      return m != null;
    } finally {
      requester.lock.unlock();
    }
  }

  private void setBusy(boolean on) {
    bed.locked(
        victims,
        () -> {
          if (on) {
            head.setBusy(bed.self);
          } else {
            bed.pages.wakeup(head);
          }
        });
  }

  /** What makes a cached page unfit to be taken. */
  @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
  private enum Unfit {
    BUSY((t, on) -> t.setBusy(on), VmPage::isBusy),
    IN_IO((t, on) -> t.bed.locked(t.victims, () -> t.head.addBusyCount(on ? 1 : -1, "an I/O")),
        m -> m.busyCount() == 1),
    HELD((t, on) -> t.bed.queues.addHold(t.head, on ? 1 : -1), m -> m.holdCount() == 1),
    IN_A_BUFFER((t, on) -> t.bed.locked(t.victims, () -> t.head.addBmapped(on ? 1 : -1)), m -> m.bmapped() == 1),
    DIRTY((t, on) -> t.dirty(on), m -> m.dirty() != 0),
    MAPPED((t, on) -> t.map(on), m -> m.pvFlags != 0);

    final BiConsumer<CachedPagesTest, Boolean> set;
    final Function<VmPage, Boolean> stillSo;

    Unfit(BiConsumer<CachedPagesTest, Boolean> set, Function<VmPage, Boolean> stillSo) {
      this.set = set;
      this.stillSo = stillSo;
    }
  }

  private void dirty(boolean on) {
    if (on) {
      head.orDirty(1);
    } else {
      head.clearDirty(VmPage.ALL_CHUNKS);
    }
  }

  private void map(boolean on) {
    if (on) {
      bed.mappings.map(head, false);
    } else {
      bed.mappings.protect(head, 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void oldestCachedPage_isTaken(Taker taker) {
    long gen = head.gen();
    assertThat(take(taker)).isTrue();
    assertThat(head.queue()).isEqualTo(VmPage.QUEUE_FREE);
    assertThat(head.gen()).isGreaterThan(gen);
    assertThat(bed.page(victims, 0)).isNull();
    assertThat(bed.page(victims, 1)).isSameAs(next);
    assertThat(bed.freeList.cacheCount()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource
  void alloc_goesRoundAnUnfitPage(Unfit unfit) {
    goesRound(Taker.ALLOC, unfit);
  }

  @ParameterizedTest
  @EnumSource
  void scan_goesRoundAnUnfitPage(Unfit unfit) {
    goesRound(Taker.SCAN, unfit);
  }

  private void goesRound(Taker taker, Unfit unfit) {
    unfit.set.accept(this, true);
    assertThat(take(taker)).isTrue();
    assertThat(bed.page(victims, 0)).as("the unfit page").isSameAs(head);
    assertThat(unfit.stillSo.apply(head)).as("as it was").isTrue();
    assertThat(next.queue()).as("the next one was taken").isEqualTo(VmPage.QUEUE_FREE);
    assertThat(take(Taker.SCAN)).as("nothing fit is left").isFalse();
    unfit.set.accept(this, false);
    if (unfit == Unfit.HELD) {
      assertThat(head.isCached()).as("a held page is not deactivated").isTrue();
      assertThat(take(taker)).as("later it can be had").isTrue();
    } else {
      assertThat(head.isInactive()).as("deactivated: out of the way").isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void pageOfALockedObject_isLeftAlone(Taker taker) {
    AtomicBoolean held = new AtomicBoolean();
    AtomicBoolean stop = new AtomicBoolean();
    Bed.Actor holder =
        bed.start(
            "holder",
            () -> {
              victims.lock.lock();
              held.set(true);
              for (int n = 0; !stop.get(); n++) {
                KThread.current().strand().pause(n);
              }
              victims.lock.unlock();
            });
    bed.until("the object is locked", held::get);
    assertThat(take(taker)).as("both are its pages").isFalse();
    assertThat(head.isInactive()).isTrue();
    assertThat(next.isInactive()).isTrue();
    stop.set(true);
    holder.join();
  }

  /** The requester's lock is held by the requester: its own pages may be taken. */
  @Test
  void alloc_takesFromTheRequesterItself() {
    victims.lock.lock();
    VmPage m = bed.pages.alloc(victims, 15L * Bed.PAGE, AllocClass.NORMAL);
    assertThat(m).isSameAs(head);
    assertThat(bed.pages.lookup(victims, 0)).isNull();
    bed.pages.freeBusy(m);
    victims.lock.unlock();
  }

  /** Who still waits for the page when it gets a new owner must not wait for that owner. */
  @ParameterizedTest
  @EnumSource
  void whoSleepsOnThePage_isWoken(Taker taker) {
    Bed.Actor sleeper =
        bed.startAsleep(
            "sleeper",
            head,
            () -> {
              victims.lock.lock();
              head.setWanted();
              bed.domain.sleepQueues().sleepOn(head, victims.lock, "test");
            });
    assertThat(take(taker)).isTrue();
    sleeper.join();
    assertThat(head.isWanted()).isFalse();
  }

  /** Unfit pages made the cache look full: once they are out of the way, a SYSTEM request may go below the reserve. */
  @Test
  void systemRequest_looksAtTheFreeListAgain_whenNoCachedPageIsFit() {
    bed.free(bed.page(victims, 2));
    bed.free(bed.page(victims, 3));
    assertThat(bed.freeList.freeCount()).isEqualTo(2); // below the reserve, above interrupt_free_min
    bed.locked(
        victims,
        () -> {
          head.addBmapped(1);
          next.addBmapped(1);
        });
    requester.lock.lock();
    assertThat(bed.pages.alloc(requester, 0, AllocClass.NORMAL)).isNull();
    VmPage m = bed.pages.alloc(requester, 0, AllocClass.SYSTEM);
    assertThat(m).isNotNull();
    bed.pages.freeBusy(m);
    requester.lock.unlock();
    bed.locked(
        victims,
        () -> {
          head.addBmapped(-1);
          next.addBmapped(-1);
        });
  }
}
