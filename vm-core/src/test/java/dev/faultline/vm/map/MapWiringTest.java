package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.at;
import static dev.faultline.vm.map.MapWorld.entries;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The two passes of wiring and its undoing, with a wirer that records what it is asked. */
@Timeout(300)
final class MapWiringTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private MapWorld world;
  private final List<Vmspace> spaces = new ArrayList<>();
  private VmMap map;

  private void begin(Mode mode) {
    world = new MapWorld(mode);
    spaces.add(world.space());
    map = spaces.get(0).map();
  }

  @AfterEach
  void end() {
    world.finish(spaces);
  }

  private List<Integer> counts() {
    return entries(map).stream().map(VmMapEntry::wiredCount).toList();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void wiring_makesObjectsAndShadowsFirst_thenClips_thenFaults(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmObject o = world.object(4);
      map.mapFixed(new Mapping(o, 0, true, true, RW, VmProt.ALL, Inheritance.COPY), at(0), at(4));
      map.mapFixed(Mapping.anonymous(), at(4), at(8));
      world.wiring.during = () -> assertThat(entries(map)).noneMatch(e -> e.needsCopy() && e.wiredCount() > 0);
      assertThat(map.pageable(at(2), at(6), false)).isEqualTo(KernReturn.SUCCESS);
      assertThat(world.wiring.calls).containsExactly("wire 2-4", "wire 4-6");
      assertThat(counts()).containsExactly(0, 1, 1, 0);
      List<VmMapEntry> e = entries(map);
      assertThat(e.get(0).object()).as("one shadow for both pieces").isSameAs(e.get(1).object()).isNotSameAs(o);
      assertThat(e.get(2).object()).as("one object for both pieces").isNotNull().isSameAs(e.get(3).object());

      world.wiring.calls.clear();
      assertThat(map.pageable(at(3), at(5), false)).isEqualTo(KernReturn.SUCCESS);
      assertThat(world.wiring.calls).as("what is wired is not faulted again").isEmpty();
      assertThat(counts()).containsExactly(0, 1, 2, 2, 1, 0);

      assertThat(map.pageable(at(2), at(6), true)).isEqualTo(KernReturn.SUCCESS);
      assertThat(world.wiring.calls).containsExactly("unwire 2-3", "unwire 5-6");
      assertThat(map.pageable(at(2), at(5), true)).as("page 2 is not wired").isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(map.pageable(at(3), at(5), true)).isEqualTo(KernReturn.SUCCESS);
      assertThat(counts()).containsOnly(0);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void refusals_changeNothing(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous(), at(0), at(4));
      map.mapFixed(Mapping.anonymous().withProtection(RW), at(6), at(8));
      assertThat(map.pageable(at(4), at(5), false)).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(map.pageable(at(4), at(5), true)).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(map.pageable(at(1), at(7), false)).as("hole").isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(map.pageable(at(1), at(5), false)).as("hole at the end").isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(map.pageable(at(1), at(3), true)).as("not wired").isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(counts()).containsExactly(0, 0);
      assertThat(entries(map).get(0).object()).isNull();
      assertThat(world.wiring.calls).isEmpty();
      assertThat(map.isIdle()).isTrue();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void failure_takesEveryCountBack_andUnwiresTheWholeRange(Mode mode) {
    begin(mode);
    world.in(() -> {
      for (int i = 0; i < 4; i++) {
        map.mapFixed(Mapping.anonymous().withProtection(i % 2 == 0 ? RW : VmProt.ALL), at(i), at(i + 1));
      }
      map.pageable(at(1), at(2), false);
      world.wiring.calls.clear();
      world.wiring.failAt = at(2);
      assertThat(map.pageable(at(0), at(4), false)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(counts()).containsExactly(0, 1, 0, 0);
      assertThat(world.wiring.calls)
          .containsExactly("wire 0-1", "wire 2-3", "unwire 0-1", "unwire 2-3", "unwire 3-4");
      map.pageable(at(1), at(2), true);
    });
  }

  /** R30: the wirer is past the lock that a queued writer bars to others. */
  @Test
  void faultsWithinWiring_lookUp_pastAQueuedWriter() {
    begin(Mode.FIXED);
    world.in(() -> map.mapFixed(Mapping.anonymous(), at(0), at(4)));
    MapWorld.Running[] writer = new MapWorld.Running[1];
    List<KernReturn> seen = new ArrayList<>();
    world.wiring.during = () -> {
      writer[0] = world.start("writer", () -> map.remove(at(3), at(4)));
      writer[0].untilAsleep("thrd_write");
      MapLookup r = new MapLookup();
      seen.add(map.lookup(r, at(1), RW));
      assertThat(r.wired).isTrue();
      map.lookupDone(r);
      assertThat(map.tryRelookup(r, at(1), RW)).isTrue();
      map.lookupDone(r);
    };
    world.in(() -> assertThat(map.pageable(at(0), at(2), false)).isEqualTo(KernReturn.SUCCESS));
    writer[0].join();
    assertThat(seen).containsExactly(KernReturn.SUCCESS);
    world.in(() -> map.pageable(at(0), at(2), true));
  }

  @Test
  void otherFaults_goOn_whilePagesAreWired() {
    begin(Mode.FIXED);
    world.in(() -> map.mapFixed(Mapping.anonymous(), at(0), at(4)));
    world.wiring.during = () -> world.start("faulter", () -> {
      MapLookup r = new MapLookup();
      assertThat(map.lookup(r, at(1), RW)).isEqualTo(KernReturn.SUCCESS);
      map.lookupDone(r);
    }).join();
    world.in(() -> {
      map.pageable(at(0), at(4), false);
      map.pageable(at(0), at(4), true);
    });
  }

  /** A recursive upgrade does not wait for other readers, so that one who decided before it must ask again. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoUpgradesAfterARecursiveOwner_findsItsWork(boolean needsCopy) {
    begin(Mode.FIXED);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous().withProtection(RW), at(0), at(1));
      map.mapFixed(
          needsCopy
              ? new Mapping(world.object(1), 0, true, true, RW, VmProt.ALL, Inheritance.COPY)
              : Mapping.anonymous(),
          at(2),
          at(3));
    });
    CountDownLatch decided = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Thread[] gated = new Thread[1];
    world.maps.setObserver(new MapObserver() {
      @Override
      public void upgrading(VmMap holder) {
        if (Thread.currentThread() == gated[0]) {
          decided.countDown();
          await(goOn);
        }
      }
    });
    List<VmObject> found = new CopyOnWriteArrayList<>();
    Runnable touch = () -> {
      MapLookup r = new MapLookup();
      assertThat(map.lookup(r, at(2), RW)).isEqualTo(KernReturn.SUCCESS);
      found.add(r.object());
      map.lookupDone(r);
    };
    MapWorld.Running[] other = new MapWorld.Running[1];
    world.wiring.during = () -> {
      other[0] = world.start("other", () -> {
        gated[0] = Thread.currentThread();
        touch.run();
      });
      await(decided); // the other saw what is missing
      touch.run();
      goOn.countDown();
    };
    world.in(() -> map.pageable(at(0), at(1), false));
    other[0].join();
    assertThat(found).hasSize(2);
    assertThat(found.get(0)).isSameAs(found.get(1));
    world.in(() -> map.pageable(at(0), at(1), true));
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(5, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void theKernelsMap_isUnlockedWhilePagesAreWired() {
    begin(Mode.FIXED);
    VmMap kernel = new VmMap(world.maps, world.pmaps.kernelPmap(), MapWorld.MIN, MapWorld.MAX, true);
    world.wiring.during = () -> assertThat(kernel.isIdle()).isTrue();
    world.in(() -> {
      kernel.find(Mapping.anonymous(), at(0), at(2));
      assertThat(kernel.pageable(at(0), at(2), false)).isEqualTo(KernReturn.SUCCESS);
      kernel.pageable(at(0), at(2), true);
      kernel.deallocate();
    });
    assertThat(world.wiring.calls).containsExactly("wire 0-2", "unwire 0-2");
  }

  /** The kernel's map is unlocked in pass 2: what others do next door must not be taken for the region's. */
  @Test
  void aNeighbourThatIsWiredMeanwhile_isNotMergedIn_norUnwiredByAFailure() {
    begin(Mode.FIXED);
    VmMap kernel = new VmMap(world.maps, world.pmaps.kernelPmap(), MapWorld.MIN, MapWorld.MAX, true);
    VmObject o = world.in(() -> world.objects.bootKernelObject(MapWorld.MAX));
    Runnable neighbours = () -> {
      world.wiring.during = () -> {};
      for (int i : new int[] {0, 4}) {
        assertThat(kernel.pageable(at(i), at(i + 2), false)).isEqualTo(KernReturn.SUCCESS);
        kernel.simplify(at(i));
      }
      kernel.simplify(at(2));
    };
    world.wiring.during = () -> world.start("neighbours", neighbours).join();
    world.in(() -> {
      for (int i = 0; i < 6; i += 2) {
        o.reference();
        kernel.find(Mapping.of(o, at(i)), at(i), at(i + 2));
      }
      world.wiring.failAt = at(3);
      assertThat(kernel.pageable(at(2), at(4), false)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(entries(kernel)).extracting(VmMapEntry::wiredCount).containsExactly(1, 0, 1);
      assertThat(world.wiring.calls).doesNotContain("unwire 4-6", "unwire 0-2");
      world.wiring.failAt = -1;
      assertThat(kernel.pageable(at(2), at(4), false)).isEqualTo(KernReturn.SUCCESS);
      kernel.simplify(at(2));
      kernel.simplify(at(4));
      assertThat(entries(kernel)).as("once they are done").hasSize(1);
      kernel.deallocate();
      o.deallocate();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void submaps_areRefused_beforeAnythingIsChanged(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmMap sub = new VmMap(world.maps, spaces.get(0).pmap(), at(2), at(4), true);
      map.find(Mapping.anonymous(), at(0), at(6));
      map.submap(at(2), at(4), sub);
      assertThatThrownBy(() -> spaces.get(0).fork()).isInstanceOf(KernelPanic.class).hasMessageContaining("submap");
      assertThat(map.pageable(at(1), at(6), false)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(map.pageable(at(2), at(3), false)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      map.pageable(at(0), at(2), false);
      assertThat(map.pageable(at(0), at(4), true)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(counts()).containsExactly(1, 0, 0);
      assertThat(map.inherit(at(1), at(3), Inheritance.NONE)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(entries(map)).hasSize(3).extracting(VmMapEntry::inheritance).containsOnly(Inheritance.COPY);
      map.remove(at(0), at(6));
      sub.deallocate();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void unmapping_unwiresFirst(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous(), at(0), at(4));
      map.pageable(at(0), at(4), false);
      map.pageable(at(0), at(4), false);
      world.wiring.calls.clear();
      map.remove(at(1), at(2));
      assertThat(world.wiring.calls).containsExactly("unwire 1-2");
      assertThat(counts()).containsExactly(2, 2);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void anAnonymousInsert_doesNotExtendAWiredEntry(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous(), at(0), at(2));
      map.pageable(at(0), at(2), false);
      map.find(Mapping.anonymous(), at(2), at(4));
      assertThat(counts()).containsExactly(1, 0);
    });
  }
}
