package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.Victims;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.NamedChannel;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages are taken from a process that has too many, or is swapped out (vm-semantics 3.5 vm_daemon, 5.7 W1). */
@Timeout(60)
final class MapTrimmerTest {
  private static final int AT = 16;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final int AGES = 8; // more than a new page's age, and once more to find it unreferenced

  private static void trim(World w, Space s, int limit, boolean swappedOut) {
    w.inKernel(() -> new MapTrimmer(w.kernel().pages()).trim(s.vmspace().map(), limit, swappedOut));
  }

  private static int resident(Space s) {
    return s.vmspace().pmap().residentCount();
  }

  private static VmPage page(World w, Space s, int n) {
    VmObject o = s.object(AT);
    assertThat(o).isNotNull();
    return w.inKernel(() -> {
      o.lock.lock();
      try {
        @Nullable VmPage m = w.kernel().pages().lookup(o, (long) n * w.pageSize());
        assertThat(m).isNotNull();
        return m;
      } finally {
        o.lock.unlock();
      }
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pagesAge_beforeTheyAreTaken_downToTheLimit(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space s = w.space().mapSwap(AT, 8);
      for (int i = 0; i < 8; i++) {
        s.write(AT + i, i);
      }
      trim(w, s, 3, false);
      assertThat(resident(s)).as("referenced just now").isEqualTo(8);
      for (int i = 0; i < AGES; i++) {
        trim(w, s, 3, false);
      }
      assertThat(resident(s)).isEqualTo(3);
      int inactive = 0;
      for (int i = 0; i < 8; i++) {
        inactive += page(w, s, i).isInactive() ? 1 : 0;
        assertThat(s.value(AT + i)).isEqualTo(i);
      }
      assertThat(inactive).isEqualTo(5);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pagesThatOthersSeeToo_areOnlyUnmapped(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space s = w.space().mapSwap(AT, 2);
      s.write(AT, 7);
      s.write(AT + 1, 8);
      Space child = s.fork();
      child.write(AT, 9); // the child's chain: its copy in front of the object that the parent's is over, too
      assertThat(child.read(AT + 1)).isEqualTo(KernReturn.SUCCESS);
      for (int i = 0; i <= 2 * AGES; i++) { // its act_count rose with each use
        trim(w, child, 0, false);
      }
      assertThat(resident(child)).isZero();
      VmObject shared = s.object(AT);
      assertThat(shared).isNotNull();
      assertThat(page(w, s, 1).isActive()).as("the shared page is nobody's to deactivate").isTrue();
      assertThat(child.value(AT)).isEqualTo(9);
      assertThat(child.value(AT + 1)).isEqualTo(8);
      assertThat(s.value(AT)).isEqualTo(7);
      child.free();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsSwappedOut_losesAllMappingsAtOnce_butTheWiredOnes(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space s = w.space().mapSwap(AT, 4);
      for (int i = 0; i < 4; i++) {
        s.write(AT + i, i);
      }
      assertThat(s.wire(AT, 1)).isEqualTo(KernReturn.SUCCESS);
      trim(w, s, 0, true);
      Pmap pmap = s.vmspace().pmap();
      assertThat(pmap.residentCount()).isEqualTo(1);
      assertThat(pmap.wiredCount()).isEqualTo(1);
      assertThat(pmap.extract(s.at(AT))).isNotNegative();
      for (int i = 0; i < 4; i++) {
        assertThat(s.value(AT + i)).isEqualTo(i);
      }
      assertThat(s.unwire(AT, 1)).isEqualTo(KernReturn.SUCCESS);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aMapThatIsLocked_andAnObjectWithPip_areSkipped(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space s = w.space().mapSwap(AT, 4);
      for (int i = 0; i < 4; i++) {
        assertThat(s.fault(AT + i, RW)).isEqualTo(KernReturn.SUCCESS);
      }
      VmMap map = s.vmspace().map();
      NamedChannel go = new NamedChannel("go", 9);
      World.Actor<Integer> holder = w.start("holder", () -> {
        map.lockWrite();
        w.kernel().domain().sleepQueues().sleepOn(go, null, "hold");
        map.unlock();
        return 0;
      });
      Awaitility.await().until(() -> Victims.sleeps(w, "holder", "hold"));
      w.start("vmdaemon", () -> {
        for (int i = 0; i <= AGES; i++) {
          new MapTrimmer(w.kernel().pages()).trim(map, 0, true);
        }
        return 0;
      }).join();
      assertThat(resident(s)).isEqualTo(4);
      w.inKernel(() -> w.kernel().domain().sleepQueues().wakeup(go));
      holder.join();
      VmObject o = s.object(AT);
      assertThat(o).isNotNull();
      w.inKernel(() -> pip(o, 1));
      for (int i = 0; i <= AGES; i++) {
        trim(w, s, 0, false);
      }
      assertThat(resident(s)).isEqualTo(4);
      w.inKernel(() -> pip(o, -1));
      for (int i = 0; i <= AGES; i++) {
        trim(w, s, 0, false);
      }
      assertThat(resident(s)).isZero();
    }
  }

  /** What somebody holds, owns or has in a buffer stays, and so does what is not this address space's. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pagesInOtherHands_stay(Mode mode) {
    try (World w = World.builder().mode(mode).ownership(false).build()) {
      Space s = w.space().mapSwap(AT, 5);
      for (int i = 0; i < 5; i++) {
        s.write(AT + i, i);
      }
      VmObject o = s.object(AT);
      assertThat(o).isNotNull();
      w.inKernel(o::reference);
      Space other = w.space().mapObject(o, 0, AT, 5);
      assertThat(other.read(AT + 3)).isEqualTo(KernReturn.SUCCESS);
      w.inKernel(() -> s.vmspace().pmap().remove(s.at(AT + 3), s.at(AT + 4)));
      VmPage held = page(w, s, 0);
      VmPage busy = page(w, s, 1);
      VmPage listed = page(w, s, 2);
      w.inKernel(() -> {
        w.kernel().pages().queues().addHold(held, 1);
        o.lock.lock();
        busy.setBusy(this);
        listed.addBmapped(1);
        o.lock.unlock();
      });
      for (int i = 0; i <= 2 * AGES; i++) {
        trim(w, s, 0, false);
      }
      assertThat(s.vmspace().pmap().extract(s.at(AT))).as("held").isNotNegative();
      assertThat(s.vmspace().pmap().extract(s.at(AT + 1))).as("busy").isNotNegative();
      assertThat(s.vmspace().pmap().extract(s.at(AT + 2))).as("in a buffer").isNotNegative();
      assertThat(resident(other)).as("the other's").isEqualTo(1);
      assertThat(resident(s)).isEqualTo(3);
      w.inKernel(() -> {
        w.kernel().pages().queues().addHold(held, -1);
        o.lock.lock();
        w.kernel().pages().wakeup(busy, this);
        listed.addBmapped(-1);
        o.lock.unlock();
      });
      for (int i = 0; i <= 2 * AGES; i++) {
        trim(w, s, 0, false);
      }
      assertThat(resident(s)).isZero();
    }
  }

  private static void pip(VmObject o, int n) {
    o.lock.lock();
    if (n > 0) {
      o.pipUp(n, HoldReason.TEST, "a test");
    } else {
      o.pipDown(-n, "a test");
    }
    o.lock.unlock();
  }
}
