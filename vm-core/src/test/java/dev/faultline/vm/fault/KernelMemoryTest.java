package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.FaultMode;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.KernelMemory.MallocWait;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.FaultGates;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.Victims;
import dev.faultline.vm.scenario.World;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernel's own memory (3.10): wired and pageable, submaps, the waits, what the page daemon leaves alone. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class KernelMemoryTest {
  private static final long NONE = KernelMemory.NONE;

  private World w;
  private KernelMemory kmem;
  private KernelAccess access;
  private long page;

  private World boot(World.Builder b) {
    w = b.build();
    kmem = w.kernel().kernelMemory();
    access = w.kernel().kernelAccess();
    page = w.pageSize();
    return w;
  }

  private World boot(Mode mode) {
    return boot(World.builder().mode(mode));
  }

  private <T> T in(Supplier<T> body) {
    return w.inKernel(body);
  }

  private void check() {
    assertThat(in(() -> new Invariants(KernelParts.of(w.kernel())).check())).isEmpty();
  }

  private int wired() {
    return w.kernel().pages().queues().wireCount();
  }

  private int free() {
    return w.kernel().pages().freeList().freeCount();
  }

  private long load(long va) {
    long[] to = new long[1];
    assertThat(in(() -> access.load(va, to))).isEqualTo(KernReturn.SUCCESS);
    return to[0];
  }

  private void store(long va, long value) {
    assertThat(in(() -> access.store(va, value))).isEqualTo(KernReturn.SUCCESS);
  }

  private long alloc(int pages) {
    return in(() -> kmem.alloc(kmem.kernelMap(), pages * page));
  }

  private void release(long va, int pages) {
    w.inKernel(() -> kmem.free(kmem.kernelMap(), va, pages * page));
  }

  private void awaitSleep(String name, String tag) {
    Awaitility.await().atMost(10, TimeUnit.SECONDS).until(() -> Victims.sleeps(w, name, tag));
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void alloc_givesWiredZeros_andFreeTakesAllBack(Mode mode) {
    try (World x = boot(mode)) {
      int before = free();
      VmObject dirtied = DecisionTests.hoard(x, before - 8); // poisons what it frees
      DecisionTests.release(x, dirtied);
      long va = alloc(3);
      assertThat(va).isGreaterThanOrEqualTo(KernelMemory.BASE);
      assertThat(wired()).isEqualTo(3);
      assertThat(x.kernel().pmaps().kernelPmap().wiredCount()).isEqualTo(3);
      for (long at = va; at < va + 3 * page; at += 8) {
        assertThat(load(at)).isZero();
      }
      store(va + page + 8, 5);
      assertThat(load(va + page + 8)).isEqualTo(5);
      check();
      release(va, 3);
      assertThat(free()).isEqualTo(before);
      assertThat(wired()).isZero();
      assertThat(x.kernel().pmaps().kernelPmap().residentCount()).isZero();
      assertThat(kmem.kernelObject().residentPageCount()).isZero();
      long[] to = new long[1];
      assertThat(in(() -> access.load(va, to))).isEqualTo(KernReturn.INVALID_ADDRESS);
      check();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void neighbours_becomeOneEntry_ofWhichPartsMayGo(Mode mode) {
    try (World x = boot(mode)) {
      int entries = x.inKernel(() -> kmem.kernelMap().entryCount());
      long a = alloc(2);
      long b = alloc(2);
      long c = alloc(1);
      assertThat(List.of(b, c)).containsExactly(a + 2 * page, a + 4 * page);
      assertThat(in(() -> kmem.kernelMap().entryCount())).isEqualTo(entries + 1);
      store(a, 1);
      store(c, 3);
      check();
      release(b, 2);
      assertThat(in(() -> kmem.kernelMap().entryCount())).isEqualTo(entries + 2);
      assertThat(wired()).isEqualTo(3);
      assertThat(load(a) + load(c)).isEqualTo(4);
      check();
      assertThat(alloc(2)).as("first fit").isEqualTo(b);
      release(a, 5);
      assertThat(wired()).isZero();
      check();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void malloc_wiresItsPagesAsAnyOther_howeverItWaits(Mode mode) {
    try (World x = boot(mode)) {
      int before = free();
      List<Long> all = new ArrayList<>();
      for (MallocWait how : MallocWait.values()) {
        long va = in(() -> kmem.malloc(kmem.kmemMap(), 2 * page, how));
        store(va, 7);
        all.add(va);
        assertThat(wired()).as(how + "").isEqualTo(2 * all.size());
        check();
      }
      all.forEach(va -> x.inKernel(() -> kmem.free(kmem.kmemMap(), va, 2 * page)));
      assertThat(wired()).isZero();
      assertThat(free()).isEqualTo(before);
      check();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void malloc_thatCannotWait_failsWithoutATrace(Mode mode) {
    try (World x = boot(mode)) {
      Thresholds t = x.kernel().config().thresholds();
      VmObject hoard = DecisionTests.hoard(x, t.interruptFreeMin() + 1);
      assertThat(in(() -> kmem.malloc(kmem.kmemMap(), 3 * page, MallocWait.KERNEL))).isEqualTo(NONE);
      assertThat(free()).isEqualTo(t.interruptFreeMin() + 1);
      assertThat(in(() -> kmem.malloc(kmem.kmemMap(), 4 * page, MallocWait.NOWAIT))).isEqualTo(NONE);
      assertThat(free()).isEqualTo(t.interruptFreeMin() + 1);
      long va = in(() -> kmem.malloc(kmem.kmemMap(), 3 * page, MallocWait.NOWAIT));
      assertThat(va).isNotEqualTo(NONE);
      assertThat(free()).isZero();
      x.inKernel(() -> kmem.free(kmem.kmemMap(), va, 3 * page));
      DecisionTests.release(x, hoard);
      x.inKernel(() -> {
        kmem.kmemMap().lockRead();
        assertThat(x.kernel().kernelMemory().malloc(kmem.kmemMap(), page, MallocWait.NOWAIT)).isEqualTo(NONE);
        kmem.kmemMap().unlock();
      });
      assertThat(in(() -> kmem.kmemMap().entryCount())).isZero();
      check();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void malloc_thatCanWait_panicsWhereThereIsNoRoom(Mode mode) {
    World x = boot(mode);
    long tooMuch = (x.kernel().pages().pageCount() + 1) * page;
    assertThat(in(() -> kmem.malloc(kmem.kmemMap(), tooMuch, MallocWait.KERNEL))).isEqualTo(NONE);
    assertThatThrownBy(() -> in(() -> kmem.malloc(kmem.kmemMap(), tooMuch, MallocWait.WAITOK)))
        .isInstanceOf(KernelPanic.class).hasMessageContaining("too small");
    x.close();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void alloc_waitsForMemory(Mode mode) {
    try (World x = boot(mode)) {
      VmObject hoard = DecisionTests.hoard(x, x.kernel().config().thresholds().freeReserved());
      World.Actor<Long> a = x.start("allocator", () -> kmem.alloc(kmem.kernelMap(), 4 * page));
      awaitSleep("allocator", "vmwait");
      DecisionTests.release(x, hoard);
      Long va = a.join();
      assertThat(va).isNotNull().isNotEqualTo(NONE);
      assertThat(wired()).isEqualTo(4);
      release(va, 4);
    }
  }

  /** Both waits: for the pages, and before they are wired. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void alloc_ofAKilledProcess_endsItsWaits_andGivesEverythingBack(Mode mode) {
    for (int more : new int[] {0, 1}) {
      try (World x = boot(mode)) {
        Thresholds t = x.kernel().config().thresholds();
        int entries = in(() -> kmem.kernelMap().entryCount());
        int leave = more == 0 ? t.freeReserved() + 1 : t.pageoutFreeMin() + 1;
        boolean wiring = more == 1;
        VmObject hoard = DecisionTests.hoard(x, leave);
        World.Actor<Long> a = x.start("victim", () -> wiring
            ? kmem.malloc(kmem.kmemMap(), 4 * page, MallocWait.WAITOK)
            : kmem.alloc(kmem.kernelMap(), 4 * page));
        awaitSleep("victim", "vmwait");
        Victims.kill(x, "victim");
        assertThat(a.join()).isEqualTo(NONE);
        assertThat(free()).isEqualTo(leave);
        assertThat(in(() -> kmem.kernelMap().entryCount())).isEqualTo(entries);
        DecisionTests.release(x, hoard);
        assertThat(wired()).isZero();
        check();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void pageableMemory_isPagedLikeAProcess_butTheKernelsObjectsNeverAre(Mode mode) {
    try (World x = boot(mode)) {
      long pageable = in(() -> kmem.allocPageable(kmem.kernelMap(), 8 * page));
      long fixed = alloc(4);
      in(() -> kmem.kernelMap().pageable(fixed, fixed + 4 * page, true)); // on the queues, like any other memory
      for (int i = 0; i < 8; i++) {
        store(pageable + i * page, 100 + i);
      }
      for (int i = 0; i < 4; i++) {
        store(fixed + i * page, 200 + i);
      }
      Space hog = x.space().mapZero(16, 80);
      for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 80; i++) {
          hog.write(16 + i, i + 1);
        }
      }
      VmObject o = kmem.kernelObject();
      assertThat(o.residentPageCount()).isEqualTo(4);
      assertThat(o.type()).isEqualTo(ObjectType.DEFAULT);
      for (int i = 0; i < 4; i++) {
        assertThat(load(fixed + i * page)).isEqualTo(200 + i);
      }
      for (int i = 0; i < 8; i++) {
        assertThat(load(pageable + i * page)).isEqualTo(100 + i);
      }
      assertThat(x.kernel().swapPager().pagesWritten()).isPositive();
      hog.free();
      x.inKernel(() -> kmem.free(kmem.kernelMap(), pageable, 8 * page));
      release(fixed, 4);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void allocWait_sleepsForRoom(Mode mode) {
    try (World x = boot(mode)) {
      VmMap sub = in(() -> kmem.suballoc(kmem.kernelMap(), 4 * page));
      assertThat(in(() -> kmem.allocWait(sub, 5 * page))).as("never").isEqualTo(NONE);
      long a = in(() -> kmem.allocWait(sub, 2 * page));
      long b = in(() -> kmem.allocWait(sub, page));
      store(a, 9);
      check();
      World.Actor<Long> waiter = x.start("waiter", () -> kmem.allocWait(sub, 2 * page));
      awaitSleep("waiter", "kmaw");
      x.inKernel(() -> kmem.freeWakeup(sub, b, page)); // two pages in a row now
      assertThat(waiter.join()).isEqualTo(a + 2 * page);
      assertThat(load(a)).isEqualTo(9);
      x.inKernel(() -> kmem.freeWakeup(sub, a, 2 * page));
      x.inKernel(() -> kmem.freeWakeup(sub, a + 2 * page, 2 * page));
      assertThat(in(() -> sub.entryCount())).isZero();
      x.inKernel(() -> kmem.free(kmem.kernelMap(), sub.min(), 4 * page));
      x.inKernel(sub::deallocate);
      check();
    }
  }

  /** The wakeup that 1995's assert_wait loses: room is made between the look and the sleep. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void allocWait_missesNoWakeup(Mode mode) {
    try (World x = boot(mode)) {
      VmMap sub = in(() -> kmem.suballoc(kmem.kernelMap(), page));
      List<World.Actor<Long>> actors = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        actors.add(x.start("user " + i, () -> {
          long n = 0;
          for (; n < 3000; n++) {
            long va = kmem.allocWait(sub, page);
            kmem.freeWakeup(sub, va, page);
          }
          return n;
        }));
      }
      actors.forEach(a -> assertThat(a.join()).isEqualTo(3000));
      assertThat(in(() -> sub.entryCount())).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void submap_isFoundThroughItsParent_andEndsWithIt(Mode mode) {
    try (World x = boot(mode)) {
      int before = free();
      VmMap sub = in(() -> kmem.suballoc(kmem.kernelMap(), 8 * page));
      long va = in(() -> kmem.alloc(sub, 2 * page));
      long pageable = in(() -> kmem.allocPageable(sub, 2 * page));
      store(va, 1);
      store(pageable, 2);
      assertThat(load(va) + load(pageable)).isEqualTo(3);
      assertThat(in(() -> sub.isIdle() && kmem.kernelMap().isIdle())).isTrue();
      check();
      for (boolean unwire : new boolean[] {true, false}) {
        assertThat(in(() -> kmem.kernelMap().pageable(sub.min(), sub.max(), unwire)))
            .isEqualTo(KernReturn.INVALID_ARGUMENT);
      }
      x.inKernel(() -> kmem.free(kmem.kernelMap(), sub.min(), 8 * page));
      assertThat(in(sub::refCountHint)).isEqualTo(1);
      long[] to = new long[1];
      assertThat(in(() -> access.load(va, to))).isEqualTo(KernReturn.INVALID_ADDRESS);
      x.inKernel(sub::deallocate);
      assertThat(free()).isEqualTo(before);
      check();
      assertThat(in(() -> kmem.suballoc(sub, 16 * page))).as("no room").isNull();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void diskError_isFatalInASubmap(Mode mode) {
    try (World x = boot(mode)) {
      VmMap sub = in(() -> kmem.suballoc(kmem.kernelMap(), 4 * page));
      Vnode v = DecisionTests.file(x, 1);
      long va = in(() -> sub.findAnywhere(Mapping.of(x.kernel().vnodePager().objectOf(v), 0), sub.min(), page));
      x.kernel().machine().disk().fail(0, x.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      long[] to = new long[1];
      assertThat(in(() -> access.load(va, to))).isEqualTo(KernReturn.FAILURE);
      x.kernel().machine().disk().clearFaults();
      assertThat(in(() -> access.load(va, to))).isEqualTo(KernReturn.SUCCESS);
      x.inKernel(() -> kmem.free(kmem.kernelMap(), sub.min(), 4 * page));
      x.inKernel(sub::deallocate);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void changes_areShotDownOnEveryProcessor(Mode mode) {
    try (World x = boot(World.builder().mode(mode).cpus(4))) {
      long va = alloc(1);
      assertThat(x.kernel().pmaps().kernelPmap().residentCount()).isEqualTo(1);
      List<Long> before = shoots();
      release(va, 1);
      List<Long> after = shoots();
      for (int i = 0; i < 4; i++) {
        assertThat(after.get(i)).as("processor " + i).isGreaterThan(before.get(i));
      }
    }
  }

  private List<Long> shoots() {
    List<Long> n = new ArrayList<>();
    for (int i = 0; i < w.kernel().machine().cpus(); i++) {
      n.add(w.kernel().machine().cpu(i).shootsReceived());
    }
    return n;
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void kernelMap_isLockedAfterUsersMaps_shareMapsIncluded(Mode mode) {
    try (World x = boot(mode)) {
      Space s = x.space().mapZero(16, 1);
      x.inKernel(() -> {
        VmMap share = new VmMap(x.kernel().maps(), null, s.at(16), s.at(17), false);
        s.vmspace().map().lockRead();
        share.lockRead();
        kmem.kernelMap().lockWrite();
        kmem.kernelMap().unlock();
        share.unlock();
        s.vmspace().map().unlock();
        assertThat(share.mayFollow(kmem.kernelMap())).isFalse();
        assertThat(s.vmspace().map().mayFollow(kmem.kernelMap())).isFalse();
      });
    }
  }

  /** R4b, R40: whoever wants a page of the kernel's is woken when it is ready. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void whoWaitsForAPageOfTheKernels_isWoken(Mode mode) {
    try (World x = boot(mode)) {
      long va = in(() -> kmem.allocPageable(kmem.kernelMap(), page)); // where kmem_alloc's page will be
      x.inKernel(() -> kmem.free(kmem.kernelMap(), va, page));
      FaultGates.Gate wiring = x.gates().hold(FaultPoint.BEFORE_PMAP_ENTER); // the page is busy there
      World.Actor<Long> a = x.start("allocator", () -> kmem.alloc(kmem.kernelMap(), page));
      wiring.awaitArrival(10);
      World.Actor<KernReturn> reader = x.start("reader", () -> access.load(va, new long[1]));
      awaitSleep("reader", "vmpfw");
      wiring.release();
      assertThat(reader.join()).isEqualTo(KernReturn.SUCCESS);
      release(a.join(), 1);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void kernelAccess_toAUserAddress_panics(Mode mode) {
    World x = boot(mode);
    assertThatThrownBy(() -> in(() -> access.load(0, new long[1]))).isInstanceOf(KernelPanic.class);
    x.close();
  }
}
