package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.bed.StubVnode;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** References, the end of objects, and the list of cached ones (vm-semantics 3.3, 5.7; R19). */
@Timeout(60)
final class VmObjectLifeTest {
  private final Bed bed = Bed.builder().frames(64).cacheMax(2).build();

  @AfterEach
  void close() {
    bed.close();
  }

  private void allGone() {
    assertThat(bed.objects.objectCount()).as("objects").isZero();
    assertThat(bed.freeList.freeCount()).as("free frames").isEqualTo(64);
    assertThat(bed.swap.used).as("blocks in use").hasValue(0);
  }

  @Nested
  class Anonymous {
    @Test
    void lastDeallocate_endsTheObject_andFreesItsPages() {
      VmObject o = bed.object(8);
      VmPage mapped = bed.put(o, 0, 1);
      bed.put(o, 1, 2);
      bed.putCached(o, 2, 3);
      bed.mappings.map(mapped, true);
      bed.mappings.mapWired(bed.page(o, 1));
      o.reference();
      o.deallocate();
      assertThat(bed.objects.objectCount()).isEqualTo(1);
      assertThat(o.residentPageCount()).isEqualTo(3);
      long freed = bed.domain.events(Event.PFREE.ordinal());
      o.deallocate();
      allGone();
      assertThat(bed.domain.events(Event.PFREE.ordinal()) - freed).isEqualTo(3);
      assertThat(bed.queues.wireCount()).isZero();
    }

    @Test
    void end_givesSwapBlocksBack() {
      VmObject o = bed.object(8);
      bed.locked(o, () -> bed.swap.write(o, 3 * Bed.PAGE, 7));
      assertThat(bed.swap.used).hasValue(1);
      o.deallocate();
      allGone();
    }

    @Test
    void end_waitsUntilNobodyPages() {
      VmObject o = bed.object(8);
      bed.locked(o, () -> o.pipUp(2));
      Bed.Actor last = bed.startAsleep("last", o, o::deallocate);
      assertThat(last.thread()).isNotNull();
      assertThat(last.thread().sleepTag()).isEqualTo("objtrm");
      assertThat(o.isDead()).isTrue();
      bed.locked(o, () -> o.pipDown(1));
      assertThat(last.sleepsOn(o)).as("one is left").isTrue();
      bed.locked(o, () -> o.pipDown(1));
      last.join();
      allGone();
    }

    /** A faulter that has gone below the dead object still comes back up through it: link and reference stay. */
    @Test
    void end_keepsTheBackingObject_asLongAsItWaits() {
      VmObject below = bed.object(8);
      VmObject o = bed.objects.shadow(below, 0, 8 * Bed.PAGE);
      bed.put(below, 0, 5);
      bed.locked(o, () -> o.pipUp(1));
      Bed.Actor last = bed.startAsleep("last", o, o::deallocate);
      assertThat(o.backing()).isSameAs(below);
      assertThat(below.refCount()).isEqualTo(1);
      assertThat(below.firstShadow()).as("the dead are not listed").isNull();
      bed.locked(o, () -> o.pipDown(1));
      last.join();
      allGone();
    }

    @Test
    void end_panics_overABusyPageThatNobodyPages() {
      VmObject o = bed.object(8);
      bed.allocBusy(o, 0);
      assertThatThrownBy(o::deallocate).isInstanceOf(KernelPanic.class).hasMessageContaining("busy");
      bed.doNotCheck();
    }

    @Test
    void deadObjects_areNotReferenced() {
      VmObject o = bed.object(8);
      bed.locked(o, () -> o.pipUp(1));
      Bed.Actor last = bed.startAsleep("last", o, o::deallocate);
      bed.locked(o, () -> assertThatThrownBy(o::referenceLocked).isInstanceOf(KernelPanic.class));
      bed.locked(o, () -> o.pipDown(1));
      last.join();
    }

    @Test
    void deallocate_panics_withoutAReference() {
      VmObject o = bed.object(8);
      o.deallocate();
      assertThatThrownBy(o::deallocate).isInstanceOf(KernelPanic.class).hasMessageContaining("no reference");
      bed.doNotCheck();
    }

    @Test
    void pipDown_panics_belowZero() {
      VmObject o = bed.object(8);
      bed.locked(o, () -> assertThatThrownBy(() -> o.pipDown(1)).isInstanceOf(KernelPanic.class));
      o.deallocate();
    }

