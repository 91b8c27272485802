package dev.faultline.vm.fault;

import static dev.faultline.vm.fault.DecisionTests.READ;
import static dev.faultline.vm.fault.DecisionTests.RW;
import static dev.faultline.vm.fault.DecisionTests.awaitSleeper;
import static dev.faultline.vm.fault.DecisionTests.file;
import static dev.faultline.vm.fault.DecisionTests.hoard;
import static dev.faultline.vm.fault.DecisionTests.ok;
import static dev.faultline.vm.fault.DecisionTests.pageOut;
import static dev.faultline.vm.fault.DecisionTests.release;
import static dev.faultline.vm.fault.DecisionTests.resident;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldReason;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a fault leaves behind: in its page, in the page it copied, in others' mappings, in the counters. */
@Timeout(60)
final class FaultEffectsTest {
  private static final List<Event> KINDS =
      List.of(Event.VM_FAULTS, Event.ZFOD, Event.COW_FAULTS, Event.SOFT_FAULTS, Event.HARD_FAULTS, Event.FAULT_ERRORS,
          Event.FAULT_RETRIES);

  private static void check(World w, Space... spaces) {
    assertThat(w.<List<String>>inKernel(() -> new Invariants(KernelParts.of(w.kernel(), () -> {
      List<VmMap> maps = new ArrayList<>();
      for (Space s : spaces) {
        maps.add(s.vmspace().map());
      }
      return maps;
    })).check())).isEmpty();
  }

  /** Returns what a fault counts. */
  private static Map<Event, Long> counted(World w, Runnable fault) {
    Map<Event, Long> n = new EnumMap<>(Event.class);
    KINDS.forEach(e -> n.put(e, -w.kernel().events(e)));
    fault.run();
    KINDS.forEach(e -> n.merge(e, w.kernel().events(e), Long::sum));
    n.values().removeIf(x -> x == 0);
    return n;
  }

