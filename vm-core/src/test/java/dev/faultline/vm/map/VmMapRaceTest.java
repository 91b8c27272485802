package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.at;
import static dev.faultline.vm.map.MapWorld.entries;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Threads of one address space, and of several that share memory, on its maps at once. */
@Timeout(300)
final class VmMapRaceTest {
  private static final int R = VmProt.READ;
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

  /** Holds the first two strands that are about to upgrade until both are there. */
  private final class TwoUpgraders implements MapObserver {
    private final Queue<Strand> waiting = new ConcurrentLinkedQueue<>();
    final AtomicInteger upgrades = new AtomicInteger();

    @Override
    public void upgrading(VmMap holder) {
      int n = upgrades.incrementAndGet();
      if (n > 2) {
        return;
      }
      waiting.add(Strand.current());
      if (n == 2) {
        waiting.forEach(Strand::unpark);
        return;
      }
      world.domain.token().leave(); // in UP mode the other one must get into the kernel
      while (upgrades.get() < 2) {
        Strand.current().park();
      }
      world.domain.token().enter();
    }
  }

  private enum Case {
    MISSING_OBJECT,
    NEEDS_COPY,
    MISSING_IN_SHARE_MAP,
    NEEDS_COPY_IN_SHARE_MAP
  }

  private List<VmMap> prepare(Case which) {
    switch (which) {
      case MISSING_OBJECT -> map.find(Mapping.anonymous(), at(0), at(4));
      case NEEDS_COPY -> map.mapFixed(
          new Mapping(world.object(4), 0, true, true, RW, VmProt.ALL, Inheritance.COPY), at(0), at(4));
      default -> {
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(0), at(4));
        spaces.add(spaces.get(0).fork());
        if (which == Case.NEEDS_COPY_IN_SHARE_MAP) {
          assertThat(world.touch(map, at(0), RW)).isEqualTo(KernReturn.SUCCESS);
          map.inherit(at(0), at(4), Inheritance.COPY);
          spaces.add(spaces.get(0).fork());
        }
        return List.of(map, spaces.get(1).map());
      }
    }
    return List.of(map, map);
  }

  /** Both held M read, so that one upgrade fails, starts over, and finds the other's work. */
  @ParameterizedTest
  @EnumSource
  void twoUpgrades_atOnce_makeOneObject(Case which) {
    begin(Mode.FIXED);
    TwoUpgraders gate = new TwoUpgraders();
    List<VmMap> through = world.in(() -> prepare(which));
    world.maps.setObserver(gate);
    Set<VmObject> found = new HashSet<>();
    Queue<VmObject> answers = new ConcurrentLinkedQueue<>();
    List<MapWorld.Running> both = new ArrayList<>();
    for (VmMap m : through) {
      both.add(world.start("faulter", () -> {
        MapLookup r = new MapLookup();
        assertThat(m.lookup(r, at(1), RW)).isEqualTo(KernReturn.SUCCESS);
        assertThat(r.prot & VmProt.WRITE).isNotZero();
        answers.add(r.object());
        m.lookupDone(r);
      }));
    }
    both.forEach(MapWorld.Running::join);
    found.addAll(answers);
    assertThat(found).as("objects that the two were given").hasSize(1);
    VmObject backing = found.iterator().next().backing();
    assertThat(backing == null || backing.backing() == null).as("one shadow, not two").isTrue();
    assertThat(gate.upgrades.get()).as("upgrades; the loser needed none any more").isEqualTo(2);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void manyFirstTouches_ofManyEntries_agreeOnTheObjects(Mode mode) {
    begin(mode);
    int pages = 400;
    world.in(() -> {
      for (int i = 0; i < pages; i++) {
        map.mapFixed(Mapping.anonymous().withProtection(i % 2 == 0 ? RW : VmProt.ALL), at(i), at(i + 1));
      }
    });
    VmObject[][] seen = new VmObject[3][pages];
    List<MapWorld.Running> all = new ArrayList<>();
    for (VmObject[] mine : seen) {
      all.add(world.start("toucher", () -> {
        MapLookup r = new MapLookup();
        for (int i = 0; i < pages; i++) {
          assertThat(map.lookup(r, at(i), RW)).isEqualTo(KernReturn.SUCCESS);
          mine[i] = r.object();
          map.lookupDone(r);
        }
      }));
    }
    all.forEach(MapWorld.Running::join);
    for (int i = 0; i < pages; i++) {
      assertThat(seen[0][i]).isSameAs(seen[1][i]).isSameAs(seen[2][i]);
    }
  }

  /** R33: neither the gap between the old mapping and the new one nor rights in between can be seen. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void mapFixed_isOneStep_toEverybodyElse(Mode mode) {
    begin(mode);
    AtomicBoolean stop = new AtomicBoolean();
    world.in(() -> map.mapFixed(Mapping.anonymous().withProtection(R), at(0), at(8)));
    MapWorld.Running mapper = world.start("mapper", () -> {
      for (int n = 0; n < 5_000; n++) {
        assertThat(map.mapFixed(Mapping.anonymous().withProtection(R), at(n % 4), at(4 + n % 4)))
            .isEqualTo(KernReturn.SUCCESS);
      }
      stop.set(true);
    });
    List<MapWorld.Running> readers = new ArrayList<>();
    for (int k = 0; k < 2; k++) {
      readers.add(world.start("reader", () -> {
        MapLookup r = new MapLookup();
        while (!stop.get()) {
          assertThat(map.lookup(r, at(4), R)).isEqualTo(KernReturn.SUCCESS);
          assertThat(r.prot).isEqualTo(R);
          map.lookupDone(r);
          assertThat(map.lookup(r, at(4), RW)).isEqualTo(KernReturn.PROTECTION_FAILURE);
          if (map.tryRelookup(r, at(4), R)) {
            assertThat(r.result()).isEqualTo(KernReturn.SUCCESS);
            map.lookupDone(r);
          }
          giveTheTokenAway();
        }
      }));
    }
    mapper.join();
    readers.forEach(MapWorld.Running::join);
  }

  private void giveTheTokenAway() {
    world.domain.token().leave();
    world.domain.token().enter();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void refusedMapFixed_hasChangedNothing(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous(), at(0), at(8));
      world.touch(map, at(2), RW);
      VmObject o = world.object(1);
      Mapping beyondItsMaximum = new Mapping(o, 0, false, false, RW, R, Inheritance.COPY);
      assertThat(map.mapFixed(beyondItsMaximum, at(2), at(3))).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(map.mapFixed(Mapping.of(o, 0), at(2), MapWorld.MAX + MapWorld.PAGE))
          .isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(map.mapFixed(Mapping.of(o, 0), at(2), at(2))).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(entries(map)).hasSize(1);
      assertThat(MapWorld.isWritable(spaces.get(0).pmap(), at(2))).isTrue();
      assertThat(o.refCount()).isEqualTo(1);
      o.deallocate();
    });
  }

  @Test
  void everythingAtOnce_keepsTheInvariants() {
    begin(Mode.FIXED);
    int pages = 64;
    List<MapWorld.Running> all = new ArrayList<>();
    for (int k = 0; k < 4; k++) {
      int seed = k;
      all.add(world.start("busy", () -> {
        java.util.Random random = new java.util.Random(seed);
        MapLookup r = new MapLookup();
        for (int n = 0; n < 4_000; n++) {
          int from = random.nextInt(pages);
          int to = Math.min(pages, from + 1 + random.nextInt(8));
          switch (random.nextInt(8)) {
            case 0 -> map.mapFixed(Mapping.anonymous(), at(from), at(to));
            case 1 -> map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(from), at(to));
            case 2 -> map.remove(at(from), at(to));
            case 3 -> map.protect(at(from), at(to), random.nextBoolean() ? R : VmProt.ALL, false);
            case 4 -> {
              Vmspace child = spaces.get(0).fork();
              assertThat(child).isNotNull();
              if (child.map().lookup(r, at(from), RW) == KernReturn.SUCCESS) {
                child.map().lookupDone(r);
              }
              child.free();
            }
            case 5 -> map.inherit(at(from), at(to), Inheritance.values()[random.nextInt(3)]);
            default -> {
              if (map.lookup(r, at(from), random.nextBoolean() ? RW : R) == KernReturn.SUCCESS) {
                VmObject o = r.object();
                long offset = r.offset;
                map.lookupDone(r);
                if (map.tryRelookup(r, at(from), R) && r.result() == KernReturn.SUCCESS) {
                  assertThat(r.object() != o || r.offset >= 0).isTrue();
                  map.lookupDone(r);
                }
                assertThat(offset).isNotNegative();
              }
            }
          }
        }
      }));
    }
    all.forEach(MapWorld.Running::join);
  }
}
