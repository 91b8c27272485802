package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.KThread;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each detector that looks on while a program runs fires on what it is for, and on nothing else. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class RunDetectorsTest {
  private static final int PAGES = 100;

  /** A world that has paged: pages in swap, some of them resident and clean. */
  private static Space paged(World w) {
    Space s = w.space().mapSwap(0, PAGES);
    for (int i = 0; i < PAGES; i++) {
      s.write(i, i + 1);
    }
    for (int i = 0; i < PAGES; i++) {
      s.read(i);
    }
    w.kernel().domain().strands().attach("rest");
    try {
      assertThat(Quiescence.await(w.kernel(), TimeUnit.SECONDS.toNanos(20))).isTrue();
    } finally {
      w.kernel().domain().strands().detach();
    }
    return s;
  }

  private static VmPage page(World w, Predicate<VmPage> which) {
    for (int f = 0; f < w.kernel().pages().pageCount(); f++) {
      VmPage m = w.kernel().pages().page(f);
      if (which.test(m)) {
        return m;
      }
    }
    throw new AssertionError("no such page");
  }

  private static boolean isCleanInSwap(World w, VmPage m) {
    if (!(m.object() instanceof VmObject o) || o.type() != ObjectType.SWAP || m.dirty() != 0) {
      return false;
    }
    return w.inKernel(() -> {
      o.lock.lock();
      try {
        return o.pagerHasLocked(m.offset());
      } finally {
        o.lock.unlock();
      }
    });
  }

  private static @Nullable String check(World w, PageCheck c, VmPage m) {
    return w.<@Nullable String>inKernel(() -> c.check(m));
  }

  @Test
  void aStoreThatTheKernelForgot_isFound() {
    try (World w = World.builder().frames(48).swapPages(256).build()) {
      Space s = paged(w);
      PhysicalMemory memory = w.kernel().machine().memory();
      PageCheck c = new LostModifications(w.kernel().pages(), w.kernel().swapPager(), w.kernel().vnodePager(),
          w.kernel().objects().pageSize());
      for (int f = 0; f < w.kernel().pages().pageCount(); f++) {
        assertThat(check(w, c, w.kernel().pages().page(f))).isNull();
      }
      VmPage m = page(w, p -> isCleanInSwap(w, p));
      long old = memory.load(m.frame(), 3);
      memory.store(m.frame(), 3, old + 1);
      assertThat(check(w, c, m)).startsWith("I-43 ");
      try (Broken dirty = new Broken().set(m, "dirty", VmPage.ALL_CHUNKS)) {
        assertThat(check(w, c, m)).as("remembered, %s", dirty).isNull();
      }
      memory.store(m.frame(), 3, old);
      assertThat(check(w, c, m)).isNull();
      assertThat(s.toString()).isNotEmpty();
    }
  }

  /** Also of pages that never were in swap, and of files. */
  @Test
  void aStoreThatTheKernelForgot_isFound_whereverThePageCameFrom() {
    try (World w = World.builder().build()) {
      Vnode v = w.inKernel(() -> w.kernel().volume().create("f", 100, 1));
      Space s = w.space().mapZero(0, 2).mapSwap(10, 2).mapFile(v, 0, 20, 2);
      PageCheck c = new LostModifications(w.kernel().pages(), w.kernel().swapPager(), w.kernel().vnodePager(),
          w.kernel().objects().pageSize());
      for (int page : new int[] {0, 10, 20, 21}) {
        assertThat(s.read(page)).isEqualTo(KernReturn.SUCCESS);
        VmObject o = s.object(page);
        VmPage m = w.inKernel(() -> {
          o.lock.lock();
          VmPage p = w.kernel().pages().lookup(o, page == 21 ? w.pageSize() : 0);
          o.lock.unlock();
          return p;
        });
        assertThat(check(w, c, m)).as("page %d", page).isNull();
        PhysicalMemory memory = w.kernel().machine().memory();
        long old = memory.load(m.frame(), 3);
        memory.store(m.frame(), 3, old + 1);
        assertThat(check(w, c, m)).as("page %d", page).startsWith("I-43 ");
        memory.store(m.frame(), 3, old);
        memory.store(m.frame(), 7, memory.load(m.frame(), 7) + 1);
        boolean beyondTheEnd = page == 21; // 36 bytes of it are the file's
        assertThat(check(w, c, m) == null).as("page %d", page).isEqualTo(beyondTheEnd);
        memory.store(m.frame(), 7, memory.load(m.frame(), 7) - 1);
      }
    }
  }

  @Test
  void aBusyPageNobodyAnswersFor_isFound() {
    try (World w = World.builder().frames(48).swapPages(256).build()) {
      paged(w);
      PageCheck c = new PageOwners(w.kernel().domain());
      VmPage m = page(w, p -> p.object() instanceof VmObject);
      VmObject o = (VmObject) m.object();
      KThread gone = w.inKernel(KThread::current);
      assertThat(check(w, c, m)).isNull();
      try (Broken busy = new Broken().set(m, "flags", VmPage.TABLED | VmPage.BUSY)) {
        assertThat(check(w, c, m)).as("%s", busy).startsWith("I-12 ");
        try (Broken owned = busy(m, gone)) {
          assertThat(check(w, c, m)).as("%s", owned).startsWith("I-57 ");
        }
        try (Broken owned = busy(m, "a transfer")) {
          assertThat(check(w, c, m)).as("%s", owned).startsWith("I-23 ");
          try (Broken pip = new Broken().set(o, "pip", 1)) {
            assertThat(check(w, c, m)).as("%s", pip).isNull();
          }
        }
        w.inKernel(() -> {
          try (Broken owned = busy(m, KThread.current())) {
            assertThat(c.check(m)).as("%s", owned).isNull();
          }
          return "";
        });
      }
    }
  }

  private static Broken busy(VmPage m, Object owner) {
    return new Broken().set(m, "busyOwner", owner);
  }

  private static @Nullable String staleTlb(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space s = w.space().mapSwap(0, 4);
      s.write(1, 5);
      TlbCoherence tlbs = new TlbCoherence(w.kernel().machine(), w.kernel().pmaps(), mode);
      Cpu cpu = w.kernel().machine().cpu(0);
      PageTable t = s.vmspace().pmap().table();
      cpu.switchTo(t);
      assertThat(cpu.speculateFrom(s.at(1))).isTrue();
      assertThat(anyCpu(w, tlbs)).isNull();
      PageTable.Leaf leaf = t.leaf(s.at(1));
      assertThat(leaf).isNotNull();
      long old = leaf.get(t.index(s.at(1)));
      leaf.getAndSet(t.index(s.at(1)), old & ~Pte.W);
      String wrong = anyCpu(w, tlbs);
      leaf.getAndSet(t.index(s.at(1)), old);
      cpu.switchTo(null);
      return wrong;
    }
  }

  private static @Nullable String anyCpu(World w, TlbCoherence tlbs) {
    String wrong = null;
    for (int i = 0; i < w.kernel().machine().cpus(); i++) {
      String x = w.<@Nullable String>inKernel(tlbs::check);
      wrong = x == null ? wrong : x;
    }
    return wrong;
  }

  @Test
  void aTranslationThatOutlivesItsWord_isFound() {
    assertThat(staleTlb(Mode.UP)).startsWith("I-36 ");
    assertThat(staleTlb(Mode.FIXED)).startsWith("I-36 ");
  }

  @Test
  void aStaleAccess_isAFinding() {
    try (OracleBed bed = new OracleBed(1, 4)) {
      Findings findings = new Findings();
      new StaleAccesses(findings).staleAccess(bed.machine.cpu(0), 0x1000, 3, true, 7, 8);
      assertThat(findings.count(Finding.Kind.STALE)).isEqualTo(1);
      assertThat(findings.list().get(0).message()).startsWith("I-42 store to 0x1000");
    }
  }

  @Test
  void samples_lookAtPagesWithMoreChecks() {
    try (World w = World.builder().build()) {
      OnlineInvariants online = new OnlineInvariants(w.kernel().pages(), 1);
      List<String> wrong = w.inKernel(() -> online.sample(3, List.of(m -> "I-0 seen")));
      assertThat(wrong).containsExactly("I-0 seen", "I-0 seen", "I-0 seen");
    }
  }
}
