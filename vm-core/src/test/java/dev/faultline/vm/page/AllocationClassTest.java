package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** vm_page_alloc against the table of vm-semantics 1.3, at and around every threshold of 1.7. */
@Timeout(120)
final class AllocationClassTest {
  private static final int FRAMES = 32;
  private static final int INTERRUPT_MIN = 2;
  private static final int PAGEOUT_MIN = 4;
  private static final int RESERVED = 6;
  private static final int MIN = 8;
  private static final int TARGET = 10;

  private enum Source {
    FREE,
    CACHE,
    NONE
  }

  private static Bed bed() {
    return Bed.builder().frames(FRAMES).thresholds(INTERRUPT_MIN, PAGEOUT_MIN, RESERVED, MIN, TARGET).build();
  }

  /** A machine with so many free frames and cached pages, and the rest in use. */
  private static final class Memory implements AutoCloseable {
    final Bed bed = bed();
    final VmObject user = bed.object(FRAMES);
    final VmObject requester = bed.object(2 * FRAMES);
    final List<VmPage> cached = new ArrayList<>();

    Memory(int free, int cache) {
      bed.freeList.stopDaemon(); // the test plays the daemon: no kick is to start one
      for (int i = 0; i < FRAMES - free; i++) {
        if (i < cache) {
          cached.add(bed.putCached(user, i, i));
        } else {
          bed.put(user, i, i);
        }
      }
      assertThat(bed.freeList.freeCount()).isEqualTo(free);
      assertThat(bed.freeList.cacheCount()).isEqualTo(cache);
    }

    VmPage alloc(int allocClass) {
      requester.lock.lock();
      try {
        return bed.pages.alloc(requester, (long) requester.residentPageCount() * Bed.PAGE, allocClass);
      } finally {
        requester.lock.unlock();
      }
    }

    void release(VmPage m) {
      bed.locked(requester, () -> bed.pages.freeBusy(m));
    }

    @Override
    public void close() {
      user.deallocate();
      requester.deallocate();
      bed.close();
    }
  }

  /** The table, said again without the code's short cuts. */
  private static Source expected(int allocClass, int free, int cache) {
    boolean mayTakeFree =
        switch (allocClass & ~AllocClass.ZERO) {
          case AllocClass.NORMAL -> free >= RESERVED;
          case AllocClass.SYSTEM -> free >= RESERVED || (cache == 0 && free >= INTERRUPT_MIN);
          case AllocClass.INTERRUPT -> true;
          default -> throw new AssertionError();
        };
    if (free > 0 && mayTakeFree) {
      return Source.FREE;
    }
    boolean mayTakeCache = (allocClass & ~AllocClass.ZERO) != AllocClass.INTERRUPT;
    return cache > 0 && mayTakeCache ? Source.CACHE : Source.NONE;
  }

  static Stream<Arguments> rows() {
    return rows(0, AllocClass.ZERO);
  }

  static Stream<Arguments> rowsWithoutZero() {
    return rows(0);
  }

  private static Stream<Arguments> rows(int... zeros) {
    List<Arguments> rows = new ArrayList<>();
    for (int base : new int[] {AllocClass.NORMAL, AllocClass.INTERRUPT, AllocClass.SYSTEM}) {
      for (int zero : zeros) {
        for (int free = 0; free <= TARGET + 1; free++) {
          for (int cache : new int[] {0, 1, 3, 7}) {
            rows.add(Arguments.of(base | zero, free, cache));
          }
        }
      }
    }
    return rows.stream();
  }

  @ParameterizedTest(name = "class {0}, {1} free, {2} cached")
  @MethodSource("rows")
  void alloc_takesWhatTheTableSays(int allocClass, int free, int cache) {
    try (Memory memory = new Memory(free, cache)) {
      VmPage m = memory.alloc(allocClass);
      Source source = expected(allocClass, free, cache);
      assertThat(m == null).as("refused").isEqualTo(source == Source.NONE);
      assertThat(memory.bed.freeList.freeCount()).as("free").isEqualTo(source == Source.FREE ? free - 1 : free);
      assertThat(memory.bed.freeList.cacheCount()).as("cached").isEqualTo(source == Source.CACHE ? cache - 1 : cache);
      if (m != null) {
        boolean oldest = cache > 0 && m == memory.cached.get(0);
        assertThat(oldest).as("oldest cached").isEqualTo(source == Source.CACHE);
        assertThat(m.isBusyBy(memory.bed.self)).isTrue();
        assertThat(m.valid() | m.dirty() | m.wireCount() | m.holdCount() | m.actCount() | m.busyCount()).isZero();
        assertThat(m.queue()).isEqualTo(VmPage.QUEUE_NONE);
        assertThat(m.object()).isSameAs(memory.requester);
        memory.release(m);
      }
    }
  }