  @Test
  void everyKindOfFault_countsAsWhatItIs() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapZero(16, 2);
      Map<Event, Long> zero = counted(w, () -> ok(s.read(16)));
      assertThat(zero).isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.ZFOD, 1L));
      assertThat(counted(w, () -> ok(s.fault(16, RW)))).isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.SOFT_FAULTS, 1L));
      Space child = s.fork();
      assertThat(counted(w, () -> ok(child.read(16)))).isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.SOFT_FAULTS, 1L));
      assertThat(counted(w, () -> ok(child.fault(16, RW))))
          .isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.COW_FAULTS, 1L));
      Space f = w.space().mapFile(file(w, 1), 0, 16, 2);
      assertThat(counted(w, () -> ok(f.read(16)))).isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.HARD_FAULTS, 1L));
      assertThat(counted(w, () -> assertThat(f.read(40)).isEqualTo(KernReturn.INVALID_ADDRESS)))
          .isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.FAULT_ERRORS, 1L));
      assertThat(counted(w, () -> assertThat(f.read(17)).isEqualTo(KernReturn.PROTECTION_FAILURE)))
          .isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.FAULT_ERRORS, 1L));
      check(w, s, child, f);
    }
  }

  @Test
  void aRead_leavesThePageClean_andAWriteDoesNot() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapZero(16, 1);
      ok(s.read(16));
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      assertThat(m.dirty()).isZero();
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(m.isReferenced()).isTrue();
      assertThat(m.isZero()).as("whoever maps it may store to it").isFalse();
      assertThat(m.isActive()).isTrue();
      assertThat(m.isBusyAnyway()).isFalse();
      assertThat(o.pip()).isZero();
      ok(s.fault(16, RW));
      assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(o.isWriteable()).isTrue();
      check(w, s);
    }
  }

  /** F12: whoever has the page that was copied must look again, and its owner keeps it. */
  @Test
  void aCopy_leavesItsSourceUnmapped_active_andIdle() {
    try (World w = World.builder().build()) {
      Space parent = w.space().mapZero(16, 2);
      parent.write(16, 5);
      parent.write(17, 6); // shows through the child's object, which so is not led round the parent's
      VmPage source = resident(w, parent, 16, parent.object(16), 0);
      Space child = parent.fork();
      assertThat(child.value(17)).isEqualTo(6);
      assertThat(parent.value(16)).isEqualTo(5);
      child.write(16, 7);
      assertThat(parent.vmspace().pmap().extract(parent.at(16))).isEqualTo(-1);
      assertThat(source.isActive()).isTrue();
      assertThat(source.isBusyAnyway()).isFalse();
      assertThat(parent.value(16)).isEqualTo(5);
      VmPage copy = resident(w, child, 16, child.object(16), 0);
      assertThat(copy).isNotNull().isNotSameAs(source);
      assertThat(copy.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(copy.isWhollyValid()).isTrue();
      check(w, parent, child);
    }
  }

  /** Of memory without a file, and of a private mapping of a file. */
  @Test
  void aCopyOfWiredMemory_isOfItsLength_referenced_andModified() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapZero(16, 3).mapPrivate(file(w, 6), 2, 32, 3);
      ok(s.wire(16, 3));
      ok(s.wire(32, 3));
      Space child = s.fork();
      for (int page : new int[] {16, 32}) {
        VmObject copy = child.object(page);
        assertThat(copy).isNotSameAs(s.object(page));
        assertThat(copy.size()).isEqualTo(3L * w.pageSize());
        VmPage m = resident(w, child, page, copy, 0);
        assertThat(m.isReferenced()).isTrue();
        assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
        assertThat(m.isActive()).isTrue();
      }
      ok(s.unwire(16, 3));
      ok(s.unwire(32, 3));
      check(w, s, child);
    }
  }

  /** W2: who has locked a page of a file in memory keeps it, whatever is copied from it. */
  @Test
  void aCopyFromAFile_leavesWiredMappings_andTakesTheOthers() {
    try (World w = World.builder().build()) {
      Vnode v = file(w, 1);
      Space wirer = w.space().mapFile(v, 0, 16, 1);
      Space reader = w.space().mapFile(v, 0, 16, 1);
      Space copier = w.space().mapPrivate(v, 0, 16, 1);
      ok(wirer.wire(16, 1));
      ok(reader.read(16));
      ok(copier.read(16));
      VmPage source = resident(w, wirer, 16, wirer.object(16), 0);
      copier.write(16, 7);
      assertThat(wirer.vmspace().pmap().extract(wirer.at(16))).isEqualTo(source.frame());
      assertThat(source.wireCount()).isEqualTo(1);
      assertThat(reader.vmspace().pmap().extract(reader.at(16))).isEqualTo(-1);
      check(w, wirer, reader, copier);
      ok(wirer.unwire(16, 1));
    }
  }

  /** F13: the copy may have been what the object above lacked. */
  @Test
  void aCopy_collapsesTheChainItCompletes() {
    try (World w = World.builder().build()) {
      Space parent = w.space().mapZero(16, 1);
      parent.write(16, 5);
      VmObject below = parent.object(16);
      Space child = parent.fork();
      child.write(16, 6);
      VmObject top = child.object(16);
      assertThat(top).isNotSameAs(below);
      assertThat(top.backing()).as("its only page hides the one below: bypassed").isNull();
      assertThat(top.pip()).isZero();
      assertThat(parent.value(16)).isEqualTo(5);
      check(w, parent, child);
    }
  }

  /** F11: a page has another offset at each level. */
  @Test
  void aChain_isWalkedByTheOffsetOfEachLevel() {
    try (World w = World.builder().build()) {
      Space parent = w.space().mapSwap(16, 4);
      for (int i = 16; i < 20; i++) {
        parent.write(i, i);
      }
      parent.unmap(16, 1); // what is left begins at the object's second page
      Space child = parent.fork();
      child.write(17, 100);
      child.unmap(17, 1);
      Space grandchild = child.fork();
      grandchild.write(18, 200);
      assertThat(child.object(18).backingOffset()).isPositive();
      assertThat(grandchild.object(18).backingOffset()).isPositive();
      assertThat(grandchild.value(19)).isEqualTo(19);
      assertThat(child.value(18)).isEqualTo(18);
      assertThat(grandchild.value(18)).isEqualTo(200);
      check(w, parent, child, grandchild);
    }
  }

  /** F11, F17: neither the level that had nothing nor the top keeps the page that was allocated there. */
  @Test
  void levelsThatHadNothing_keepNoPage() {
    try (World w = World.builder().build()) {
      Space parent = w.space().mapSwap(16, 2);
      parent.write(16, 1);
      Space child = parent.fork();
      child.write(16, 2);
      VmObject below = parent.object(16);
      VmObject top = child.object(16);
      assertThat(top.backing()).isSameAs(below);
      assertThat(child.value(17)).isZero(); // in no level: zeros at the top
      assertThat(resident(w, parent, 17, below, w.pageSize())).isNull();
      assertThat(resident(w, child, 17, top, w.pageSize())).isNotNull();
      parent.write(17, 5);
      Space other = parent.fork();
      VmObject lower = parent.object(17);
      other.write(16, 3);
      assertThat(other.value(17)).isEqualTo(5); // in the lower level
      assertThat(resident(w, other, 17, other.object(17), w.pageSize())).isNull();
      assertThat(resident(w, parent, 17, lower, w.pageSize())).isNotNull();
      check(w, parent, child, other);
    }
  }

  /** What it gives back itself is no reason to try again at once, or one processor never gets to its daemon. */
  @Test
  void aFaultThatNeedsTwoFrames_whereThereIsOne_waits() {
    try (World w = World.builder().mode(Mode.UP).build()) {
      Space parent = w.space().mapSwap(16, 2);
      parent.write(16, 5);
      parent.write(17, 6);
      Space child = parent.fork();
      child.write(17, 7);
      pageOut(w, child.object(16));
      pageOut(w, parent.object(16)); // both levels are to be asked for the page, each with a frame to put it in
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved());
      World.Actor<KernReturn> a = w.start("faulter", () -> child.faultHere(16, READ));
      awaitSleeper(w, "vmwait");
      release(w, hoard);
      assertThat(a.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(child.value(16)).isEqualTo(5);
      check(w, parent, child);
    }
  }

  /** Only whoever may store to a page of a file for all to see takes its mark off. */
  @Test
  void copyOnWriteMark_staysUntilThePageIsEnteredWritable() {
    try (World w = World.builder().build()) {
      Vnode v = file(w, 1);
      Space copier = w.space().mapPrivate(v, 0, 16, 1);
      Space sharer = w.space().mapFile(v, 0, 16, 1);
      ok(sharer.protect(16, 1, READ));
      ok(copier.read(16));
      VmPage m = resident(w, sharer, 16, sharer.object(16), 0);
      assertThat(m.isCopyOnWrite()).isTrue();
      ok(sharer.read(16));
      assertThat(m.isCopyOnWrite()).as("read by its own object's mapping").isTrue();
      ok(sharer.protect(16, 1, RW));
      ok(sharer.fault(16, RW));
      assertThat(m.isCopyOnWrite()).isFalse();
      check(w, copier, sharer);
    }
  }

  /** F5b: while it sleeps it keeps no page of the top object from anybody. */
  @Test
  void aWaitBelowTheTop_leavesNoPlaceholder() {
    try (World w = World.builder().build()) {
      Space parent = w.space().mapZero(16, 3);
      parent.write(16, 5);
      parent.write(18, 5); // shows through: the child's object is not led round the parent's
      Space child = parent.fork();
      child.write(17, 6);
      VmObject below = parent.object(16);
      VmObject top = child.object(16);
      VmPage m = resident(w, parent, 16, below, 0);
      w.inKernel(() -> {
        below.lock.lock();
        m.addBusyCount(1, "an I/O");
        m.setReferenced(false);
        below.pipUp(1, HoldReason.TEST, "an I/O");
        below.lock.unlock();
      });
      World.Actor<KernReturn> a = w.start("faulter", () -> child.faultHere(16, READ));
      awaitSleeper(w, "vmpfw");
      assertThat(resident(w, child, 16, top, 0)).isNull();
      assertThat(w.<Integer>inKernel(top::pip)).isZero();
      assertThat(m.isReferenced()).as("somebody wants it").isTrue();
      w.inKernel(() -> {
        below.lock.lock();
        w.kernel().pages().endIo(m, "an I/O");
        below.pipDown(1, "an I/O");
        below.lock.unlock();
      });
      assertThat(a.join()).isEqualTo(KernReturn.SUCCESS);
      assertThat(child.value(16)).isEqualTo(5);
      check(w, parent, child);
    }
  }

  /** F14b: a wiring that reads looks again, and finds the entry as it has made it. */
  @Test
  void aWiringThatReads_doesNotStartOver() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(16, 1);
      s.write(16, 5);
      pageOut(w, s.object(16));
      ok(s.wire(16, 1));
      assertThat(w.kernel().events(Event.HARD_FAULTS)).isEqualTo(1);
      assertThat(w.kernel().events(Event.FAULT_RETRIES)).isZero();
      check(w, s);
      ok(s.unwire(16, 1));
    }
  }

  /** D14: cached frames are memory, too. */
  @Test
  void aCachedPage_isTaken_asLongAsFreeAndCachedTogetherSuffice() {
    try (World w = World.builder().mode(Mode.UP).build()) {
      Space s = w.space().mapFile(file(w, 3), 0, 16, 3);
      for (int i = 16; i < 19; i++) {
        ok(s.read(i));
      }
      VmObject o = s.object(16);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() - 2);
      awaitSleeper(w, "psleep"); // the daemon has looked
      w.inKernel(() -> {
        o.lock.lock();
        w.kernel().pages().queues().lock.lock();
        for (int i = 0; i < 3; i++) {
          assertThat(w.kernel().pages().cacheLocked(w.kernel().pages().lookup(o, (long) i * w.pageSize()))).isTrue();
        }
        w.kernel().pages().queues().lock.unlock();
        o.lock.unlock();
      });
      w.gates().reset();
      ok(s.read(16));
      assertThat(w.gates().count(Decision.D14B, true)).isZero();
      assertThat(w.gates().count(Decision.D14B, false)).isEqualTo(1);
      release(w, hoard);
    }
  }

  /** One thread's faults share their working memory: the answer of one is not the next one's. */
  @Test
  void aFaultThatStartsOver_doesNotGiveAnEarlierFaultsAnswer() {
    try (World w = World.builder().build()) {
      Space f = w.space().mapFile(file(w, 1), 0, 16, 2);
      Space s = w.space().mapSwap(16, 2);
      s.write(16, 5);
      pageOut(w, s.object(16));
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> {
        VmObject o = w.kernel().objects().allocate(ObjectType.SWAP, s.at(2));
        s.vmspace().map().mapFixed(Mapping.of(o, 0), s.at(16), s.at(18));
      });
      w.inKernel(() -> {
        assertThat(f.faultHere(17, READ)).isEqualTo(KernReturn.PROTECTION_FAILURE);
        ok(s.faultHere(16, READ));
      });
      assertThat(w.kernel().events(Event.FAULT_RETRIES)).isEqualTo(1);
      check(w, f, s);
    }
  }

  @Test
  void aSecondLookupThatFails_isTheAnswer_withoutAnotherRound() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(16, 2);
      w.gates().once(FaultPoint.BEFORE_RELOOKUP, () -> s.vmspace().map().remove(s.at(16), s.at(18)));
      assertThat(counted(w, () -> assertThat(s.read(16)).isEqualTo(KernReturn.INVALID_ADDRESS)))
          .isEqualTo(Map.of(Event.VM_FAULTS, 1L, Event.ZFOD, 1L, Event.FAULT_ERRORS, 1L));
      check(w, s);
    }
  }
}
