package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.PAGE;
import static dev.faultline.vm.map.MapWorld.at;
import static dev.faultline.vm.map.MapWorld.entries;
import static dev.faultline.vm.map.MapWorld.isMapped;
import static dev.faultline.vm.map.MapWorld.isWritable;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a fork inherits: every inheritance with every kind of entry (vm-semantics 3.4 vmspace_fork, copy_entry). */
@Timeout(300)
final class VmspaceForkTest {
  private static final int R = VmProt.READ;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private MapWorld world;
  private final List<Vmspace> spaces = new CopyOnWriteArrayList<>();
  private Vmspace parent;
  private VmMap map;

  private void begin(Mode mode) {
    begin(mode, Defect.defaults());
  }

  private void begin(Mode mode, Set<Defect> defects) {
    world = new MapWorld(mode, defects);
    parent = world.space();
    spaces.add(parent);
    map = parent.map();
  }

  private Vmspace fork(Vmspace of) {
    Vmspace child = of.fork();
    assertThat(child).isNotNull();
    spaces.add(child);
    return child;
  }

  private void free(Vmspace space) {
    spaces.remove(space);
    space.free();
  }

  @AfterEach
  void end() {
    world.finish(spaces);
  }

  private void mapAndTouch(Inheritance inheritance, int pages) {
    map.mapFixed(Mapping.anonymous().withInheritance(inheritance), at(0), at(pages));
    for (int i = 0; i < pages; i++) {
      assertThat(world.touch(map, at(i), RW)).isEqualTo(KernReturn.SUCCESS);
      assertThat(isWritable(parent.pmap(), at(i))).isTrue();
    }
  }

  private static VmMapEntry only(VmMap map) {
    assertThat(entries(map)).hasSize(1);
    return entries(map).get(0);
  }

