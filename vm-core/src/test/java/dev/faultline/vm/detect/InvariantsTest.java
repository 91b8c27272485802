package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each invariant's check fires on a structure that breaks it, and none fires on a kernel that is well. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class InvariantsTest {
  /** A world with some of everything: forked, shared, wired, paged out, cached memory, files mapped both ways. */
  private static final class Bed implements AutoCloseable {
    final World world;
    final Kernel kernel;
    final Space space;
    final Space child;
    final Vnode file;
    final List<VmMap> maps = new ArrayList<>();
    final KernelParts parts;

    Bed(Mode mode) {
      world = World.builder().mode(mode).frames(64).swapPages(256).build();
      kernel = world.kernel();
      file = world.inKernel(() -> kernel.volume().create("f", 5 * 64 + 24, 7));
      space = world.space().mapSwap(0, 100).mapZero(200, 8).mapFile(file, 0, 300, 6).mapPrivate(file, 0, 320, 6);
      space.mapSwap(400, 4).inherit(400, 4, Inheritance.SHARE);
      space.write(400, 1);
      for (int i = 0; i < 100; i++) {
        space.write(i, i);
      }
      space.write(200, 5);
      child = space.fork();
      child.read(200);
      child.write(1, 100);
      child.write(400, 2);
      space.write(300, 8);
      space.read(301);
      space.write(321, 9);
      space.wire(402, 1);
      for (int i = 0; i < 6; i++) {
        space.read(320 + i);
      }
      space.write(99, 99);
      child.read(200);
      space.read(200);
      maps.add(space.vmspace().map());
      maps.add(child.vmspace().map());
      parts = KernelParts.of(kernel, () -> maps);
      rest();
    }

    void rest() {
      kernel.domain().strands().attach("rest");
      try {
        assertThat(Quiescence.await(kernel, TimeUnit.SECONDS.toNanos(20))).isTrue();
      } finally {
        kernel.domain().strands().detach();
      }
    }

    List<String> check() {
      return world.inKernel(() -> new Invariants(parts).check());
    }

    VmPage page(Predicate<VmPage> which) {
      for (int f = 0; f < kernel.pages().pageCount(); f++) {
        if (which.test(kernel.pages().page(f))) {
          return kernel.pages().page(f);
        }
      }
      throw new AssertionError("no such page");
    }

    VmPage active() {
      return page(m -> m.isActive());
    }

    VmPage free() {
      return page(m -> m.queue() == VmPage.QUEUE_FREE);
    }

    VmPage wired() {
      return page(m -> m.wireCount() > 0);
    }

    VmPage resident() {
      return page(m -> m.object() != null);
    }

    VmObject object(Predicate<VmObject> which) {
      List<VmObject> found = new ArrayList<>();
      kernel.run(
          "find",
          () ->
              kernel
                  .objects()
                  .forEach(
                      o -> {
                        if (which.test(o)) {
                          found.add(o);
                        }
                      }));
      assertThat(found).isNotEmpty();
      return found.get(0);
    }

    VmObject swapObject() {
      return object(o -> o.type() == ObjectType.SWAP);
    }

    VmObject shadow() {
      return object(o -> o.backing() != null && o.backing().isAnonymous());
    }

    VmMapEntry entry(int page) {
      List<VmMapEntry> entries = world.inKernel(() -> MapEntries.of(space.vmspace().map()));
      VmMapEntry e = MapEntries.find(entries, space.at(page));
      assertThat(e).isNotNull();
      return e;
    }

    /** Changes the page table word of a page of the parent's. */
    Broken word(Space s, int page, long clear, long set) {
      PageTable t = s.vmspace().pmap().table();
      PageTable.Leaf leaf = t.leaf(s.at(page));
      assertThat(leaf).isNotNull();
      int i = t.index(s.at(page));
      long old = leaf.get(i);
      assertThat(old & Pte.V).as("mapped").isNotZero();
      leaf.getAndSet(i, (old & ~clear) | set);
      return new Broken().mend(() -> leaf.getAndSet(i, old));
    }

    Object swapSpace() {
      return Broken.get(kernel.swapPager(), "space");
    }

    @Override
    public void close() {
      world.close();
    }
  }

  /** One way to break a kernel. */
  private record Case(String invariant, String how, BiFunction<Bed, Broken, Broken> breaking) {
    @Override
    public String toString() {
      return invariant + " " + how;
    }
  }

  private static Case of(String invariant, String how, BiFunction<Bed, Broken, Broken> breaking) {
    return new Case(invariant, how, breaking);
  }

  /** Returns the names of all cases, each of which begins with the invariant's number. */
  static List<String> caseNames() {
    return cases().map(Case::toString).toList();
  }

  static Stream<Case> cases() {
    int active = VmPage.QUEUE_ACTIVE;
    int none = VmPage.QUEUE_NONE;
    return Stream.of(
        of("I-1", "frame names a list that lacks it", (b, x) -> x.set(b.wired(), "queue", active)),
        of("I-1", "list in a circle", (b, x) -> {
          VmPage m = b.active();
          return x.set(m, "pageqNext", m);
        }),
        of("I-2", "frame of another queue", (b, x) -> x.set(b.active(), "queue", VmPage.QUEUE_INACTIVE)),
        of("I-2", "back link", (b, x) ->
            x.set(b.page(m -> m.isActive() && m.previousOnQueue() != null), "pageqPrev", null)),
        of("I-1", "frame twice on a list", (b, x) -> {
          VmPage m = b.page(p -> p.isActive() && p.nextOnQueue() != null);
          return x.set(m.nextOnQueue(), "pageqNext", m);
        }),
        of("I-3", "free frame wired", (b, x) -> x.set(b.free(), "wireCount", 1)),
        of("I-3", "free frame in a buffer", (b, x) -> x.set(b.free(), "bmapped", 1)),
        of("I-3", "free frame with a mapping", (b, x) ->
            x.set(b.free(), "pvList", framePage(b, b.space, 99).pvList)),
        of("I-3", "free frame of an object", (b, x) -> x.set(b.free(), "object", b.shadow())),
        of("I-3", "free frame with an identity", (b, x) -> x.set(b.free(), "flags", VmPage.TABLED)),
        of("I-4", "queued page not tabled", (b, x) -> x.set(b.active(), "flags", 0)),
        of("I-5", "mapped page cached", (b, x) -> cached(b, x, "pvFlags", 1)),
        of("I-5", "mapping of a cached page", (b, x) ->
            cached(b, x, "pvList", framePage(b, b.space, 99).pvList)),
        of("I-5", "held page cached", (b, x) -> cached(b, x, "holdCount", 1)),
        of("I-5", "page of a buffer cached", (b, x) -> cached(b, x, "bmapped", 1)),
        of("I-5", "invalid page cached", (b, x) -> cached(b, x, "valid", 0)),
        of("I-7", "length of the cache queue", (b, x) ->
            x.add(Broken.get(b.kernel.pages().queues(), "cache"), "length", 1)),
        of("I-7", "length of a free list", (b, x) ->
            x.add(Broken.get(b.kernel.pages().freeList(), "free"), "length", 1)),
        of("I-8", "inactive_count", (b, x) -> x.add(Broken.get(b.kernel.pages().queues(), "inactive"), "length", 1)),
        of("I-9", "back link in memq", (b, x) -> {
          VmPage m = b.page(p -> p.object() != null && p.nextInObject() != null);
          return x.set(m.nextInObject(), "listqPrev", null);
        }),
        of("I-18", "act_count below zero", (b, x) -> x.set(b.active(), "actCount", -1)),
        of("I-26", "page before the beginning", (b, x) -> x.set(b.resident(), "offset", -64L)),
        of("I-26", "page at an odd place", (b, x) -> x.set(b.resident(), "offset", b.resident().offset() + 8)),
        of("I-27", "cached, but no file's", (b, x) -> x.set(b.shadow(), "cached", true)),
        of("I-53", "entries overlap", (b, x) -> x.set(b.entry(99), "end", b.space.at(2_000))),
        of("I-53", "empty entry", (b, x) -> x.set(b.entry(99), "end", b.entry(99).start())),
        of("I-53", "not page aligned", (b, x) -> x.set(b.entry(99), "end", b.entry(99).end() - 8)),
        of("I-53", "number of entries", (b, x) ->
            x.add(Broken.get(b.space.vmspace().map(), "entries"), "count", 1)),
        of("I-53", "back link", (b, x) -> x.set(b.entry(99), "prev", b.entry(99))),
        of("I-54", "wired count below zero", (b, x) -> x.set(b.entry(99), "wiredCount", -1)),
        of("I-54", "a share map without one", (b, x) -> x.set(b.entry(99), "isAMap", true)),
        of("I-54", "share map and submap", (b, x) -> x.set(b.entry(99), "isAMap", true).set(b.entry(99), "isSubMap",
            true)),
        of("I-55", "needs_copy without an object", (b, x) -> x.set(b.entry(99), "needsCopy", true)
            .set(b.entry(99), "copyOnWrite", true).set(b.entry(99), "object", null)),
        of("I-3", "free frame held", (b, x) -> x.set(b.free(), "holdCount", 1)),
        of("I-3", "free frame mapped", (b, x) -> x.set(b.free(), "pvFlags", VmPage.PV_MAPPED)),
        of("I-4", "queued page without identity", (b, x) -> x.set(b.active(), "object", null)),
        of("I-5", "dirty page cached", (b, x) -> {
          VmPage m = b.page(p -> p.queue() == VmPage.QUEUE_CACHE || (p.isInactive() && p.pvFlags == 0));
          return x.set(m, "queue", VmPage.QUEUE_CACHE).set(m, "dirty", 255);
        }),
        of("I-6", "wired page queued", (b, x) -> x.set(b.active(), "wireCount", 1)),
        of("I-7", "free_count", (b, x) -> x.add(b.kernel.pages().freeList(), "freeCount", 1)),
        of("I-7", "cache_count", (b, x) -> x.add(b.kernel.pages().freeList(), "cacheCount", -1)),
        of("I-8", "wire_count", (b, x) -> x.add(b.kernel.pages().queues(), "wireCount", 1)),
        of("I-8", "active_count", (b, x) -> x.add(Broken.get(b.kernel.pages().queues(), "active"), "length", 1)),
        of("I-9", "page at another offset", (b, x) -> x.set(b.resident(), "offset", b.resident().offset() + 64)),
        of("I-9", "page of another object", (b, x) -> x.set(b.wired(), "object", b.shadow())),
        of("I-9", "hash chain cut", (b, x) -> x.set(b.kernel.pages(), "hash", emptyHash(b))),
        of("I-10", "resident_page_count", (b, x) -> x.add(b.resident().object(), "residentPageCount", -1)),
        of("I-11", "frame astray", (b, x) -> x.set(b.wired(), "wireCount", 0)),
        of("I-11", "frame off its queue", (b, x) -> x.set(b.active(), "queue", none)),
        of("I-13", "busy", (b, x) -> x.set(b.resident(), "flags", VmPage.TABLED | VmPage.BUSY)),
        of("I-13", "soft busy", (b, x) -> x.set(b.resident(), "busyCount", 1)),
        of("I-13", "wanted", (b, x) -> x.set(b.resident(), "flags", VmPage.TABLED | VmPage.WANTED)),
        of("I-14", "sleeper without an owner", InvariantsTest::sleeper),
        of("I-16", "PG_ZERO with content", (b, x) -> x.set(b.page(m -> m.dirty() != 0 && !zero(b, m)), "zero", true)),
        of("I-17", "dirty where invalid", (b, x) -> x.set(b.page(m -> m.dirty() == 255), "valid", 0x0f)),
        of("I-18", "act_count", (b, x) -> x.set(b.active(), "actCount", 103)),
        of("I-20", "ref_count too high", (b, x) -> x.add(b.shadow(), "refCount", 1)),
        of("I-20", "ref_count too low", (b, x) -> x.add(b.object(o -> o.refCount() > 1), "refCount", -1)),
        of("I-21", "pip", (b, x) -> x.set(b.shadow(), "pip", 1)),
        of("I-24", "circle", (b, x) -> x.set(b.shadow().backing(), "backing", b.shadow())),
        of("I-25", "not listed", (b, x) -> x.set(b.shadow().backing(), "shadowHead", null)),
        of("I-25", "listed, but backed by another", (b, x) -> x.set(b.shadow(), "backing", null)),
        of("I-26", "page beyond the end", (b, x) -> x.set(b.object(o -> o.residentPageCount() > 0), "size", 0L)),
        of("I-27", "dead", (b, x) -> x.set(b.shadow(), "flags", 0x08)),
        of("I-27", "ref 0 and not cached", (b, x) -> x.set(b.shadow(), "refCount", 0)),
        of("I-29", "swap object without a table", (b, x) -> x.set(b.swapObject(), "pagerData", null)),
        of("I-29", "default object with a table", (b, x) -> x.set(b.swapObject(), "type", ObjectType.DEFAULT)),
        of("I-30", "not OBJ_WRITEABLE", (b, x) -> x.set(b.object(o -> o.handle() == b.file), "flags", 1)),
        of("I-31", "backed by an ended object", (b, x) -> x.set(b.shadow(), "backing", ended(b))),
        of("I-32", "word without pv entry", (b, x) -> x.set(framePage(b, b.space, 99), "pvList", null)),
        of("I-32", "pv entry without word", (b, x) -> b.word(b.space, 99, -1L, 0)),
        of("I-33", "mapped, not flagged", (b, x) -> x.set(framePage(b, b.space, 99), "pvFlags", 0)),
        of("I-34", "another frame", (b, x) -> x.set(b.entry(99), "offset", b.entry(99).offset() + 64)),
        of("I-34", "outside every entry", (b, x) -> x.set(b.entry(200), "end", b.space.at(200))),
        of("I-35", "no right to store", (b, x) -> x.set(b.entry(99), "protection", VmProt.READ)),
        of("I-35", "no right at all", (b, x) -> x.set(b.entry(99), "protection", VmProt.NONE)),
        of("I-35", "needs_copy", (b, x) -> x.set(b.entry(99), "needsCopy", true)),
        of("I-36", "stale TLB entry", InvariantsTest::staleTlb),
        of("I-37", "writable below the top", InvariantsTest::writableBelow),
        of("I-38", "writable through a shadow", InvariantsTest::writableBelow),
        of("I-39", "resident count", (b, x) -> x.add(b.space.vmspace().pmap(), "resident", 1)),
        of("I-39", "wired count", (b, x) -> x.add(b.space.vmspace().pmap(), "wired", 1)),
        of("I-40", "wire_count", (b, x) -> x.set(b.wired(), "wireCount", 2)),
        of("I-40", "wired mapping of a pageable entry", (b, x) -> x.set(b.entry(402), "wiredCount", 0)),
        of("I-44", "vm_swap_size", (b, x) -> x.add(b.swapSpace(), "freePages", 1)),
        of("I-46", "poip", (b, x) -> x.set(b.swapObject().pagerData(), "poip", 1)),
        of("I-47", "swap has other contents", InvariantsTest::otherContents),
        of("I-50", "file is shorter than its object", (b, x) -> x.set(b.file, "size", 64L)),
        of("I-51", "object is not its vnode's", (b, x) -> x.set(b.file, "object", null)),
        of("I-53", "map's size", (b, x) -> x.set(Broken.get(b.space.vmspace().map(), "entries"), "size", 1L)),
        of("I-54", "more than the maximum", (b, x) -> x.set(b.entry(99), "maxProtection", VmProt.READ)),
        of("I-55", "needs_copy without copy_on_write", (b, x) ->
            x.set(b.entry(99), "needsCopy", true).set(b.entry(99), "copyOnWrite", false)));
  }

  /** An active page that says it is cached, and would be fit for it but for one field. */
  private static Broken cached(Bed b, Broken x, String field, Object value) {
    VmPage m = b.active();
    return x.set(m, "queue", VmPage.QUEUE_CACHE).set(m, "dirty", 0).set(m, "pvFlags", 0).set(m, "pvList", null)
        .set(m, field, value);
  }

  private static boolean zero(Bed b, VmPage m) {
    return b.kernel.machine().memory().isZero(m.frame());
  }

  private static VmPage framePage(Bed b, Space s, int page) {
    int frame = s.vmspace().pmap().extract(s.at(page));
    assertThat(frame).isNotNegative();
    return b.kernel.pages().page(frame);
  }

  private static Object emptyHash(Bed b) {
    try {
      var c = Broken.get(b.kernel.pages(), "hash").getClass().getDeclaredConstructors()[0];
      c.setAccessible(true);
      return c.newInstance(b.kernel.domain(), b.kernel.pages().pageCount(), 6);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  private static VmObject ended(Bed b) {
    return b.world.inKernel(
        () -> {
          VmObject o = b.kernel.objects().allocate(ObjectType.DEFAULT, 64);
          o.deallocate();
          return o;
        });
  }

  private static Broken sleeper(Bed b, Broken x) {
    VmPage m = b.resident();
    var actor =
        b.world.start(
            "sleeper",
            () -> {
              b.kernel.domain().sleepQueues().sleepOn(m, null, "forever");
              return null;
            });
    while (noneSleepsOn(b, m)) {
      Thread.onSpinWait();
    }
    return x.mend(
        () -> {
          b.kernel.run("waker", () -> b.kernel.domain().sleepQueues().wakeup(m));
          actor.join();
        });
  }

  private static boolean noneSleepsOn(Bed b, VmPage m) {
    List<KThread> asleep = new ArrayList<>();
    b.kernel.run("look", () -> b.kernel.domain().forEachThread(t -> {
      if (t.sleepChannel() == m) {
        asleep.add(t);
      }
    }));
    return asleep.isEmpty();
  }

  private static Broken staleTlb(Bed b, Broken x) {
    Cpu cpu = b.kernel.machine().cpu(0);
    cpu.switchTo(b.space.vmspace().pmap().table());
    assertThat(cpu.speculateFrom(b.space.at(99))).isTrue();
    Broken w = b.word(b.space, 99, Pte.W, 0);
    return w.mend(() -> cpu.switchTo(null));
  }

  private static Broken writableBelow(Bed b, Broken x) {
    VmPage m = framePage(b, b.child, 200);
    Broken w = b.word(b.child, 200, 0, Pte.W);
    List<VmMapEntry> entries = b.world.inKernel(() -> MapEntries.of(b.child.vmspace().map()));
    VmMapEntry e = MapEntries.find(entries, b.child.at(200));
    VmObject top = b.world.inKernel(() -> b.kernel.objects().allocate(ObjectType.DEFAULT, e.object().size()));
    return w.mend(() -> b.world.inKernel(() -> top.deallocate())) // last
        .set(m, "pvFlags", VmPage.PV_MAPPED | VmPage.PV_WRITEABLE)
        .set(top, "backing", e.object())
        .set(e, "needsCopy", false)
        .set(e, "object", top);
  }

  private static Broken otherContents(Bed b, Broken x) {
    for (int i = 0; i < 100; i++) {
      b.space.read(i);
    }
    b.rest();
    VmPage m = b.page(p -> p.dirty() == 0 && p.object() instanceof VmObject o && o.type() == ObjectType.SWAP
        && b.world.inKernel(() -> has(o, p)));
    long old = b.kernel.machine().memory().load(m.frame(), 3);
    b.kernel.machine().memory().store(m.frame(), 3, old + 1);
    return x.mend(() -> b.kernel.machine().memory().store(m.frame(), 3, old));
  }

  private static boolean has(VmObject o, VmPage m) {
    o.lock.lock();
    try {
      return o.pagerHasLocked(m.offset());
    } finally {
      o.lock.unlock();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @SuppressWarnings("try") // what is broken mends itself at the end of the block
  void brokenKernel_isFound(Case c) {
    try (Bed b = new Bed(Mode.FIXED)) {
      assertThat(b.check()).isEmpty();
      try (Broken broken = c.breaking.apply(b, new Broken())) {
        assertThat(b.check()).anySatisfy(w -> assertThat(w).startsWith(c.invariant + " "));
      }
      assertThat(b.check()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void healthyKernel_isWell(Mode mode) {
    try (Bed b = new Bed(mode)) {
      assertThat(b.check()).isEmpty();
      b.child.write(300, 3);
      b.space.unmap(50, 20);
      b.space.free();
      b.maps.remove(b.space.vmspace().map());
      b.rest();
      assertThat(b.check()).isEmpty();
      b.child.free();
      b.maps.clear();
      b.rest();
      assertThat(b.check()).isEmpty();
      Findings f = new Findings();
      assertThat(Invariants.check(b.kernel, f)).isTrue();
      assertThat(f.isEmpty()).isTrue();
    }
  }

  @Test
  void referencesHeldBesides_areCounted() {
    try (Bed b = new Bed(Mode.FIXED)) {
      VmObject o = b.world.inKernel(() -> b.kernel.objects().allocate(ObjectType.DEFAULT, 64));
      assertThat(b.check()).anySatisfy(w -> assertThat(w).startsWith("I-20"));
      KernelParts with = b.parts.withHolds(Map.of(o, 1));
      assertThat(b.world.<List<String>>inKernel(() -> new Invariants(with).check())).isEmpty();
      b.world.inKernel(o::deallocate);
    }
  }

  @Test
  void aMissedCollapse_isCounted_andNoFinding() {
    try (World w = World.builder().build()) {
      Invariants all = new Invariants(KernelParts.of(w.kernel()));
      assertThat(w.<Integer>inKernel(all::missedCollapses)).isZero();
      w.inKernel(() -> {
        VmObject o = w.kernel().objects().allocate(ObjectType.DEFAULT, 64);
        VmObject shadow = w.kernel().objects().shadow(o, 0, 64);
        assertThat(all.missedCollapses()).isEqualTo(1);
        shadow.deallocate();
        assertThat(all.missedCollapses()).isZero();
      });
    }
  }
}
