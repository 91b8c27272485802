package dev.faultline.vm.map;

import static dev.faultline.vm.map.MapWorld.PAGE;
import static dev.faultline.vm.map.MapWorld.at;
import static dev.faultline.vm.map.MapWorld.entries;
import static dev.faultline.vm.map.MapWorld.isMapped;
import static dev.faultline.vm.map.MapWorld.isWritable;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What single operations do beyond the arithmetic of entries: translations, growth in place, msync, checks. */
@Timeout(300)
final class VmMapTest {
  private static final int R = VmProt.READ;
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private MapWorld world = new MapWorld(Mode.FIXED);
  private List<Vmspace> spaces = new ArrayList<>(List.of(world.space()));
  private VmMap map = spaces.get(0).map();
  private Pmap pmap = spaces.get(0).pmap();

  @AfterEach
  void end() {
    world.finish(spaces);
  }

  private void again(Set<Defect> defects) {
    end();
    world = new MapWorld(Mode.FIXED, defects);
    spaces = new ArrayList<>(List.of(world.space()));
    map = spaces.get(0).map();
    pmap = spaces.get(0).pmap();
  }

  private Vmspace fork() {
    Vmspace child = spaces.get(0).fork();
    assertThat(child).isNotNull();
    spaces.add(child);
    return child;
  }