  private static VmObject objectFor(VmMap map, long va, int type) {
    MapLookup r = new MapLookup();
    assertThat(map.lookup(r, va, type)).isEqualTo(KernReturn.SUCCESS);
    VmObject o = r.object();
    map.lookupDone(r);
    return o;
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void none_isNotInherited_andTheParentKeepsItsTranslations(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.NONE, 2);
      Vmspace child = fork(parent);
      assertThat(entries(child.map())).isEmpty();
      assertThat(child.map().size()).isZero();
      assertThat(isWritable(parent.pmap(), at(1))).isTrue();
      assertThat(only(map).needsCopy()).isFalse();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_writeProtectsTheParent_andSharesTheObjectUntilAWrite(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 3);
      map.protect(at(2), at(3), R, false);
      VmObject o = entries(map).get(0).object();
      Vmspace child = fork(parent);

      for (int i = 0; i < 3; i++) {
        assertThat(isMapped(parent.pmap(), at(i))).isTrue();
        assertThat(isWritable(parent.pmap(), at(i))).isFalse();
        assertThat(isMapped(child.pmap(), at(i))).isFalse();
      }
      assertThat(entries(child.map())).hasSize(2);
      assertThat(child.map().size()).isEqualTo(3 * PAGE);
      for (VmMap m : List.of(map, child.map())) {
        for (VmMapEntry e : entries(m)) {
          assertThat(e.object()).isSameAs(o);
          assertThat(e.offset()).isEqualTo(e.start() - at(0));
          assertThat(e.needsCopy() && e.copyOnWrite()).isTrue();
        }
      }
      assertThat(entries(child.map()).get(1).protection()).isEqualTo(R);
      assertThat(entries(child.map()).get(1).maxProtection()).isEqualTo(VmProt.ALL);
      assertThat(o.refCount()).isEqualTo(4);

      VmObject mine = objectFor(map, at(0), RW);
      assertThat(mine.backing()).isSameAs(o);
      assertThat(objectFor(child.map(), at(0), R)).isSameAs(o);
      VmObject theirs = objectFor(child.map(), at(1), RW);
      assertThat(theirs).isNotSameAs(mine);
      assertThat(theirs.backing()).isSameAs(o);
      assertThat(objectFor(map, at(2), R)).as("the read-only piece").isSameAs(o);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_ofUntouchedMemory_sharesNothing(Mode mode) {
    begin(mode);
    world.in(() -> {
      map.mapFixed(Mapping.anonymous(), at(0), at(2));
      Vmspace child = fork(parent);
      for (VmMap m : List.of(map, child.map())) {
        assertThat(only(m).object()).isNull();
        assertThat(only(m).needsCopy() || only(m).copyOnWrite()).isFalse();
      }
      assertThat(objectFor(map, at(0), RW)).isNotSameAs(objectFor(child.map(), at(0), RW));
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_again_leavesWhatNeedsACopyAlready_toAllThree(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 1);
      Vmspace first = fork(parent);
      Vmspace second = fork(first);
      VmObject o = only(map).object();
      assertThat(o).isNotNull();
      assertThat(List.of(only(map).object(), only(first.map()).object(), only(second.map()).object())).containsOnly(o);
      assertThat(o.refCount()).isEqualTo(3);
      VmObject shadow = objectFor(first.map(), at(0), RW);
      assertThat(shadow.backing()).isSameAs(o);
      assertThat(only(second.map()).object()).isSameAs(o);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_ofAFileMapping_sendsTheParentToAPrivateShadow(Mode mode) {
    begin(mode);
    world.in(() -> {
      MapWorld.FakeVnode vnode = new MapWorld.FakeVnode();
      VmObject file = world.file(4, vnode);
      map.mapFixed(Mapping.of(file, PAGE), at(0), at(2));
      world.touch(map, at(0), RW);
      Vmspace child = fork(parent);
      assertThat(isWritable(parent.pmap(), at(0))).isFalse();
      VmObject shadow = objectFor(map, at(0), RW);
      assertThat(shadow.backing()).isSameAs(file);
      assertThat(shadow.backingOffset()).isEqualTo(PAGE);
      assertThat(shadow.chainVnode()).isSameAs(vnode);
      assertThat(objectFor(child.map(), at(0), R)).isSameAs(file);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_ofWiredMemory_copiesAtOnce_unwired(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 2);
      assertThat(map.pageable(at(0), at(2), false)).isEqualTo(KernReturn.SUCCESS);
      world.wiring.calls.clear();
      Vmspace child = fork(parent);
      assertThat(world.wiring.calls).containsExactly("copy 0-2");
      assertThat(only(child.map()).wiredCount()).isZero();
      assertThat(only(child.map()).object()).isNotNull().isNotSameAs(only(map).object());
      assertThat(only(child.map()).needsCopy() || only(map).needsCopy()).isFalse();
      assertThat(isWritable(parent.pmap(), at(0))).as("wired memory stays writable").isTrue();
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void ofWiredMemory_byAKilledProcess_leavesNoChild(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 4);
      map.pageable(at(2), at(4), false);
      world.wiring.killed = true;
      assertThat(parent.fork()).isNull();
      assertThat(map.isIdle()).isTrue();
      assertThat(entries(map).get(0).object().refCount()).as("references of the parent's two entries").isEqualTo(2);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void share_makesAShareMapOfTheParentsEntry_once(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.SHARE, 3);
      map.pageable(at(0), at(3), false);
      VmObject o = only(map).object();
      Vmspace first = fork(parent);
      VmMap share = only(map).map();
      assertThat(only(map).isAMap()).isTrue();
      assertThat(only(map).object()).isNull();
      assertThat(only(map).offset()).isEqualTo(at(0));
      assertThat(only(map).wiredCount()).isEqualTo(1);
      assertThat(share).isNotNull();
      assertThat(share.isMain()).isFalse();
      assertThat(share.pmap()).isNull();
      assertThat(only(share).object()).isSameAs(o);
      assertThat(only(share).wiredCount()).isZero();
      assertThat(o.refCount()).isEqualTo(1);
      assertThat(isWritable(parent.pmap(), at(0))).as("shared memory is not write-protected").isTrue();
      assertThat(only(first.map()).wiredCount()).isZero();

      Vmspace second = fork(first);
      assertThat(only(second.map()).map()).isSameAs(share);
      assertThat(share.refCountHint()).isEqualTo(3);
      assertThat(objectFor(second.map(), at(2), RW)).isSameAs(o);
      free(first);
      assertThat(share.refCountHint()).isEqualTo(2);
      map.pageable(at(0), at(3), true);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void share_ofWhatNeedsACopy_shadowsForAllSharers(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 1);
      Vmspace reader = fork(parent);
      map.inherit(at(0), at(1), Inheritance.SHARE);
      Vmspace sharer = fork(parent);
      VmObject old = only(reader.map()).object();
      VmObject written = objectFor(sharer.map(), at(0), RW);
      assertThat(written.backing()).isSameAs(old);
      assertThat(objectFor(map, at(0), R)).isSameAs(written);
      assertThat(objectFor(reader.map(), at(0), R)).isSameAs(old);
    });
  }

  private VmMap sharedByThree() {
    mapAndTouch(Inheritance.SHARE, 4);
    Vmspace sharer = fork(parent);
    for (int i = 0; i < 4; i++) {
      world.touch(sharer.map(), at(i), RW);
      assertThat(isWritable(sharer.pmap(), at(i))).isTrue();
    }
    return only(map).itsMap();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_fromAShareMap_writeProtectsEverySharer(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmMap share = sharedByThree();
      VmObject o = only(share).object();
      map.inherit(at(1), at(3), Inheritance.COPY);
      Vmspace child = fork(parent);
      for (Vmspace s : List.of(parent, spaces.get(1))) {
        for (int i = 0; i < 4; i++) {
          assertThat(isWritable(s.pmap(), at(i))).as("page %d", i).isEqualTo(i == 0 || i == 3);
        }
      }
      assertThat(entries(share)).hasSize(3);
      assertThat(entries(share).get(1).needsCopy()).isTrue();
      assertThat(entries(share).get(0).needsCopy()).isFalse();
      VmMapEntry mine = entries(child.map()).get(1);
      assertThat(mine.isAMap()).isFalse();
      assertThat(mine.object()).isSameAs(o);
      assertThat(mine.offset()).isEqualTo(PAGE);
      VmObject written = objectFor(map, at(1), RW);
      assertThat(objectFor(spaces.get(1).map(), at(2), R)).as("the sharers stay together").isSameAs(written);
      assertThat(objectFor(child.map(), at(1), R)).isSameAs(o);
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_fromAShareMap_inPieces_meetsEachPieceOfIt(Mode mode) {
    begin(mode);
    world.in(() -> {
      VmMap share = sharedByThree();
      map.inherit(at(1), at(2), Inheritance.COPY);
      fork(parent);
      objectFor(map, at(1), RW); // the share map's second piece has an object of its own now
      map.inherit(at(0), at(4), Inheritance.COPY);
      Vmspace child = fork(parent);
      for (int i = 0; i < 4; i++) {
        assertThat(objectFor(child.map(), at(i), R)).as("page %d", i).isSameAs(objectFor(map, at(i), R));
      }
      assertThat(entries(share)).allMatch(VmMapEntry::needsCopy);
      assertThat(entries(child.map())).noneMatch(VmMapEntry::isAMap).hasSize(3);

      Vmspace sharer = spaces.get(1); // its one entry covers all pieces
      assertThat(entries(sharer.map())).hasSize(1);
      sharer.map().inherit(at(0), at(4), Inheritance.COPY);
      Vmspace other = fork(sharer);
      assertThat(entries(other.map())).noneMatch(VmMapEntry::isAMap).hasSize(3);
      for (int i = 0; i < 4; i++) {
        assertThat(objectFor(other.map(), at(i), R)).as("page %d", i).isSameAs(objectFor(map, at(i), R));
      }
    });
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void copy_fromAShareMapWithOneReference_protectsToo_unlessHShareProt(Mode mode) {
    for (boolean historical : new boolean[] {false, true}) {
      Set<Defect> defects = EnumSet.copyOf(Defect.defaults());
      if (historical) {
        defects.add(Defect.H_SHAREPROT);
      }
      if (world != null) {
        end();
        spaces.clear();
      }
      begin(mode, defects);
      world.in(() -> {
        VmMap share = sharedByThree();
        free(spaces.get(1));
        assertThat(share.refCountHint()).isEqualTo(1);
        map.inherit(at(0), at(4), Inheritance.COPY);
        fork(parent);
        assertThat(isWritable(parent.pmap(), at(2))).isEqualTo(historical);
      });
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void atItsEnd_holdsTheParentAndEveryShareMapThatItCopied(Mode mode) {
    begin(mode);
    List<String> seen = new ArrayList<>();
    world.maps.setObserver(new MapObserver() {
      @Override
      public void forked(VmMap of, VmMap child) {
        if (of == map && entries(child).size() == 3) {
          VmMap copied = entries(of).get(1).itsMap();
          assertThat(of.lock.isWriteHeld()).isTrue();
          assertThat(copied.lock.isWriteHeld()).as("a sharer could store before the fork's end").isTrue();
          for (int i = 0; i < 4; i++) {
            assertThat(isWritable(parent.pmap(), at(i))).isEqualTo(i == 0 || i == 3);
          }
          seen.add("forked");
        }
      }
    });
    world.in(() -> {
      VmMap share = sharedByThree();
      map.inherit(at(1), at(3), Inheritance.COPY);
      fork(parent);
      assertThat(share.isIdle()).isTrue();
      assertThat(seen).containsExactly("forked");
    });
  }

  /** Two address spaces hold the same two share maps in opposite order of addresses. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void twoForks_thatCopyTheSameShareMaps_doNotWaitForEachOther(Mode mode) {
    begin(mode);
    Vmspace[] two = world.in(this::crossed);
    VmMap first = entries(two[0].map()).get(0).itsMap();
    VmMap second = entries(two[0].map()).get(1).itsMap();
    assertThat(entries(two[1].map()).get(0).itsMap()).isSameAs(second);
    world.in(() -> { // bars both share maps, until both forks stand before the first that each wants
      first.lockRead();
      second.lockRead();
      List<MapWorld.Running> forkers = new ArrayList<>();
      for (Vmspace s : two) {
        forkers.add(world.start("forker", () -> spaces.add(s.fork())).untilAsleep("thrd_write"));
      }
      long before = sleepers(forkers, second);
      first.unlock();
      world.await(() -> sleepers(forkers, second) == before + 1); // one has the first, and wants the second
      second.unlock();
      world.outside(() -> forkers.forEach(MapWorld.Running::join));
    });
  }

  private static long sleepers(List<MapWorld.Running> strands, VmMap map) {
    return strands.stream().filter(s -> s.sleepsOn(map.lock)).count();
  }

  private Vmspace[] crossed() {
    mapAndTouch(Inheritance.SHARE, 10);
    Vmspace a = fork(parent);
    a.map().mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(4), at(6));
    Vmspace b = fork(a);
    b.map().remove(at(0), at(4));
    a.map().remove(at(6), at(10));
    for (Vmspace s : List.of(a, b)) {
      s.map().inherit(at(0), at(10), Inheritance.COPY);
      assertThat(entries(s.map())).hasSize(2);
    }
    assertThat(entries(a.map()).get(0).map()).isSameAs(entries(b.map()).get(1).map());
    return new Vmspace[] {a, b};
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void severalAtOnce_ofOneFamily_keepEveryInvariant(Mode mode) {
    begin(mode);
    world.in(() -> {
      mapAndTouch(Inheritance.COPY, 4);
      map.inherit(at(2), at(4), Inheritance.SHARE);
      fork(parent);
      fork(parent);
    });
    List<MapWorld.Running> forkers = new ArrayList<>();
    for (Vmspace s : List.copyOf(spaces)) {
      for (int k = 0; k < 2; k++) {
        int page = k;
        forkers.add(world.start("family", () -> {
          for (int n = 0; n < 200; n++) {
            Vmspace child = s.fork();
            world.touch(child.map(), at(page), R);
            objectFor(s.map(), at(page), RW);
            objectFor(child.map(), at(page), RW);
            s.map().inherit(at(3), at(4), Inheritance.values()[n % 3]);
            child.free();
          }
        }));
      }
    }
    forkers.forEach(MapWorld.Running::join);
  }
}