  /** Whoever is refused, or leaves memory short, wakes the daemon; nobody else does. */
  @ParameterizedTest(name = "class {0}, {1} free, {2} cached")
  @MethodSource("rowsWithoutZero")
  void alloc_wakesTheDaemon_whenMemoryIsShortAfterwards(int allocClass, int free, int cache) {
    try (Memory memory = new Memory(free, cache)) {
      drainKick(memory.bed);
      AtomicInteger kicks = new AtomicInteger();
      Bed.Actor daemon =
          memory.bed.startDaemon(
              () -> {
                memory.bed.freeList.daemonSleep(() -> kicks.get() < 0);
                kicks.incrementAndGet();
              });
      memory.bed.until("daemon sleeps", () -> daemon.sleepsOn(memory.bed.freeList.daemonChannel));
      VmPage m = memory.alloc(allocClass);
      Source source = expected(allocClass, free, cache);
      int freeAfter = source == Source.FREE ? free - 1 : free;
      int cacheAfter = source == Source.CACHE ? cache - 1 : cache;
      boolean kick = source == Source.NONE || freeAfter + cacheAfter < MIN || freeAfter < PAGEOUT_MIN;
      if (kick) {
        daemon.join();
        assertThat(kicks.get()).isEqualTo(1);
      } else {
        assertThat(daemon.sleepsOn(memory.bed.freeList.daemonChannel)).as("still asleep").isTrue();
        kicks.set(-1);
        memory.bed.domain.sleepQueues().wakeup(memory.bed.freeList.daemonChannel);
        daemon.join();
      }
      if (m != null) {
        memory.release(m);
      }
    }
  }

  /** Takes back the request that filling memory has raised. */
  private static void drainKick(Bed bed) {
    bed.startDaemon(() -> bed.freeList.daemonSleep(() -> true)).join();
  }

  @Test
  void alloc_prefersZeroedFramesOnlyForClassZero() {
    try (Memory memory = new Memory(12, 0)) {
      VmPage zeroed = memory.bed.freeList.takeForZeroing(4);
      assertThat(zeroed).isNotNull();
      memory.bed.pages.zeroFill(zeroed);
      memory.bed.freeList.giveZeroed(zeroed);
      VmPage plain = memory.alloc(AllocClass.NORMAL);
      assertThat(plain).isNotSameAs(zeroed);
      assertThat(plain.isZero()).isFalse();
      memory.release(plain);
      VmPage zero = memory.alloc(AllocClass.NORMAL | AllocClass.ZERO);
      assertThat(zero).isSameAs(zeroed);
      assertThat(zero.isZero()).as("PG_ZERO goes with it").isTrue();
      assertThat(memory.bed.machine.memory().isZero(zero.frame())).isTrue();
      memory.release(zero);
      assertThat(zero.queue()).as("freed: nobody vouches for its words now").isEqualTo(VmPage.QUEUE_FREE);
    }
  }

  @Test
  void alloc_takesZeroedFrames_whenTheFreeListProperIsEmpty() {
    try (Memory memory = new Memory(RESERVED + 2, 0)) {
      List<VmPage> zeroed = new ArrayList<>();
      while (true) { // the zeroer keeps off the reserve
        VmPage m = memory.bed.freeList.takeForZeroing(FRAMES);
        if (m == null) {
          break;
        }
        zeroed.add(m);
      }
      assertThat(zeroed).hasSize(2);
      zeroed.forEach(memory.bed.freeList::giveZeroed);
      List<VmPage> taken = new ArrayList<>();
      for (int i = 1; i <= RESERVED + 2; i++) {
        VmPage m = memory.alloc(AllocClass.INTERRUPT);
        assertThat(m).isNotNull();
        taken.add(m);
        assertThat(m.isZero()).as("%d. frame", i).isEqualTo(i > RESERVED);
      }
      taken.forEach(memory::release);
    }
  }

