package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.at;
import static dev.faultline.vm.map.MapWorld.entries;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * R29: who gives up an object waits for its paging_in_progress, whose holder may want the very map; so no map is locked
 * by then.
 */
@Timeout(300)
final class DeferredReleasesTest {
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

  private void pip(VmObject o, int by) {
    o.lock.lock();
    if (by > 0) {
      o.pipUp(by);
    } else {
      o.pipDown(-by);
    }
    o.lock.unlock();
  }

  /** Plays the faulter: looks up and keeps pip while it "pages in". */
  private VmObject pageinBegins(VmMap m, long va) {
    MapLookup r = new MapLookup();
    assertThat(m.lookup(r, va, RW)).isEqualTo(KernReturn.SUCCESS);
    pip(r.object(), 1);
    VmObject o = r.object();
    m.lookupDone(r);
    return o;
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void unmapping_waitsForThePagein_withTheMapFree(Mode mode) {
    begin(mode);
    VmObject o = world.in(() -> {
      map.find(Mapping.anonymous(), at(0), at(4));
      return pageinBegins(map, at(1));
    });
    MapWorld.Running unmapper = world.start("unmapper", () -> map.remove(at(0), at(4)));
    unmapper.untilAsleep("objtrm");
    world.in(() -> {
      MapLookup again = new MapLookup();
      assertThat(map.tryRelookup(again, at(1), VmProt.READ)).as("the faulter's try").isTrue();
      assertThat(again.result()).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(map.find(Mapping.anonymous(), at(0), at(1))).as("others use the map").isEqualTo(KernReturn.SUCCESS);
      pip(o, -1);
    });
    unmapper.join();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void replacingAMapping_waitsForThePagein_withTheNewOneInPlace(Mode mode) {
    begin(mode);
    VmObject o = world.in(() -> {
      map.find(Mapping.anonymous(), at(0), at(4));
      return pageinBegins(map, at(1));
    });
    MapWorld.Running mapper = world.start("mapper", () -> map.mapFixed(Mapping.anonymous(), at(0), at(4)));
    mapper.untilAsleep("objtrm");
    world.in(() -> {
      MapLookup r = new MapLookup();
      assertThat(map.lookup(r, at(1), RW)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.object()).isNotSameAs(o);
      map.lookupDone(r);
      pip(o, -1);
    });
    mapper.join();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void theLastReferenceToAShareMap_endsIt_withNoMapLocked(Mode mode) {
    begin(mode);
    VmMap[] share = new VmMap[1];
    VmObject o = world.in(() -> {
      map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(0), at(4));
      Vmspace child = spaces.get(0).fork();
      share[0] = entries(map).get(0).itsMap();
      child.free();
      assertThat(share[0].refCountHint()).isEqualTo(1);
      return pageinBegins(map, at(1));
    });
    MapWorld.Running unmapper = world.start("unmapper", () -> map.remove(at(0), at(2)));
    unmapper.join();
    unmapper = world.start("unmapper", () -> map.remove(at(2), at(4)));
    unmapper.untilAsleep("objtrm");
    assertThat(map.isIdle()).as("the map").isTrue();
    assertThat(share[0].isIdle()).as("the share map").isTrue();
    assertThat(share[0].refCountHint()).isZero();
    world.in(() -> pip(o, -1));
    unmapper.join();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void underTwoMapLocks_nothingIsGivenUpBeforeTheOuterOneIsReleased(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmMap inner = new VmMap(world.maps, null, MapWorld.MIN, MapWorld.MAX, false);
      VmObject o = world.object(4);
      o.reference();
      map.lockWrite();
      inner.lockWrite();
      assertThat(inner.insert(o, 0, at(0), at(4))).isEqualTo(KernReturn.SUCCESS);
      MapDelete.delete(inner, at(0), at(2));
      MapDelete.delete(inner, at(2), at(4));
      inner.unlock();
      assertThat(o.refCount()).as("references while the outer map is locked").isEqualTo(3);
      map.unlock();
      assertThat(o.refCount()).isEqualTo(1);
      o.deallocate();
      inner.deallocate();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void aLongQueueOfShareMaps_isWorkedOff_withoutNesting(Mode mode) {
    begin(mode);
    world.in(() -> {
      for (int i = 0; i < 2_000; i++) {
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(2L * i), at(2L * i + 1));
      }
      world.touch(map, at(2), RW);
      Vmspace child = spaces.get(0).fork();
      map.remove(MapWorld.MIN, MapWorld.MAX);
      child.free(); // each share map's end defers again
      assertThat(world.objects.objectCount()).isZero();
    });
  }
}