    @Test
    void shadow_movesTheReference() {
      VmObject below = bed.object(8);
      below.reference();
      VmObject s = bed.objects.shadow(below, 2 * Bed.PAGE, 4 * Bed.PAGE);
      assertThat(s.backing()).isSameAs(below);
      assertThat(s.backingOffset()).isEqualTo(2 * Bed.PAGE);
      assertThat(s.size()).isEqualTo(4 * Bed.PAGE);
      assertThat(s.type()).isEqualTo(ObjectType.DEFAULT);
      assertThat(below.refCount()).isEqualTo(2);
      assertThat(below.firstShadow()).isSameAs(s);
      ObjectAudit.checkReferences(bed.objects, List.of(s, below));
      bed.put(below, 3, 77);
      assertThat(bed.read(s, 1)).isEqualTo(77);
      below.deallocate();
      s.deallocate();
      allGone();
    }

    /** The end of a chain is a loop, not a recursion. */
    @Test
    void end_goesDownAChainOfAnyLength() {
      VmObject o = bed.object(8);
      for (int i = 0; i < 20_000; i++) {
        o = bed.objects.shadow(o, 0, 8 * Bed.PAGE);
      }
      o.deallocate();
      allGone();
    }

    @Test
    void tryDropReference_drops_whereThatHasNoConsequence() {
      VmObject o = bed.object(8);
      bed.locked(o, () -> assertThat(o.tryDropReferenceLocked()).as("the last").isFalse());
      o.reference();
      bed.locked(o, () -> assertThat(o.tryDropReferenceLocked()).as("no shadow").isTrue());
      o.reference();
      VmObject s = bed.objects.shadow(o, 0, 8 * Bed.PAGE);
      bed.locked(o, () -> assertThat(o.tryDropReferenceLocked()).as("a shadow may be merged").isFalse());
      o.reference();
      bed.locked(o, () -> assertThat(o.tryDropReferenceLocked()).as("two are left").isTrue());
      assertThat(o.refCount()).isEqualTo(2);
      o.deallocate();
      s.deallocate();
      allGone();
    }
  }

  @Nested
  class Files {
    private StubVnode file(List<StubVnode> all) {
      StubVnode v = new StubVnode(bed);
      all.add(v);
      return v;
    }

    @Test
    void lastDeallocate_keepsAFileWithPages() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      VmPage m = bed.put(o, 0, 1);
      m.clearDirty(VmPage.ALL_CHUNKS);
      o.deallocate();
      assertThat(bed.objects.cachedCount()).isEqualTo(1);
      assertThat(o.refCount()).isZero();
      assertThat(o.isDead()).isFalse();
      assertThat(v.objectOf(8)).as("revived").isSameAs(o);
      assertThat(bed.objects.cachedCount()).isZero();
      assertThat(bed.page(o, 0)).isSameAs(m);
      o.deallocate();
      bed.objects.trimCache(0);
      assertThat(v.detached).isEqualTo(1);
      allGone();
    }

