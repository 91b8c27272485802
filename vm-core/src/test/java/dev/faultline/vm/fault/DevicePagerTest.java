package dev.faultline.vm.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.scenario.FaultGates;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.Victims;
import dev.faultline.vm.scenario.World;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Device memory in address spaces (3.6): path P22, copies of it, wirings of it, the end of it. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class DevicePagerTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final int PAGES = 4;

  private World w;
  private Device device;

  private World boot(Mode mode) {
    w = World.builder().mode(mode).deviceFrames(PAGES + 2).build();
    device = w.kernel().devicePager().create("frame buffer", 1, PAGES);
    return w;
  }

  private int frame(int page) {
    return device.frame(page);
  }

  private long word(int page) {
    return w.kernel().machine().memory().load(frame(page), 0);
  }

  private Space map(Space s, Inheritance how) {
    w.inKernel(() -> {
      VmObject o = w.kernel().devicePager().objectOf(device);
      VmMap map = s.vmspace().map();
      Mapping m = Mapping.of(o, 0).withProtection(RW).withInheritance(how);
      assertThat(map.mapFixed(m, s.at(16), s.at(16 + PAGES))).isEqualTo(KernReturn.SUCCESS);
    });
    return s;
  }

  private Space mapPrivate(Space s) {
    w.inKernel(() -> {
      VmObject top = w.kernel().objects().shadow(w.kernel().devicePager().objectOf(device), 0, s.at(PAGES));
      Mapping m = new Mapping(top, 0, true, false, RW, VmProt.ALL, Inheritance.COPY);
      assertThat(s.vmspace().map().mapFixed(m, s.at(16), s.at(16 + PAGES))).isEqualTo(KernReturn.SUCCESS);
    });
    return s;
  }

  private VmPage page(VmObject o, int n) {
    return w.inKernel(() -> {
      o.lock.lock();
      VmPage m = w.kernel().pages().lookup(o, (long) n * w.pageSize());
      o.lock.unlock();
      return m;
    });
  }

  private void check(Space... spaces) {
    assertThat(w.inKernel(() -> new Invariants(KernelParts.of(w.kernel(), () -> {
      List<VmMap> maps = new ArrayList<>();
      for (Space s : spaces) {
        maps.add(s.vmspace().map());
      }
      return maps;
    })).check())).isEmpty();
  }

  private int free() {
    return w.kernel().pages().freeList().freeCount();
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void p22_fault_findsTheSubstitutedPage(Mode mode) {
    try (World x = boot(mode)) {
      int before = free();
      Space s = map(x.space(), Inheritance.SHARE);
      x.kernel().machine().memory().store(frame(2), 0, 77);
      assertThat(s.value(18)).isEqualTo(77);
      assertThat(x.gates().count(Decision.D23, false)).isEqualTo(1);
      VmObject o = s.object(18);
      VmPage m = page(o, 2);
      assertThat(m.isFictitious()).isTrue();
      assertThat(m.frame()).isEqualTo(s.vmspace().pmap().extract(s.at(18))).isEqualTo(frame(2));
      assertThat(m.wireCount()).isEqualTo(1);
      assertThat(free()).as("the faulter's own page went back").isEqualTo(before);
      s.write(18, 78);
      assertThat(word(2)).isEqualTo(78);
      assertThat(page(o, 2)).isSameAs(m);
      assertThat(s.fault(16 + PAGES, RW)).isEqualTo(KernReturn.INVALID_ADDRESS);
      check(s);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void deviceHasOneObject_whichEndsWithItsLastMapping(Mode mode) {
    try (World x = boot(mode)) {
      Space a = map(x.space(), Inheritance.SHARE);
      Space b = map(x.space(), Inheritance.SHARE);
      assertThat(a.object(16)).isSameAs(b.object(16));
      a.write(16, 5);
      assertThat(b.value(16)).isEqualTo(5);
      check(a, b);
      int objects = x.inKernel(() -> x.kernel().objects().objectCount());
      VmObject o = a.object(16);
      VmPage m = page(o, 0);
      a.unmap(16, PAGES);
      assertThat(b.value(16)).isEqualTo(5);
      b.unmap(16, PAGES);
      assertThat(x.inKernel(() -> x.kernel().objects().objectCount())).isEqualTo(objects - 1);
      assertThat(m.pvFlags).isZero();
      assertThat(m.object()).isNull();
      check(a, b);
      map(a, Inheritance.SHARE);
      assertThat(a.object(16)).isNotSameAs(o);
      assertThat(a.value(16)).as("the device keeps what was stored").isEqualTo(5);
    }
  }

  /** F12 has to find everybody who maps the page that is copied from, a device's too. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void privateMapping_copiesOnWrite_andASharerOfTheCopySeesIt(Mode mode) {
    try (World x = boot(mode)) {
      x.kernel().machine().memory().store(frame(0), 0, 9);
      Space s = mapPrivate(x.space());
      s.inherit(16, PAGES, Inheritance.SHARE);
      Space sharer = s.fork();
      assertThat(sharer.value(16)).isEqualTo(9);
      assertThat(sharer.vmspace().pmap().extract(s.at(16))).isEqualTo(frame(0));
      s.write(16, 10);
      assertThat(sharer.vmspace().pmap().extract(s.at(16))).as("the old translation").isNotEqualTo(frame(0));
      assertThat(sharer.value(16)).isEqualTo(10);
      assertThat(word(0)).as("the device").isEqualTo(9);
      check(s, sharer);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void fork_sharesOrCopies(Mode mode) {
    try (World x = boot(mode)) {
      Space s = map(x.space(), Inheritance.SHARE);
      s.write(16, 1);
      Space shares = s.fork();
      shares.write(16, 2);
      assertThat(List.of(s.value(16), word(0))).containsExactly(2L, 2L);
      Space t = map(x.space(), Inheritance.COPY);
      t.write(17, 3);
      Space copies = t.fork();
      assertThat(t.vmspace().pmap().word(t.at(17)) & Pte.W).isZero();
      copies.write(17, 4);
      assertThat(List.of(copies.value(17), t.value(17), word(1))).containsExactly(4L, 3L, 3L);
      t.write(17, 5); // from now on its own
      assertThat(List.of(copies.value(17), t.value(17), word(1))).containsExactly(4L, 5L, 3L);
      check(s, shares, t, copies);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void wiring_countsOnItsPages_andNowhereElse(Mode mode) {
    try (World x = boot(mode)) {
      Space s = map(x.space(), Inheritance.SHARE);
      Space u = map(x.space(), Inheritance.SHARE);
      assertThat(s.wire(16, PAGES)).isEqualTo(KernReturn.SUCCESS);
      assertThat(u.wire(16, 1)).isEqualTo(KernReturn.SUCCESS);
      VmObject o = s.object(16);
      assertThat(page(o, 0).wireCount()).isEqualTo(3);
      assertThat(page(o, 1).wireCount()).isEqualTo(2);
      assertThat(x.kernel().pages().queues().wireCount()).isZero();
      check(s, u);
      Space writer = mapPrivate(x.space());
      writer.write(16, 8); // a copy takes no wiring of those who lie over the device
      assertThat(page(o, 0).wireCount()).isEqualTo(3);
      check(s, u, writer);
      assertThat(s.unwire(16, 2)).isEqualTo(KernReturn.SUCCESS);
      assertThat(page(o, 0).wireCount()).isEqualTo(2);
      s.unmap(16, PAGES);
      assertThat(page(o, 3).wireCount()).isEqualTo(1);
      assertThat(page(o, 3).queue()).isEqualTo(VmPage.QUEUE_NONE);
      assertThat(u.unwire(16, 1)).isEqualTo(KernReturn.SUCCESS);
      check(s, u, writer);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void forkOfWiredDeviceMemory_copiesIt(Mode mode) {
    try (World x = boot(mode)) {
      Space s = map(x.space(), Inheritance.COPY);
      s.write(16, 6);
      assertThat(s.wire(16, PAGES)).isEqualTo(KernReturn.SUCCESS);
      Space child = s.fork();
      s.write(16, 7);
      assertThat(List.of(child.value(16), s.value(16), word(0))).containsExactly(6L, 7L, 7L);
      check(s, child);
      assertThat(s.unwire(16, PAGES)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  /** R14: the slot is never empty. Who waits for the first page finds the second in its place. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void r14_twoFaultersOnOnePage_endWithTheSameOne(Mode mode) {
    try (World x = boot(mode)) {
      Space a = map(x.space(), Inheritance.SHARE);
      Space b = map(x.space(), Inheritance.SHARE);
      FaultGates.Gate first = x.gates().hold(FaultPoint.PAGER_BEFORE_IO);
      World.Actor<KernReturn> one = x.start("one", () -> a.faultHere(16, RW));
      first.awaitArrival(10);
      World.Actor<KernReturn> two = x.start("two", () -> b.faultHere(16, RW));
      Awaitility.await().atMost(10, TimeUnit.SECONDS).until(() -> Victims.sleeps(x, "two", "vmpfw"));
      first.release();
      assertThat(one.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(two.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(x.inKernel(() -> a.vmspace().pmap().extract(a.at(16)))).isEqualTo(frame(0));
      check(a, b);
    }
  }

  /** The same at full speed, with the device's object coming and going. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void r14_manyFaulters_whileMappingsComeAndGo(Mode mode) {
    try (World x = boot(mode)) {
      List<World.Actor<Long>> actors = new ArrayList<>();
      List<Space> spaces = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        Space s = x.space();
        spaces.add(s);
        actors.add(x.start("faulter " + i, () -> {
          long n = 0;
          VmMap map = s.vmspace().map();
          for (; n < 1500; n++) {
            VmObject o = x.kernel().devicePager().objectOf(device);
            map.mapFixed(Mapping.of(o, 0).withProtection(RW), s.at(16), s.at(16 + PAGES));
            for (int p = 0; p < PAGES; p++) {
              assertThat(s.faultHere(16 + p, RW)).isEqualTo(KernReturn.SUCCESS);
              assertThat(s.vmspace().pmap().extract(s.at(16 + p))).isEqualTo(frame(p));
            }
            map.remove(s.at(16), s.at(16 + PAGES));
          }
          return n;
        }));
      }
      actors.forEach(a -> assertThat(a.join()).isEqualTo(1500));
      check(spaces.toArray(new Space[0]));
      assertThat(free()).isEqualTo(x.kernel().pages().pageCount());
    }
  }

  /** No queue rule has hold of a page without a frame, and no pressure takes it. */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void pressure_leavesDevicePagesAlone(Mode mode) {
    try (World x = boot(mode)) {
      Space s = map(x.space(), Inheritance.SHARE);
      s.write(16, 4);
      VmObject o = s.object(16);
      VmPage m = page(o, 0);
      x.inKernel(() -> {
        o.lock.lock();
        x.kernel().pages().queues().activate(m);
        x.kernel().pages().queues().deactivate(m);
        x.kernel().pages().queues().lock.lock();
        assertThat(x.kernel().pages().cacheLocked(m)).isFalse();
        x.kernel().pages().queues().lock.unlock();
        o.lock.unlock();
      });
      assertThat(m.queue()).isEqualTo(VmPage.QUEUE_NONE);
      Space hog = x.space().mapZero(32, 80);
      for (int i = 0; i < 160; i++) {
        hog.write(32 + i % 80, i + 1);
      }
      assertThat(s.vmspace().pmap().extract(s.at(16))).isEqualTo(frame(0));
      assertThat(word(0)).isEqualTo(4);
      assertThatThrownBy(() -> x.kernel().objects().pager(ObjectType.DEVICE)
          .putPages(o, new VmPage[] {m}, 1, false, new PagerReturn[1])).isInstanceOf(KernelPanic.class);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void create_refusesFramesThatThereAreNot_orThatAreTaken(Mode mode) {
    try (World x = boot(mode)) {
      assertThatThrownBy(() -> x.kernel().devicePager().create("far", 3, PAGES))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("6 of device memory");
      assertThatThrownBy(() -> x.kernel().devicePager().create("twin", 0, 2))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("overlap");
      assertThat(x.kernel().devicePager().create("other", 0, 1).frame(0)).isEqualTo(64);
    }
  }
}