  @Test
  void zeroer_keepsOffTheReserve_andStopsAtItsLimit() {
    try (Memory memory = new Memory(RESERVED, 0)) {
      assertThat(memory.bed.freeList.takeForZeroing(4)).as("at the reserve").isNull();
      memory.bed.free(memory.bed.page(memory.user, 20));
      VmPage m = memory.bed.freeList.takeForZeroing(1);
      assertThat(m).isNotNull();
      assertThat(memory.bed.freeList.freeCount()).isEqualTo(RESERVED);
      memory.bed.freeList.giveZeroed(m);
      assertThat(memory.bed.freeList.freeCount()).isEqualTo(RESERVED + 1);
      assertThat(memory.bed.freeList.takeForZeroing(1)).as("list long enough").isNull();
    }
  }

  /** Its requests but those at interrupt level become plain SYSTEM ones, and lose ZERO. */
  @ParameterizedTest
  @ValueSource(ints = {AllocClass.NORMAL, AllocClass.NORMAL | AllocClass.ZERO, AllocClass.SYSTEM | AllocClass.ZERO})
  void alloc_makesTheDaemonsRequestsSystem(int allocClass) {
    try (Memory memory = new Memory(INTERRUPT_MIN, 0)) {
      AtomicReference<VmPage> got = new AtomicReference<>();
      memory.bed.startDaemon(() -> take(memory, allocClass, got)).join();
      assertThat(got.get()).as("below the reserve").isNotNull();
      got.set(null);
      memory.bed.startDaemon(() -> take(memory, allocClass, got)).join();
      assertThat(got.get()).as("below interrupt_free_min").isNull();
      memory.bed.startDaemon(() -> take(memory, AllocClass.INTERRUPT, got)).join();
      assertThat(got.get()).as("INTERRUPT stays what it is").isNotNull();
    }
  }

  @Test
  void alloc_losesZero_whenTheDaemonAsks() {
    try (Memory memory = new Memory(TARGET, 0)) {
      VmPage zeroed = memory.bed.freeList.takeForZeroing(4);
      assertThat(zeroed).isNotNull();
      memory.bed.freeList.giveZeroed(zeroed);
      AtomicReference<VmPage> got = new AtomicReference<>();
      memory.bed.startDaemon(() -> take(memory, AllocClass.NORMAL | AllocClass.ZERO, got)).join();
      assertThat(got.get()).isNotNull().isNotSameAs(zeroed);
    }
  }

  private static void take(Memory memory, int allocClass, AtomicReference<VmPage> got) {
    VmPage m = memory.alloc(allocClass);
    got.set(m);
    if (m != null && (allocClass & ~AllocClass.ZERO) != AllocClass.INTERRUPT) {
      memory.bed.locked( // stays resident: the next request finds one frame fewer
          memory.requester,
          () -> {
            m.setValid(VmPage.ALL_CHUNKS);
            memory.bed.queues.activate(m);
            memory.bed.pages.wakeup(m);
          });
    } else if (m != null) {
      memory.release(m);
    }
  }

  /** A frame's generation tells its users apart (I-19). */
  @Test
  void gen_rises_atEveryAllocAndEveryFree() {
    try (Memory memory = new Memory(TARGET, 0)) {
      VmPage m = memory.alloc(AllocClass.NORMAL);
      long gen = m.gen();
      assertThat(memory.bed.machine.memory().stamp(m.frame())).isEqualTo(gen);
      memory.release(m);
      assertThat(m.gen()).isGreaterThan(gen);
    }
    try (Memory memory = new Memory(0, 1)) {
      VmPage victim = memory.cached.get(0);
      long gen = victim.gen();
      VmPage m = memory.alloc(AllocClass.NORMAL);
      assertThat(m).isSameAs(victim);
      assertThat(m.gen()).isGreaterThan(gen);
      memory.release(m);
    }
  }

  @Test
  void alloc_failsWhereATestSaysSo_andTheWaitDoesNotHang() {
    try (Memory memory = new Memory(TARGET, 0)) {
      memory.bed.pages.setAllocationFaults((t, c) -> c == AllocClass.SYSTEM);
      assertThat(memory.alloc(AllocClass.SYSTEM)).isNull();
      long gen = memory.bed.self.memoryGen;
      VmPage m = memory.alloc(AllocClass.NORMAL);
      memory.release(m);
      memory.bed.freeList.waitForMemory(gen, false); // plenty of memory, and something was freed: no sleep
    }
  }
}