  @Nested
  class Growth {
    @Test
    void anonymousMemory_behindItsLike_extendsTheEntry_andItsObject() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(2));
        map.find(Mapping.anonymous(), at(2), at(3));
        assertThat(entries(map)).hasSize(1);
        world.touch(map, at(0), RW);
        map.find(Mapping.anonymous(), at(3), at(5));
        assertThat(entries(map)).hasSize(1);
        assertThat(entries(map).get(0).object().size()).isEqualTo(5 * PAGE);
        assertThat(map.size()).isEqualTo(5 * PAGE);
        assertThat(map.findspace(at(0), PAGE)).isEqualTo(at(5));
      });
    }

    @Test
    void afterAShrink_theStalePagesAreNotSeenAgain() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(4));
        world.touch(map, at(3), RW);
        VmObject o = entries(map).get(0).object();
        map.remove(at(2), at(4));
        assertThat(o.residentPageCount()).isEqualTo(1);
        map.find(Mapping.anonymous(), at(2), at(4));
        assertThat(entries(map)).hasSize(1);
        assertThat(o.residentPageCount()).isZero();
      });
    }

    @Test
    void isRefused_whereAttributesDiffer_orTheObjectCannotGrow() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous().withProtection(RW), at(0), at(1));
        map.mapFixed(Mapping.anonymous(), at(1), at(2));
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(2), at(3));
        map.mapFixed(Mapping.anonymous(), at(3), at(4));
        map.mapFixed(Mapping.of(world.object(1), 0), at(4), at(5));
        map.mapFixed(Mapping.anonymous().withProtection(R), at(5), at(6));
        VmObject shared = world.object(1);
        shared.reference();
        map.mapFixed(Mapping.of(shared, 0), at(6), at(7));
        map.mapFixed(Mapping.anonymous(), at(7), at(8));
        shared.deallocate();
        assertThat(entries(map)).hasSize(8);
      });
    }

    @Test
    void ofAShareMap_doesNotHappen() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(0), at(2));
        fork();
        map.inherit(at(0), at(2), Inheritance.COPY);
        map.find(Mapping.anonymous(), at(2), at(3));
        assertThat(entries(map)).hasSize(2);
      });
    }
  }

  @Nested
  class Protect {
    @Test
    void takesRightsFromTheTranslations_beforeItReturns_andGivesThemLazily() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(4));
        for (int i = 0; i < 4; i++) {
          world.touch(map, at(i), RW);
        }
        map.protect(at(1), at(2), R, false);
        map.protect(at(2), at(3), VmProt.NONE, false);
        assertThat(isWritable(pmap, at(0))).isTrue();
        assertThat(isMapped(pmap, at(1)) && !isWritable(pmap, at(1))).isTrue();
        assertThat(isMapped(pmap, at(2))).isFalse();
        assertThat(isWritable(pmap, at(3))).isTrue();
        map.protect(at(0), at(4), VmProt.ALL, false);
        assertThat(isWritable(pmap, at(1))).isFalse();
        assertThat(isMapped(pmap, at(2))).isFalse();
      });
    }

    @Test
    void beyondTheMaximum_isRefusedWhole_withoutAClip() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous(), at(0), at(4));
        map.mapFixed(new Mapping(null, 0, false, false, R, R, Inheritance.COPY), at(4), at(6));
        world.touch(map, at(2), RW);
        assertThat(map.protect(at(1), at(5), RW, false)).isEqualTo(KernReturn.PROTECTION_FAILURE);
        assertThat(entries(map)).hasSize(2);
        assertThat(isWritable(pmap, at(2))).isTrue();
      });
    }

    @Test
    void ofTheMaximum_lowersTheProtectionWithIt() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(2));
        world.touch(map, at(0), RW);
        assertThat(map.protect(at(0), at(1), R, true)).isEqualTo(KernReturn.SUCCESS);
        assertThat(entries(map).get(0).protection()).isEqualTo(R);
        assertThat(isWritable(pmap, at(0))).isFalse();
        assertThat(map.protect(at(0), at(1), RW, false)).isEqualTo(KernReturn.PROTECTION_FAILURE);
      });
    }

    @Test
    void throughAShareMap_touchesOnlyTheCallersTranslations() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(0), at(4));
        Vmspace child = fork();
        for (int i = 0; i < 4; i++) {
          world.touch(map, at(i), RW);
          world.touch(child.map(), at(i), RW);
        }
        map.protect(at(1), at(3), R, false);
        for (int i = 0; i < 4; i++) {
          assertThat(isWritable(pmap, at(i))).isEqualTo(i == 0 || i == 3);
          assertThat(isWritable(child.pmap(), at(i))).isTrue();
        }
      });
    }

    /** The mask only ever withholds WRITE from a call that adds nothing, hence both ways come to the same. */
    @Test
    void withHProtectMask_orWithout_privateCopiesGetNoWritableTranslation() {
      for (Set<Defect> defects : List.of(EnumSet.noneOf(Defect.class), EnumSet.of(Defect.H_PROTECT_MASK))) {
        again(defects);
        world.in(() -> {
          map.mapFixed(Mapping.anonymous(), at(0), at(1));
          map.mapFixed(
              new Mapping(world.object(1), 0, true, true, VmProt.ALL, VmProt.ALL, Inheritance.COPY), at(1), at(2));
          world.touch(map, at(0), RW);
          world.touch(map, at(1), R);
          map.protect(at(0), at(2), R, false);
          map.protect(at(0), at(2), RW, false);
          assertThat(isWritable(pmap, at(0)) || isWritable(pmap, at(1))).isFalse();
        });
      }
    }
  }

  @Nested
  class Remove {
    @Test
    void takesTranslations_andOnlyThoseOfTheRange() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(2));
        map.mapFixed(Mapping.anonymous().withProtection(RW), at(3), at(6));
        for (int i : new int[] {0, 1, 3, 4, 5}) {
          world.touch(map, at(i), RW);
        }
        map.remove(at(1), at(4));
        for (int i = 0; i < 6; i++) {
          assertThat(isMapped(pmap, at(i))).as("page %d", i).isEqualTo(i == 0 || i >= 4);
        }
        assertThat(map.size()).isEqualTo(3 * PAGE);
      });
    }

    @Test
    void happensInOrder_translationsThenEntriesThenReferences() {
      VmObject o = world.in(() -> world.object(2));
      List<String> seen = new ArrayList<>();
      world.maps.setObserver(new MapObserver() {
        @Override
        public void removed(VmMap m, long start, long end) {
          assertThat(m.lock.isWriteHeld()).isTrue();
          assertThat(isMapped(pmap, at(0))).isFalse();
          assertThat(entries(m)).isEmpty();
          assertThat(o.refCount()).isEqualTo(2);
          seen.add("removed");
        }
      });
      world.in(() -> {
        o.reference();
        map.mapFixed(Mapping.of(o, 0), at(0), at(2));
        world.touch(map, at(0), RW);
        map.remove(at(0), at(2));
        assertThat(o.refCount()).isEqualTo(1);
        o.deallocate();
      });
      assertThat(seen).containsExactly("removed");
    }

    @Test
    void ofKernelMemory_takesThePagesAlong() {
      world.in(() -> {
        VmObject kernelObject = world.objects.bootKernelObject(8 * PAGE);
        kernelObject.reference();
        map.mapFixed(Mapping.of(kernelObject, 2 * PAGE), at(2), at(4));
        world.touch(map, at(2), RW);
        world.resident(kernelObject, 0);
        map.remove(at(2), at(4));
        assertThat(kernelObject.residentPageCount()).isEqualTo(1);
        kernelObject.deallocate();
        world.objects.forEach(x -> assertThat(x.refCount()).isEqualTo(1));
      });
      world.in(() -> {
        List<VmObject> left = new ArrayList<>();
        world.objects.forEach(left::add);
        left.forEach(VmObject::deallocate);
      });
    }
  }

  @Nested
  class Simplify {
    @Test
    void mergesTwins_andDropsOneReference() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(4));
        world.touch(map, at(1), RW);
        map.protect(at(2), at(3), R, false);
        map.protect(at(2), at(3), VmProt.ALL, false);
        assertThat(entries(map)).hasSize(3);
        VmObject o = entries(map).get(0).object();
        assertThat(o.refCount()).isEqualTo(3);
        map.simplify(at(1));
        assertThat(entries(map)).hasSize(3);
        map.simplify(at(2));
        map.simplify(at(3));
        assertThat(entries(map)).hasSize(1);
        assertThat(o.refCount()).isEqualTo(1);
        map.inherit(at(2), at(3), Inheritance.NONE);
        map.simplify(at(2));
        assertThat(entries(map)).hasSize(3);
      });
    }
  }

  @Nested
  class Clean {
    private final MapWorld.FakeVnode vnode = new MapWorld.FakeVnode();
    private final List<Long> written = new ArrayList<>();

    private VmObject dirtyFile(int pages) {
      VmObject file = world.file(pages, vnode);
      for (int i = 0; i < pages; i++) {
        world.resident(file, (long) i * PAGE).orDirty(VmPage.ALL_CHUNKS);
      }
      file.lock.lock();
      file.setWriteable(true);
      file.lock.unlock();
      world.objects.setCleaner((o, m, how) -> {
        assertThat(vnode.depth).as("V is held").isEqualTo(1);
        assertThat(map.isIdle()).as("M is free").isEqualTo(KThread.current().mapLocksHeld == 0);
        if (KThread.current().mapLocksHeld > 0) { // else the object's last reference is given up
          written.add(m.offset() / PAGE);
        }
        m.clearDirty(VmPage.ALL_CHUNKS);
        o.lock.unlock();
        return 1;
      });
      return file;
    }

    @Test
    void writesTheRangesDirtyPages_throughShareMapsToo() {
      world.in(() -> {
        VmObject file = dirtyFile(8);
        map.mapFixed(Mapping.of(file, 0).withInheritance(Inheritance.SHARE), at(0), at(8));
        fork();
        assertThat(map.clean(at(2), at(4), false)).isEqualTo(KernReturn.SUCCESS);
        assertThat(written).containsExactly(2L, 3L);
        map.inherit(at(5), at(6), Inheritance.COPY); // cuts the main entry, then the share map's
        fork();
        assertThat(map.clean(at(3), at(7), false)).isEqualTo(KernReturn.SUCCESS);
        assertThat(written).containsExactly(2L, 3L, 4L, 5L, 6L);
        assertThat(file.residentPageCount()).isEqualTo(8);
      });
    }

    @Test
    void invalidates_onlyWhatIsCleanByThen() {
      world.in(() -> {
        VmObject file = dirtyFile(4);
        map.mapFixed(Mapping.of(file, 0), at(0), at(2));
        map.mapFixed(Mapping.of(referenced(file), 2 * PAGE).withProtection(R), at(2), at(4));
        assertThat(map.clean(at(0), at(4), true)).isEqualTo(KernReturn.SUCCESS);
        assertThat(written).as("read-only entries included").containsExactly(0L, 1L, 2L, 3L);
        assertThat(file.residentPageCount()).isZero();
        map.protect(at(2), at(4), RW, false);
        map.clean(at(2), at(4), false);
      });
    }

    private VmObject referenced(VmObject o) {
      o.reference();
      return o;
    }

    @Test
    void leavesPrivateCopiesAlone() {
      world.in(() -> {
        VmObject file = dirtyFile(2);
        VmObject copy = world.objects.shadow(referenced(file), 0, 2 * PAGE);
        map.mapFixed(new Mapping(copy, 0, true, false, RW, VmProt.ALL, Inheritance.COPY), at(0), at(2));
        assertThat(map.clean(at(0), at(2), true)).isEqualTo(KernReturn.SUCCESS);
        assertThat(written).isEmpty();
        assertThat(vnode.everLocked).isFalse();
        file.deallocate();
        map.remove(at(0), at(2));
      });
    }

    @Test
    void tellsOfAFailedWrite_andOfAHole() {
      world.in(() -> {
        VmObject file = dirtyFile(2);
        map.mapFixed(Mapping.of(file, 0), at(0), at(2));
        assertThat(map.clean(at(0), at(3), false)).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(map.clean(at(5), at(6), false)).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(written).isEmpty();
        world.objects.setCleaner((o, m, how) -> {
          o.lock.unlock();
          return 0;
        });
        assertThat(map.clean(at(0), at(1), true)).isEqualTo(KernReturn.FAILURE);
        assertThat(file.residentPageCount()).isEqualTo(2);
        world.objects.setCleaner((o, m, how) -> {
          m.clearDirty(VmPage.ALL_CHUNKS);
          o.lock.unlock();
          return 1;
        });
      });
    }
  }

  @Nested
  class Walks {
    @Test
    void pieces_areThoseOfTheRange_whereverTheirObjectIs() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous(), at(0), at(2)); // never touched: no object
        VmObject o = world.object(10);
        map.mapFixed(Mapping.of(o, 4 * PAGE), at(3), at(6));
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(6), at(9));
        world.touch(map, at(7), RW);
        fork();
        VmObject shared = entries(entries(map).get(2).itsMap()).get(0).object();
        List<String> seen = new ArrayList<>();
        map.forEachPiece(at(0), at(8), (e, object, offset, length) ->
            seen.add((object == o ? "o" : object == shared ? "s" : "?") + offset / PAGE + "+" + length / PAGE));
        assertThat(seen).containsExactly("o4+3", "s0+2");
        seen.clear();
        map.forEachPiece(at(4), at(5), (e, object, offset, length) -> seen.add(offset / PAGE + "+" + length / PAGE));
        assertThat(seen).containsExactly("5+1");
      });
    }

    @Test
    void entryBounds_areThoseOfTheEntry() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous(), at(1), at(3));
        long[] bounds = new long[2];
        assertThat(map.entryBounds(at(2) + 5, bounds)).isTrue();
        assertThat(bounds).containsExactly(at(1), at(3));
        assertThat(map.entryBounds(at(3), bounds)).isFalse();
        List<VmMapEntry> seen = new ArrayList<>();
        map.forEachEntry(seen::add);
        assertThat(seen).hasSize(1);
      });
    }
  }

  @Nested
  class Spaces {
    @Test
    void free_waitsForWhoeverBorrowsTheMap() {
      Vmspace s = world.space();
      s.map().reference();
      MapWorld.Running freer = world.start("freer", s::free);
      freer.untilAsleep("vmsfre");
      world.in(() -> s.map().deallocate());
      freer.join();
    }

    @Test
    void aSharedOne_livesUntilItsLastUser_andExecLeavesItToTheOther() {
      world.in(() -> {
        Vmspace s = new Vmspace(world.maps, "s", MapWorld.MIN, MapWorld.MAX);
        s.map().find(Mapping.anonymous(), at(0), at(2));
        s.segments().setUp(at(2), 0, 0);
        s.segments().setBreak(at(3), 8 * PAGE, false);
        Vmspace same = s.share();
        assertThat(same).isSameAs(s);
        Vmspace fresh = s.exec("child");
        assertThat(fresh).isNotSameAs(s);
        assertThat(fresh.map().size()).isZero();
        assertThat(s.map().size()).isEqualTo(3 * PAGE);
        s.free();
        assertThat(s.map().size()).as("after the first free").isEqualTo(3 * PAGE);
        assertThat(s.exec("alone")).isSameAs(s);
        assertThat(s.map().size()).isZero();
        assertThat(s.segments().dataEnd()).isZero();
        s.free();
        fresh.free();
        assertThatThrownBy(s::free).isInstanceOf(KernelPanic.class);
      });
    }

    @Test
    void aFork_inheritsTheSizes() {
      world.in(() -> {
        Vmspace s = spaces.get(0);
        s.segments().setUp(at(1), at(100), at(200));
        s.segments().setBreak(at(3), 8 * PAGE, false);
        assertThat(s.segments().growStack(at(200) - 8, 8 * PAGE)).isTrue();
        Vmspace forked = fork();
        Segments child = forked.segments();
        assertThat(List.of(child.dataStart(), child.dataEnd(), child.stackMin(), child.stackTop()))
            .containsExactly(at(1), at(3), at(100), at(200));
        assertThat(child.stackBottom()).isEqualTo(s.segments().stackBottom()).isEqualTo(at(192));
        assertThat(forked.map().min()).isEqualTo(map.min());
        assertThat(forked.map().max()).isEqualTo(map.max());
      });
    }
  }

  /** A checker that finds nothing is worth nothing: each invariant is broken once. */
  @Nested
  class Checks {
    private void broken(String number, Consumer<VmMapEntry> how, Consumer<VmMapEntry> mend) {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous(), at(0), at(2));
        map.mapFixed(Mapping.anonymous().withProtection(RW), at(2), at(4));
        VmMapEntry e = entries(map).get(0);
        map.checkInvariants();
        how.accept(e);
        assertThatThrownBy(map::checkInvariants).isInstanceOf(KernelPanic.class).hasMessageStartingWith(number);
        mend.accept(e);
        map.checkInvariants();
      });
    }

    @Test
    void overlap() {
      broken("I-53", e -> e.end += PAGE, e -> e.end -= PAGE);
    }

    @Test
    void empty() {
      broken("I-53", e -> e.end = e.start, e -> e.end = at(2));
    }

    @Test
    void unaligned() {
      broken("I-53", e -> e.end -= 8, e -> e.end += 8);
    }

    @Test
    void index() {
      broken("I-53", e -> e.start += PAGE, e -> e.start -= PAGE);
    }

    @Test
    void size() {
      broken("I-53", e -> e.end -= PAGE, e -> e.end += PAGE);
    }

    @Test
    void links() {
      broken("I-53", e -> e.next.prev = e.prev, e -> e.next.prev = e);
    }

    @Test
    void protection() {
      broken("I-54", e -> e.maxProtection = R, e -> e.maxProtection = VmProt.ALL);
    }

    @Test
    void kinds() {
      broken("I-54", e -> e.isAMap = true, e -> e.isAMap = false);
    }

    @Test
    void copies() {
      broken("I-55", e -> e.needsCopy = true, e -> e.needsCopy = false);
    }

    @Test
    void shareMapReferences() {
      world.in(() -> {
        map.mapFixed(Mapping.anonymous().withInheritance(Inheritance.SHARE), at(0), at(2));
        Vmspace child = fork();
        VmMap share = entries(map).get(0).itsMap();
        share.reference();
        assertThatThrownBy(() -> world.maps.checkInvariants(List.of(map, child.map())))
            .isInstanceOf(KernelPanic.class).hasMessageStartingWith("I-54");
        share.deallocate();
      });
    }

    @Test
    void sharingWithoutNeedsCopy() {
      world.in(() -> {
        map.find(Mapping.anonymous(), at(0), at(2));
        world.touch(map, at(0), RW);
        Vmspace child = fork();
        entries(map).get(0).needsCopy = false;
        assertThatThrownBy(() -> world.maps.checkInvariants(List.of(map, child.map())))
            .isInstanceOf(KernelPanic.class).hasMessageStartingWith("I-55");
        entries(map).get(0).needsCopy = true;
      });
    }
  }
}
