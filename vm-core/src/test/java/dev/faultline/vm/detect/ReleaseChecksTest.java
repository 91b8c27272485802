package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

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
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KMutex;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each check at the release of a lock fires on a kernel that is broken when the lock is let go, and on no other. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class ReleaseChecksTest {
  private static final int TURNS = 64; // more than the rarest check wants

  private final Findings findings = new Findings(1 << 16, null);

  private World world(World.Builder b) {
    World w = b.build();
    new ReleaseChecks(w.kernel(), findings, 1).install();
    return w;
  }

  /** Lets a lock go some times while something is broken, and some times when it is mended. */
  private void expect(World w, String number, Broken broken, Runnable release) {
    int before = findings.count();
    try (broken) {
      w.inKernel(() -> turns(release));
    }
    assertThat(findings.list().stream().skip(before).map(Finding::invariant)).as(number).contains(number);
    int after = findings.count();
    w.inKernel(() -> turns(release));
    assertThat(findings.count()).as("%s, mended: %s", number, findings).isEqualTo(after);
  }

  private static void turns(Runnable release) {
    for (int i = 0; i < TURNS; i++) {
      release.run();
    }
  }

  private static Runnable cycle(KMutex m) {
    return () -> {
      m.lock();
      m.unlock();
    };
  }

  private static VmPage page(World w, VmObject o) {
    return w.inKernel(() -> {
      o.lock.lock();
      VmPage m = w.kernel().pages().lookup(o, 0);
      o.lock.unlock();
      return m;
    });
  }

  @Test
  @SuppressWarnings("try")
  void brokenObject_isFound() {
    World w = world(World.builder());
    Space s = w.space().mapSwap(0, 4);
    s.write(0, 7);
    VmObject o = s.object(0);
    VmPage m = page(w, o);
    Runnable release = cycle(o.lock);
    assertThat(findings.list()).isEmpty();
    expect(w, "I-10", new Broken().add(o, "residentPageCount", 1), release);
    expect(w, "I-9", new Broken().set(m, "offset", 64L), release);
    expect(w, "I-14", new Broken().set(m, "flags", VmPage.TABLED | VmPage.WANTED), release);
    expect(w, "I-16", new Broken().set(m, "zero", true), release);
    expect(w, "I-17", new Broken().set(m, "valid", 0x0f), release);
    expect(w, "I-22", new Broken().add(o, "pip", 1), release);
    expect(w, "I-26", new Broken().set(o, "size", 0L), release);
    expect(w, "I-27", new Broken().set(o, "cached", true), release);
    expect(w, "I-29", new Broken().set(o, "pagerData", null), release);
    expect(w, "I-24", new Broken().set(o, "backing", o), release);
    VmObject[] shadow = new VmObject[1];
    w.inKernel(() -> {
      o.reference();
      shadow[0] = w.kernel().objects().shadow(o, 0, 64);
    });
    expect(w, "I-25", new Broken().set(o, "shadowHead", null), cycle(shadow[0].lock));
    w.inKernel(shadow[0]::deallocate);
    w.inKernel(() -> {
      o.lock.lock();
      m.setBusy("a transfer", HoldReason.PAGEOUT);
      o.lock.unlock();
    });
    assertThat(findings.list()).anySatisfy(f -> assertThat(f.message()).startsWith("I-23 page busy for a pageout"));
  }

  @Test
  @SuppressWarnings("try")
  void brokenFile_isFound() {
    World w = world(World.builder());
    Vnode v = w.inKernel(() -> w.kernel().volume().create("f", 128, 1));
    Space s = w.space().mapFile(v, 0, 0, 2);
    s.write(0, 7);
    VmObject o = s.object(0);
    assertThat(o.type()).isEqualTo(ObjectType.VNODE);
    expect(w, "I-30", new Broken().set(o, "flags", 1), cycle(o.lock));
    VmObject other = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, 64));
    expect(w, "I-51", new Broken().set(v, "object", other), cycle(v.interlock()));
  }

  @Test
  @SuppressWarnings("try")
  void brokenQueues_areFound() {
    World w = world(World.builder());
    Space s = w.space().mapSwap(0, 4);
    s.write(0, 7);
    VmPage m = page(w, s.object(0));
    Object queues = w.kernel().pages().queues();
    Object free = w.kernel().pages().freeList();
    Runnable q = cycle(w.kernel().pages().queues().lock);
    expect(w, "I-7", new Broken().add(free, "cacheCount", 1), q);
    expect(w, "I-8", new Broken().add(queues, "wireCount", -1), q);
    expect(w, "I-2", new Broken().set(m, "queue", VmPage.QUEUE_INACTIVE), q);
    expect(w, "I-5", new Broken().set(Broken.get(queues, "cache"), "head", m).set(m, "queue", VmPage.QUEUE_CACHE), q);
    expect(w, "I-7", new Broken().add(free, "freeCount", 1), cycle(w.kernel().pages().freeList().lock));
    expect(w, "I-33", new Broken().set(m, "pvFlags", 0), () -> {
      w.kernel().pmaps().wiredMappings(m);
    });
  }

  @Test
  @SuppressWarnings("try")
  void brokenSwap_isFound() {
    World w = world(World.builder());
    Space s = w.space().mapSwap(0, 4);
    s.write(0, 7);
    VmObject o = s.object(0);
    Object space = Broken.get(w.kernel().swapPager(), "space");
    expect(w, "I-44", new Broken().add(space, "spare", 1), () -> {
      o.lock.lock();
      w.kernel().swapPager().freeSpace(o, 0, 0);
      o.lock.unlock();
    });
  }

  @Test
  @SuppressWarnings("try")
  void brokenMap_isFound() {
    World w = world(World.builder());
    Space s = w.space().mapSwap(0, 4);
    s.write(0, 7);
    VmMap map = s.vmspace().map();
    VmMapEntry e = w.inKernel(() -> {
      map.lockWrite();
      VmMapEntry[] x = new VmMapEntry[1];
      map.forEachEntryHeld(y -> x[0] = y);
      map.unlock();
      return x[0];
    });
    Runnable release = () -> {
      map.lockWrite();
      map.unlock();
    };
    expect(w, "I-53", new Broken().set(e, "end", e.start()), release);
    expect(w, "I-54", new Broken().set(e, "maxProtection", 0), release);
    expect(w, "I-55", new Broken().set(e, "needsCopy", true), release);
    expect(w, "I-37", new Broken().set(e, "needsCopy", true).set(e, "copyOnWrite", true), release);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void healthyKernel_isWellAtEveryRelease(Mode mode) {
    World w = world(World.builder().mode(mode).frames(48).swapPages(512));
    Space a = w.space().mapSwap(0, 60).mapZero(100, 8);
    Space b = w.space().mapSwap(0, 60);
    Vnode v = w.inKernel(() -> w.kernel().volume().create("f", 64 * 20, 1));
    a.mapFile(v, 0, 200, 20);
    b.mapPrivate(v, 0, 200, 20);
    AtomicBoolean stop = new AtomicBoolean();
    w.start("a", () -> run(a, stop));
    w.start("b", () -> run(b, stop));
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(1500);
    while (System.nanoTime() < end && findings.isEmpty() && w.kernel().death() == null) {
      Space child = a.fork();
      child.fault(3, VmProt.WRITE); // no store past the MMU: the page may be gone again by then
      child.free();
    }
    stop.set(true);
    assertThat(findings.list()).isEqualTo(List.of());
    w.close();
  }

  private static @Nullable Object run(Space s, AtomicBoolean stop) {
    for (int i = 0; !stop.get(); i++) {
      s.faultHere(i * 7 % 60, 1 + 2 * (i & 1));
      s.faultHere(200 + i % 20, 1 + 2 * (i & 1));
    }
    return null;
  }
}