    @Test
    void lastDeallocate_endsAFileWithoutPages() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      o.deallocate();
      assertThat(v.detached).isEqualTo(1);
      assertThat(v.flushed).as("its buffers are given up").isEqualTo(1);
      assertThat(o.canPersist()).isFalse();
      allGone();
    }

    /** It is anonymous memory, whatever lies below it: the file's lock and buffers are no business of its end. */
    @Test
    void endOfAPrivateMapping_leavesTheFileAlone() {
      StubVnode v = new StubVnode(bed);
      VmObject file = v.objectOf(8);
      VmPage m = bed.put(file, 0, 1);
      m.clearDirty(VmPage.ALL_CHUNKS);
      file.reference();
      VmObject o = bed.objects.shadow(file, 0, 8 * Bed.PAGE);
      bed.put(o, 1, 1);
      v.lock();
      Bed.Actor last = bed.start("last", o::deallocate);
      last.join(); // waits for no V
      v.unlock();
      assertThat(v.flushed + v.detached).isZero();
      assertThat(bed.page(file, 0)).isSameAs(m);
      assertThat(file.refCount()).isEqualTo(1);
      file.deallocate();
      bed.objects.trimCache(0);
      allGone();
    }

    @Test
    void cache_isTrimmedFromItsOldEnd() {
      List<StubVnode> files = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        VmObject o = file(files).objectOf(8);
        bed.put(o, 0, i).clearDirty(VmPage.ALL_CHUNKS);
        o.deallocate();
      }
      assertThat(bed.objects.cachedCount()).as("vm_object_cache_max").isEqualTo(2);
      assertThat(files.stream().map(v -> v.detached)).containsExactly(1, 0, 0);
      bed.objects.trimCache(1);
      assertThat(files.stream().map(v -> v.detached)).containsExactly(1, 1, 0);
      bed.objects.trimCache(0);
      allGone();
    }

    @Test
    void lastDeallocate_writesDirtyPagesFirst() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      bed.put(o, 2, 1);
      VmPage clean = bed.put(o, 1, 1);
      clean.clearDirty(VmPage.ALL_CHUNKS);
      bed.put(o, 0, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.onWrite =
          () -> {
            assertThat(v.lock.isHeld()).as("V held").isTrue();
            assertThat(o.refCount()).as("not given up yet").isEqualTo(1);
          };
      o.deallocate();
      assertThat(bed.cleaner.written).containsExactlyInAnyOrder(0L, 2L * Bed.PAGE);
      assertThat(o.isWriteable()).isFalse();
      assertThat(bed.objects.cachedCount()).isEqualTo(1);
      bed.objects.trimCache(0);
      allGone();
    }

    /** A page that could not be written stays dirty, and the flag says so, or no later clean would look. */
    @Test
    void lastDeallocate_remembersWhatCouldNotBeWritten() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      VmPage m = bed.put(o, 2, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.failing.add(2L * Bed.PAGE);
      o.deallocate();
      assertThat(bed.objects.cachedCount()).isEqualTo(1);
      assertThat(m.dirty()).isNotZero();
      assertThat(o.isWriteable()).isTrue();
      bed.cleaner.failing.clear();
      bed.objects.trimCache(0); // its end tries again
      assertThat(bed.cleaner.written).containsExactly(2L * Bed.PAGE);
      allGone();
    }

    @Test
    void revivalDuringTheCleaning_isSeen() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      bed.put(o, 2, 1);
      bed.locked(o, () -> o.setWriteable(true));
      bed.cleaner.onWrite = o::reference;
      o.deallocate();
      assertThat(bed.objects.cachedCount()).isZero();
      assertThat(o.refCount()).isEqualTo(1);
      o.deallocate();
      assertThat(bed.objects.cachedCount()).isEqualTo(1);
      bed.objects.trimCache(0);
      allGone();
    }

    /** vm_daemon's last step: all that are empty, wherever they are in the list, and no other. */
    @Test
    void dropEmptyCached_endsThoseWithoutPages_andNoOther() {
      for (int empty = 0; empty < 4; empty++) { // a bit for each of two
        List<VmObject> cached = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
          VmObject o = new StubVnode(bed).objectOf(8);
          VmPage m = bed.put(o, 0, 0);
          o.deallocate();
          assertThat(o.isCached()).isTrue();
          if ((empty >> i & 1) != 0) {
            bed.locked(o, () -> bed.pages.free(m));
          }
          cached.add(o);
        }
        bed.objects.dropEmptyCached();
        assertThat(cached).extracting(VmObject::isDead).containsExactly((empty & 1) != 0, (empty & 2) != 0);
        assertThat(bed.objects.cachedCount()).isEqualTo(2 - Integer.bitCount(empty));
        bed.objects.trimCache(0);
      }
      allGone();
    }

    /** Returns an object on the cached list, with a page or without. */
    private VmObject cached(boolean withPage) {
      VmObject o = new StubVnode(bed).objectOf(8);
      VmPage m = bed.put(o, 0, 0);
      m.clearDirty(VmPage.ALL_CHUNKS);
      o.deallocate();
      assertThat(o.isCached()).isTrue();
      if (!withPage) {
        bed.locked(o, () -> bed.pages.free(m));
      }
      return o;
    }

    /** Runs {@code meanwhile} with O held by who has seen {@code o} on the list, wants to end it, and waits for O. */
    private void whileItsEndWaits(VmObject o, Runnable end, Runnable meanwhile) {
      o.lock.lock();
      Bed.Actor ender = bed.start("ender", end);
      bed.until("the ender waits for O", () -> {
        KThread t = ender.thread();
        return t != null && t.strand().awaitedLock() == o.lock;
      });
      meanwhile.run();
      o.lock.unlock();
      ender.join();
    }

    @Test
    void aCachedObject_thatIsRevivedBeforeItsEnd_lives() {
      VmObject o = cached(true);
      whileItsEndWaits(o, () -> bed.objects.trimCache(0), o::referenceLocked);
      assertThat(o.isDead()).isFalse();
      assertThat(o.refCount()).isEqualTo(1);
      assertThat(bed.objects.cachedCount()).isZero();
      o.deallocate();
      bed.objects.trimCache(0);
      allGone();
    }

    @Test
    void aCachedObject_thatIsEndedBySomebodyElse_isLeftToHim() {
      VmObject o = cached(true);
      Bed.Actor[] other = new Bed.Actor[1];
      whileItsEndWaits(o, () -> bed.objects.trimCache(0), () -> {
        other[0] = bed.start("other", () -> bed.objects.trimCache(0));
        bed.until("both wait for O", () -> {
          KThread t = other[0].thread();
          return t != null && t.strand().awaitedLock() == o.lock;
        });
      });
      other[0].join();
      assertThat(o.isDead()).isTrue();
      allGone();
    }

    @Test
    void anEmptyCachedObject_thatGetsAPageBeforeItsEnd_stays() {
      VmObject o = cached(false);
      whileItsEndWaits(o, bed.objects::dropEmptyCached, () -> {
        VmPage m = bed.pages.alloc(o, 0, AllocClass.INTERRUPT);
        assertThat(m).isNotNull();
        bed.pages.zeroFill(m);
        m.setValid(VmPage.ALL_CHUNKS);
        bed.queues.activate(m);
        bed.pages.wakeup(m);
      });
      assertThat(o.isDead()).isFalse();
      assertThat(bed.objects.cachedCount()).isEqualTo(1);
      bed.objects.trimCache(0);
      allGone();
    }

    @Test
    void storesDuringTheCleaning_areCleanedToo() {
      StubVnode v = new StubVnode(bed);
      VmObject o = v.objectOf(8);
      VmPage first = bed.put(o, 0, 1);
      VmPage second = bed.put(o, 1, 1);
      AtomicInteger writes = new AtomicInteger();
      bed.cleaner.onWrite =
          () -> {
            if (writes.getAndIncrement() == 1) { // while the second is written somebody dirties the first again
              o.lock.lock();
              first.orDirty(1);
              o.setWriteable(true);
              o.lock.unlock();
            }
          };
      bed.locked(o, () -> o.setWriteable(true));
      o.deallocate();
      assertThat(bed.cleaner.written).hasSize(3);
      assertThat(first.dirty() | second.dirty()).isZero();
      bed.objects.trimCache(0);
      allGone();
    }

    /** R19: references come and go through zero, each time by way of the list or of the end. */
    @Test
    void manyUsersOfOneFile_neverMeetADeadOrDoublyListedObject() {
      for (int limit : new int[] {0, 1}) {
        StubVnode v = new StubVnode(bed);
        List<Bed.Actor> users = new ArrayList<>();
        for (int t = 0; t < 3; t++) {
          int seed = t;
          users.add(
              bed.start(
                  "user" + t,
                  () -> {
                    for (int n = 0; n < 3_000; n++) {
                      VmObject o = v.objectOf(8);
                      o.lock.lock();
                      assertThat(o.isDead()).isFalse();
                      if (o.residentPageCount() == 0 && (n + seed) % 3 != 0) {
                        VmPage m = bed.pages.alloc(o, 0, 1);
                        assertThat(m).isNotNull();
                        m.setValid(VmPage.ALL_CHUNKS);
                        m.orDirty(VmPage.ALL_CHUNKS);
                        o.setWriteable(true);
                        bed.queues.activate(m);
                        bed.pages.wakeup(m);
                      }
                      o.lock.unlock();
                      o.deallocate();
                      if (n % 4 == 0) {
                        bed.objects.trimCache(limit);
                      }
                      if (n % 64 == seed) {
                        KThread.current().strand().pause(120);
                      }
                    }
                  }));
        }
        users.forEach(Bed.Actor::join);
        bed.objects.trimCache(0);
        allGone();
      }
    }
  }
}
