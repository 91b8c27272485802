package dev.faultline.vm.pmap;

import static dev.faultline.vm.pmap.PmapWorld.PAGE;
import static dev.faultline.vm.pmap.PmapWorld.loads;
import static dev.faultline.vm.pmap.PmapWorld.stores;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each operation by itself. */
@Timeout(60)
final class PmapTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long VA = 0x10000;

  private PmapWorld w;
  private Pmap a;
  private Pmap b;
  private Cpu cpu;

  private void boot(Mode mode, Defect... defects) {
    w = new PmapWorld(mode, defects);
    a = w.pmaps.create("a");
    b = w.pmaps.create("b");
    cpu = w.cpu(0);
    a.activate(cpu);
  }

  @AfterEach
  void checkAndClose() {
    if (w != null) {
      try {
        w.check();
      } finally {
        w.close();
      }
    }
  }

  private VmPage mapped(int prot) {
    VmPage m = w.page();
    w.enter(a, VA, m, prot, false);
    return m;
  }

  private VmPage wired() {
    VmPage m = w.page();
    w.enter(a, VA, m, RW, true);
    return m;
  }

  @Test
  void aPageWithoutMappings_isNeitherReferencedNorModified() {
    boot(Mode.FIXED);
    VmPage m = w.page();
    assertThat(w.pmaps.isReferenced(m)).isFalse();
    assertThat(w.pmaps.isModified(m)).isFalse();
  }

  /** What comes after a leaf's last page is in another leaf: the index there is that of this one's first page. */
  @Test
  void rangesUpToTheEndOfALeaf_leaveItsFirstPageAlone() {
    boot(Mode.FIXED);
    long first = a.table().leafSpan();
    long end = 2 * first;
    w.enter(a, first, w.page(), RW, true);
    w.enter(a, end - PAGE, w.page(), RW, true);
    a.protect(end - PAGE, end, VmProt.READ);
    assertThat(stores(cpu, first, 1)).isTrue();
    assertThat(stores(cpu, end - PAGE, 1)).isFalse();
    a.remove(end - PAGE, end);
    assertThat(loads(cpu, first)).isTrue();
    assertThat(a.residentCount()).isEqualTo(1);
  }

  // enter

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void enter_mapsAtOnce_withTheRightsGiven(Mode mode) {
    boot(mode);
    VmPage m = mapped(VmProt.READ);
    assertThat(loads(cpu, VA)).isTrue();
    assertThat(stores(cpu, VA, 1)).isFalse();
    assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED);
    w.enter(a, VA, m, VmProt.WRITE, false);
    assertThat(stores(cpu, VA, 7)).isTrue();
    assertThat(w.word(m)).isEqualTo(7);
    assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED | VmPage.PV_WRITEABLE);
    assertThat(a.residentCount()).isEqualTo(1);
    assertThat(a.extract(VA)).isEqualTo(m.frame());
    assertThat(a.extract(VA + PAGE)).isEqualTo(-1);
    assertThat(b.extract(VA)).isEqualTo(-1);
  }

  @Test
  void enter_keepsReferencedAndModified_whenTheFrameIsTheSame() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    w.enter(a, VA, m, VmProt.READ, false);
    assertThat(w.pmaps.isModified(m)).isTrue();
    assertThat(w.pmaps.isReferenced(m)).isTrue();
    assertThat(a.residentCount()).isEqualTo(1);
  }

  @Test
  void enter_withFewerRights_isObeyedAtOnce() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    w.enter(a, VA, m, VmProt.READ, false);
    assertThat(stores(cpu, VA, 2)).isFalse();
    assertThat(w.word(m)).isEqualTo(1);
  }

  @Test
  void enter_removesTheOtherFrameFirst_andSavesItsModifiedBit() {
    boot(Mode.FIXED);
    VmPage old = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    VmPage now = w.page();
    w.enter(a, VA, now, RW, false);
    assertThat(old.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(a.pageExists(old)).isFalse();
    assertThat(a.pageExists(now)).isTrue();
    assertThat(stores(cpu, VA, 2)).isTrue();
    assertThat(w.word(old)).isEqualTo(1);
    assertThat(w.word(now)).isEqualTo(2);
    assertThat(a.residentCount()).isEqualTo(1);
  }

  @Test
  void enter_keepsOffAHalfRemovedWord_byFinishingItsRemoval() {
    boot(Mode.FIXED);
    VmPage old = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    halfRemove();
    VmPage now = w.page();
    w.enter(a, VA, now, RW, false);
    assertThat(old.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(stores(cpu, VA, 2)).isTrue();
    assertThat(w.word(old)).isEqualTo(1);
    assertThat(w.word(now)).isEqualTo(2);
  }

  @Test
  void enter_finishesAHalfRemovedWordOfTheSameFrame() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    halfRemove();
    w.enter(a, VA, m, VmProt.READ, false);
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(w.pmaps.isModified(m)).isFalse();
    assertThat(stores(cpu, VA, 2)).isFalse();
  }

  @Test
  void enter_mapsAFictitiousPage_asAnyOther_butForWhatIsModified() {
    boot(Mode.FIXED);
    VmPage device = VmPage.fictitious(3, this);
    assertThat(a.enter(VA, device, RW, true)).isTrue();
    w.pages.queues().lock.lock();
    w.pages.queues().wireLocked(device);
    w.pages.queues().lock.unlock();
    assertThat(stores(cpu, VA, 5)).isTrue();
    assertThat(w.machine.memory().load(3, 0)).isEqualTo(5);
    assertThat(device.pvFlags).isEqualTo(VmPage.PV_MAPPED | VmPage.PV_WRITEABLE);
    assertThat(a.wiredCount()).isEqualTo(1);
    assertThat(w.pages.queues().wireCount()).isZero();
    assertThat(a.unwire(VA)).isTrue();
    assertThat(device.wireCount()).isEqualTo(1);
    w.enter(a, VA, w.page(), RW, false);
    assertThat(a.residentCount()).isEqualTo(1);
    a.remove(VA, VA + PAGE);
    assertThat(device.dirty()).isZero();
  }

  @Test
  void enter_inTheKernelPmap_isNotForUserAccesses() {
    boot(Mode.FIXED);
    VmPage m = w.page();
    Pmap kernel = w.pmaps.kernelPmap();
    w.enter(kernel, VA, m, RW, false);
    kernel.activate(cpu);
    assertThat(loads(cpu, VA)).isFalse();
    kernel.remove(VA, VA + PAGE);
  }

  @Test
  void operations_allocateNothing_inSteadyState() {
    boot(Mode.UP); // mutexes without waiters, as they do nothing
    VmPage m = w.page();
    VmPage n = w.page();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long used = Long.MAX_VALUE;
    for (int attempt = 0; attempt < 5 && used > 2000; attempt++) { // the compiler may move things about at first
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 2000; i++) {
        a.enter(VA, m, RW, false);
        b.enter(VA, m, VmProt.READ, false);
        a.enter(VA, n, RW, false);
        w.protect(m, VmProt.NONE);
        a.remove(VA, VA + PAGE);
      }
      used = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertThat(used).isLessThanOrEqualTo(2000);
  }

  // remove, protect

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void remove_savesModifiedAndNotReferenced_andIsObeyedAtOnce(Mode mode) {
    boot(mode);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    a.remove(VA, VA + PAGE);
    assertThat(loads(cpu, VA)).isFalse();
    assertThat(stores(cpu, VA, 2)).isFalse();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(m.isReferenced()).isFalse();
    assertThat(a.residentCount()).isZero();
    assertThat(a.word(VA)).isZero();
    assertThat(m.pvFlags).as("range operations leave the flags alone").isNotZero();
  }

  @Test
  void remove_leavesAPageClean_thatWasOnlyRead() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(loads(cpu, VA)).isTrue();
    a.remove(VA, VA + PAGE);
    assertThat(m.dirty()).isZero();
  }

  @Test
  void remove_leavesTheNeighbours() {
    boot(Mode.FIXED);
    VmPage[] m = new VmPage[3];
    for (int i = 0; i < 3; i++) {
      m[i] = w.page();
      w.enter(a, VA + (long) i * PAGE, m[i], RW, false);
    }
    a.remove(VA + PAGE, VA + 2 * PAGE);
    assertThat(a.pageExists(m[0])).isTrue();
    assertThat(a.pageExists(m[1])).isFalse();
    assertThat(a.pageExists(m[2])).isTrue();
  }

  @Test
  @Timeout(5)
  void remove_ofAHugeSparseRange_looksAtWhatIsThere() {
    boot(Mode.FIXED);
    long end = 1L << PageTable.VA_BITS;
    for (int turn = 0; turn < 100; turn++) {
      for (long va : new long[] {0, VA, 1L << 30, 1L << 40, end - PAGE}) {
        w.enter(a, va, w.pages.page(0), RW, false);
      }
      a.protect(0, end, VmProt.READ);
      a.remove(0, end);
      assertThat(a.residentCount()).isZero();
      assertThat(a.table().nextLeafAddress(0, end)).as("leaves left").isEqualTo(end);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void protect_takesWriteAway_andLeavesModifiedWhereItIs(Mode mode) {
    boot(mode);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    a.protect(VA, VA + PAGE, RW);
    assertThat(stores(cpu, VA, 2)).as("WRITE: nothing happens").isTrue();
    a.protect(VA, VA + PAGE, VmProt.READ);
    assertThat(stores(cpu, VA, 3)).isFalse();
    assertThat(loads(cpu, VA)).isTrue();
    assertThat(m.dirty()).isZero();
    assertThat(w.pmaps.isModified(m)).isTrue();
    assertThat(m.pvFlags & VmPage.PV_WRITEABLE).as("range operations leave the flags alone").isNotZero();
    a.protect(VA, VA + PAGE, VmProt.EXECUTE);
    assertThat(loads(cpu, VA)).isFalse();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
  }

  // one page

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pageProtect_none_removesEveryMapping(Mode mode) {
    boot(mode);
    VmPage m = mapped(RW);
    w.enter(b, VA + PAGE, m, VmProt.READ, false);
    w.enter(b, VA + 5 * PAGE, m, RW, false);
    b.activate(w.cpu(1));
    assertThat(stores(w.cpu(1), VA + 5 * PAGE, 1)).isTrue();
    w.protect(m, RW);
    assertThat(a.residentCount() + b.residentCount()).isEqualTo(3);
    w.protect(m, VmProt.NONE);
    assertThat(m.pvFlags).isZero();
    assertThat(m.pvList).isNull();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(a.residentCount() + b.residentCount()).isZero();
    assertThat(loads(cpu, VA)).isFalse();
    assertThat(stores(w.cpu(1), VA + 5 * PAGE, 2)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pageProtect_read_writeProtectsEveryMapping(Mode mode) {
    boot(mode);
    VmPage m = mapped(RW);
    w.enter(b, VA, m, RW, false);
    b.activate(w.cpu(1));
    assertThat(stores(cpu, VA, 1)).isTrue();
    assertThat(stores(w.cpu(1), VA, 2)).isTrue();
    w.protect(m, VmProt.READ);
    assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED);
    assertThat(stores(cpu, VA, 3)).isFalse();
    assertThat(stores(w.cpu(1), VA, 3)).isFalse();
    assertThat(loads(w.cpu(1), VA)).isTrue();
    assertThat(m.dirty()).isZero();
    assertThat(w.pmaps.isModified(m)).isTrue();
  }

  @Test
  void pageProtect_shoots_whereABatchHasTakenWriteAwayAndNotShotYet() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    w.pmaps.change(KThread.current(), leaf(), index(), Pte.W, 0);
    w.protect(m, VmProt.READ);
    assertThat(stores(cpu, VA, 2)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void pageProtect_finishesAHalfRemovedWord(Mode mode) {
    boot(mode);
    for (int prot : new int[] {VmProt.READ, VmProt.NONE}) {
      VmPage m = mapped(RW);
      assertThat(stores(cpu, VA, 1)).isTrue();
      halfRemove();
      w.protect(m, prot);
      assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(m.pvList).isNull();
      assertThat(stores(cpu, VA, 2)).isFalse();
      assertThat(w.word(m)).isEqualTo(1);
    }
  }

  @Test
  void clearModify_letsTheNextStoreBeSeen() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    w.protect(m, VmProt.READ);
    w.pmaps.clearModify(m);
    assertThat(w.pmaps.isModified(m)).isFalse();
    w.enter(a, VA, m, RW, false);
    assertThat(stores(cpu, VA, 2)).isTrue();
    assertThat(w.pmaps.isModified(m)).isTrue();
  }

  @Test
  void clearModify_panics_whileThePageMayBeWritable() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThatThrownBy(() -> w.pmaps.clearModify(m)).isInstanceOf(KernelPanic.class).hasMessageContaining("I-43");
  }

  @Test
  void clearReference_letsTheNextLoadBeSeen() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(loads(cpu, VA)).isTrue();
    assertThat(w.pmaps.isReferenced(m)).isTrue();
    w.pmaps.clearReference(m);
    assertThat(w.pmaps.isReferenced(m)).isFalse();
    assertThat(loads(cpu, VA)).isTrue();
    assertThat(w.pmaps.isReferenced(m)).isTrue();
  }

  // wiring

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void unwire_takesTheUnitOff_andSetsModified(Mode mode) {
    boot(mode);
    VmPage m = wired();
    assertThat(a.enter(VA, m, RW, true)).as("not new").isFalse();
    assertThat(a.wiredCount()).isEqualTo(1);
    assertThat(m.wireCount()).isEqualTo(1);
    assertThat(a.unwire(VA)).isTrue();
    assertThat(a.unwire(VA)).isFalse();
    assertThat(a.unwire(VA + PAGE)).isFalse();
    assertThat(a.wiredCount()).isZero();
    assertThat(m.wireCount()).isZero();
    assertThat(m.isActive()).isTrue();
    assertThat(w.pmaps.isModified(m)).isTrue();
    assertThat(a.extract(VA)).isEqualTo(m.frame());
  }

  @Test
  void enter_leavesAWiredBitThatIsThere() {
    boot(Mode.FIXED);
    VmPage m = wired();
    w.enter(a, VA, m, VmProt.READ, false);
    assertThat(a.wiredCount()).isEqualTo(1);
    assertThat(m.wireCount()).isEqualTo(1);
  }

  @Test
  void enter_ofAnotherFrame_takesTheUnitOfTheWiredOneOff() {
    boot(Mode.FIXED);
    VmPage old = wired();
    VmPage now = w.page();
    w.enter(a, VA, now, RW, true);
    assertThat(old.wireCount()).isZero();
    assertThat(now.wireCount()).isEqualTo(1);
    assertThat(a.wiredCount()).isEqualTo(1);
  }

  @Test
  void pageRemoval_takesTheUnitsOff() {
    boot(Mode.FIXED);
    VmPage m = wired();
    w.enter(b, VA, m, VmProt.READ, true);
    w.enter(b, VA + PAGE, m, VmProt.READ, false);
    w.wire(m); // the kernel's own, without a mapping
    assertThat(m.wireCount()).isEqualTo(3);
    w.protect(m, VmProt.NONE);
    assertThat(m.wireCount()).isEqualTo(1);
    assertThat(a.wiredCount() + b.wiredCount()).isZero();
    w.unwire(m);
  }

  @Test
  void pageRemoval_needsNoQueueLock_whenThePageIsNotWired() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    w.owner.lock.lock();
    w.pages.queues().lock.lock();
    w.pmaps.protect(m, VmProt.NONE);
    w.pages.queues().lock.unlock();
    w.owner.lock.unlock();
    assertThat(m.pvFlags).isZero();
  }

  @Test
  void pageRemoval_ofAllButWired_leavesThoseAsTheyAre() {
    boot(Mode.FIXED);
    VmPage m = wired();
    w.enter(b, VA, m, RW, false);
    b.activate(w.cpu(1));
    assertThat(stores(w.cpu(1), VA, 1)).isTrue();
    w.pmaps.removeAllButWired(m);
    assertThat(stores(w.cpu(1), VA, 2)).isFalse();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
    assertThat(stores(cpu, VA, 3)).isTrue();
    assertThat(m.wireCount()).isEqualTo(1);
    assertThat(m.pvFlags).isEqualTo(VmPage.PV_MAPPED | VmPage.PV_WRITEABLE);
    assertThat(a.unwire(VA)).isTrue();
    w.pmaps.removeAllButWired(m);
    assertThat(m.pvFlags).isZero();
    assertThat(stores(cpu, VA, 4)).isFalse();
  }

  @Test
  void pageRemoval_leavesUnitsBehind_withStealWired() {
    boot(Mode.FIXED, Defect.H_STEALWIRED);
    VmPage m = wired();
    w.pmaps.removeAllButWired(m);
    assertThat(a.wiredCount()).isZero();
    assertThat(m.wireCount()).isEqualTo(1);
    assertThat(w.violations()).singleElement().asString().startsWith("I-40");
    w.unwire(m);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void remove_takesWiredMappingsWithTheirUnits(Mode mode) {
    boot(mode);
    VmPage m = wired();
    VmPage n = w.page();
    w.enter(a, VA + PAGE, n, RW, false);
    w.enter(a, VA + 200 * PAGE, n, RW, true);
    a.removeUnwired(VA, VA + 300 * PAGE);
    assertThat(a.wiredCount()).isEqualTo(2);
    assertThat(a.residentCount()).isEqualTo(2);
    assertThat(stores(cpu, VA, 1)).isTrue();
    a.protect(VA, VA + 300 * PAGE, VmProt.NONE);
    assertThat(a.wiredCount()).isZero();
    assertThat(a.residentCount()).isZero();
    assertThat(m.wireCount() + n.wireCount()).isZero();
    assertThat(stores(cpu, VA, 2)).isFalse();
    assertThat(m.dirty()).isEqualTo(VmPage.ALL_CHUNKS);
  }

  // release, lists, checks

  @Test
  void release_takesIdleProcessorsOff_andForgetsThePmap() {
    boot(Mode.FIXED);
    mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    assertThat(w.pmaps.lookup(a.id())).isSameAs(a);
    assertThatThrownBy(a::release).isInstanceOf(KernelPanic.class).hasMessageContaining("in use");
    a.remove(0, 1L << PageTable.VA_BITS);
    a.release();
    assertThat(cpu.current()).isNull();
    assertThat(w.pmaps.lookup(a.id())).isNull();
    List<Pmap> left = new ArrayList<>();
    w.pmaps.forEachPmap(left::add);
    assertThat(left).containsExactly(w.pmaps.kernelPmap(), b);
    assertThatThrownBy(w.pmaps.kernelPmap()::release).isInstanceOf(KernelPanic.class);
  }

  @Test
  void forEachMapping_showsWordsByAddress() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    w.enter(a, VA - PAGE, m, VmProt.READ, false);
    List<String> seen = new ArrayList<>();
    a.forEachMapping((va, pte) -> seen.add(Long.toHexString(va) + " " + Pte.frame(pte)));
    assertThat(seen).containsExactly(Long.toHexString(VA - PAGE) + " " + m.frame(), "10000 " + m.frame());
  }

  @Test
  void checkInvariants_seesEachKindOfDamage() {
    boot(Mode.FIXED);
    VmPage m = mapped(RW);
    assertThat(stores(cpu, VA, 1)).isTrue();
    PageTable.Leaf leaf = leaf();
    int i = index();
    long word = leaf.get(i);
    Object pv = m.pvList;

    leaf.getAndSet(i, Pte.make(m.frame() + 1, word & 0xfff));
    assertDamage("I-32", "I-36");
    leaf.getAndSet(i, 0);
    assertDamage("I-32", "I-36", "I-39");
    leaf.getAndSet(i, word & ~Pte.W);
    assertDamage("I-36");
    leaf.getAndSet(i, word & ~Pte.M);
    assertDamage("I-36");
    leaf.getAndSet(i, word | Pte.WIRED);
    assertDamage("I-39", "I-40");
    leaf.getAndSet(i, word & ~Pte.V);
    assertDamage("I-32", "I-36", "I-39");
    leaf.getAndSet(i, word);
    m.pvList = null;
    assertDamage("I-32");
    m.pvList = pv;
    leaf.attach(i, null);
    assertDamage("I-32");
    leaf.attach(i, pv);
    m.pvFlags = VmPage.PV_MAPPED;
    assertDamage("I-33");
    m.pvFlags = VmPage.PV_WRITEABLE;
    assertDamage("I-33");
    m.pvFlags = VmPage.PV_MAPPED | VmPage.PV_WRITEABLE;
    leaf.incrementCount();
    assertDamage("I-39");
    leaf.decrementCount();
  }

  private void assertDamage(String... invariants) {
    assertThat(w.violations()).extracting(s -> s.substring(0, 4)).as("%s", w.violations()).containsOnly(invariants);
  }

  private PageTable.Leaf leaf() {
    return a.table().leaf(VA);
  }

  private int index() {
    return a.table().index(VA);
  }

  /** Does what a range removal has done when it has not shot yet. */
  private void halfRemove() {
    a.invalidate(KThread.current(), leaf(), index());
  }

  @Test
  void localFlush_leavesOtherProcessorsTheirTranslations() {
    boot(Mode.FIXED, Defect.H_LOCALFLUSH);
    VmPage m = mapped(RW);
    a.activate(w.cpu(1));
    cpu.context = KThread.current();
    assertThat(stores(cpu, VA, 1)).isTrue();
    assertThat(stores(w.cpu(1), VA, 2)).isTrue();
    w.protect(m, VmProt.READ);
    assertThat(stores(cpu, VA, 3)).isFalse();
    assertThat(stores(w.cpu(1), VA, 4)).isTrue();
    assertThat(w.violations()).singleElement().asString().startsWith("I-36");
    a.activate(w.cpu(1));
  }
}
