package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.PAGE;
import static dev.faultline.vm.map.MapWorld.at;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The outcomes of a lookup, step by step of vm-semantics 3.4, and those of a fault's second one (F14). */
@Timeout(300)
final class MapLookupTest {
  private static final int R = VmProt.READ;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private final MapLookup r = new MapLookup();
  private MapWorld world;
  private Vmspace space;
  private VmMap map;

  private void begin(Mode mode) {
    world = new MapWorld(mode);
    space = world.space();
    map = space.map();
  }

  @AfterEach
  void end() {
    world.finish(List.of(space));
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void ofNothing_isInvalidAddress_andHoldsNothing(Mode mode) {
    begin(mode);
    world.in(() -> {
      assertThat(map.lookup(r, at(3), R)).isEqualTo(KernReturn.INVALID_ADDRESS);
      map.find(Mapping.anonymous(), at(4), at(5));
      for (long va : new long[] {0, at(0) - 1, at(4) - 1, at(5), MapWorld.MAX, Long.MAX_VALUE, -8}) {
        assertThat(map.lookup(r, va, R)).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(map.tryRelookup(r, va, R)).isTrue();
        assertThat(r.result()).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(r.isHeld()).isFalse();
      }
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void beyondTheProtection_isProtectionFailure(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous().withProtection(R), at(0), at(1));
      map.mapFixed(Mapping.anonymous().withProtection(VmProt.NONE), at(1), at(2));
      assertThat(map.lookup(r, at(0), RW)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(map.lookup(r, at(1), R)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(map.tryRelookup(r, at(1), R)).isTrue();
      assertThat(r.result()).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(map.lookup(r, at(0), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.prot).isEqualTo(R);
      map.lookupDone(r);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void ofUntouchedMemory_makesOneObjectForTheEntry(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.find(Mapping.anonymous(), at(2), at(6));
      assertThat(map.tryRelookup(r, at(3), R)).as("a relookup makes no object").isFalse();
      assertThat(map.lookup(r, at(3) + 8, R)).isEqualTo(KernReturn.SUCCESS);
      VmObject o = r.object();
      assertThat(r.offset).isEqualTo(PAGE + 8);
      assertThat(o.size()).isEqualTo(4 * PAGE);
      assertThat(r.prot).isEqualTo(VmProt.ALL);
      assertThat(r.wired).isFalse();
      assertThat(r.pmap()).isSameAs(space.pmap());
      map.lookupDone(r);
      assertThat(map.lookup(r, at(5), RW)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.object()).isSameAs(o);
      assertThat(r.offset).isEqualTo(3 * PAGE);
      map.lookupDone(r);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void forReading_ofWhatNeedsACopy_losesWrite_andForWritingMakesTheShadow(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmObject o = world.object(8);
      map.mapFixed(new Mapping(o, 2 * PAGE, true, true, VmProt.ALL, VmProt.ALL, Inheritance.COPY), at(0), at(4));
      assertThat(map.lookup(r, at(1), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.object()).isSameAs(o);
      assertThat(r.offset).isEqualTo(3 * PAGE);
      assertThat(r.prot).isEqualTo(VmProt.ALL & ~VmProt.WRITE);
      map.lookupDone(r);

      assertThat(map.tryRelookup(r, at(1), R)).isTrue();
      assertThat(r.prot).isEqualTo(VmProt.ALL & ~VmProt.WRITE);
      map.lookupDone(r);
      assertThat(map.tryRelookup(r, at(1), RW)).as("a relookup makes no shadow").isFalse();

      assertThat(map.lookup(r, at(1), RW)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.object()).isNotSameAs(o);
      assertThat(r.object().backing()).isSameAs(o);
      assertThat(r.object().backingOffset()).isEqualTo(2 * PAGE);
      assertThat(r.object().size()).isEqualTo(4 * PAGE);
      assertThat(r.offset).isEqualTo(PAGE);
      assertThat(r.prot).isEqualTo(VmProt.ALL);
      assertThat(r.entry().needsCopy()).isFalse();
      assertThat(r.entry().copyOnWrite()).isTrue();
      map.lookupDone(r);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void ofAWiredEntry_actsWithAllOfItsProtection(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmObject o = world.object(4);
      map.mapFixed(new Mapping(o, 0, true, true, RW, VmProt.ALL, Inheritance.COPY), at(0), at(4));
      MapWorld.entries(map).get(0).wiredCount = 1;
      assertThat(map.tryRelookup(r, at(0), R)).as("it would need a shadow (R32)").isFalse();
      assertThat(map.lookup(r, at(0), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.wired).isTrue();
      assertThat(r.prot).isEqualTo(RW);
      assertThat(r.object()).isNotSameAs(o);
      map.lookupDone(r);
      assertThat(map.tryRelookup(r, at(0), R)).isTrue();
      assertThat(r.wired).isTrue();
      map.lookupDone(r);
      MapWorld.entries(map).get(0).wiredCount = 0;
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void throughASubmap_endsInTheSubmap_withTheParentReleased(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmMap sub = new VmMap(world.maps, space.pmap(), at(4), at(8), true);
      map.find(Mapping.anonymous(), at(2), at(10));
      assertThat(map.submap(at(4), at(8), sub)).isEqualTo(KernReturn.SUCCESS);
      assertThat(map.lookup(r, at(5), R)).isEqualTo(KernReturn.INVALID_ADDRESS);
      sub.find(Mapping.anonymous(), at(5), at(6));
      assertThat(map.lookup(r, at(5), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.map()).isSameAs(sub);
      assertThat(map.isIdle()).as("the parent's lock").isTrue();
      map.lookupDone(r);
      assertThat(sub.isIdle()).isTrue();
      assertThat(map.tryRelookup(r, at(5), R)).isTrue();
      map.lookupDone(r);

      assertThat(map.submap(at(4), at(8), sub)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(map.protect(at(2), at(10), R, false)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      assertThat(MapWorld.entries(map)).extracting(VmMapEntry::protection).containsOnly(VmProt.ALL);
      assertThat(map.clean(at(2), at(10), false)).isEqualTo(KernReturn.INVALID_ARGUMENT);
      map.remove(at(4), at(8));
      assertThat(sub.refCountHint()).isEqualTo(1);
      sub.deallocate();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void throughAShareMap_takesObjectFromIt_andProtectionFromTheMainEntry(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(2), at(6));
      Vmspace child = space.fork("child");
      assertThat(child).isNotNull();
      child.map().protect(at(3), at(4), R, false);
      assertThat(map.tryRelookup(r, at(3), R)).as("no object yet").isFalse();
      assertThat(map.lookup(r, at(3), RW)).isEqualTo(KernReturn.SUCCESS);
      VmMap share = r.shareMap();
      assertThat(share).isNotNull();
      assertThat(share.isIdle()).as("share map's lock during the lookup").isFalse();
      assertThat(r.entry().isAMap()).isTrue();
      assertThat(r.singleUse).isFalse();
      VmObject o = r.object();
      assertThat(r.offset).isEqualTo(PAGE);
      map.lookupDone(r);
      assertThat(share.isIdle()).isTrue();

      assertThat(child.map().lookup(r, at(3), RW)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      assertThat(child.map().lookup(r, at(3), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.object()).isSameAs(o);
      assertThat(r.offset).isEqualTo(PAGE);
      assertThat(r.prot).isEqualTo(R);
      assertThat(r.pmap()).isSameAs(child.pmap());
      child.map().lookupDone(r);
      assertThat(child.map().tryRelookup(r, at(5), R)).isTrue();
      assertThat(r.object()).isSameAs(o);
      assertThat(r.offset).isEqualTo(3 * PAGE);
      child.map().lookupDone(r);
      world.maps.checkInvariants(List.of(map, child.map()));
      child.free();

      assertThat(map.lookup(r, at(3), R)).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.singleUse).isTrue();
      map.lookupDone(r);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void ofAHoleInAShareMap_isInvalidAddress_andHoldsNothing(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(2), at(6));
      Vmspace child = space.fork("child");
      VmMap share = MapWorld.entries(map).get(0).itsMap();
      share.remove(at(3), at(4));
      assertThat(map.lookup(r, at(3), R)).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(map.tryRelookup(r, at(3), R)).isTrue();
      assertThat(r.result()).isEqualTo(KernReturn.INVALID_ADDRESS);
      assertThat(share.isIdle() && map.isIdle()).isTrue();
      child.free();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void relookup_givesUp_whereALockIsNotToBeHad(Mode mode) {
    begin(mode);
    VmMap share = world.in(() -> {
      map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(2), at(6));
      Vmspace child = space.fork("child");
      assertThat(map.lookup(r, at(3), RW)).isEqualTo(KernReturn.SUCCESS);
      map.lookupDone(r);
      child.free();
      return MapWorld.entries(map).get(0).itsMap();
    });
    for (VmMap locked : new VmMap[] {map, share}) {
      world.in(() -> {
        locked.lockWrite();
        MapWorld.Running other = world.start("other", () -> {
          MapLookup mine = new MapLookup();
          assertThat(map.tryRelookup(mine, at(3), R)).isFalse();
          assertThat(mine.isHeld()).isFalse();
        });
        world.outside(other::join);
        locked.unlock();
      });
    }
  }
}
