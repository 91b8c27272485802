package dev.faultline.vm.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.awaitility.Awaitility;

/**
 * Maps over real objects, pages and pmaps, without a fault handler: the test plays its part. The thread that makes the
 * world is a strand of it until it closes it, but enters the kernel on other strands, for which it waits with a limit.
 */
final class MapWorld implements AutoCloseable {
  static final int PAGE = 64;
  private static final int FRAMES = 1024;
  static final long MIN = 16 * PAGE;
  private final AtomicReference<Throwable> firstDeath = new AtomicReference<>(); // of any strand
  static final long MAX = 4096 * PAGE;

  private static final ThreadStrands POOL = new ThreadStrands();
  private static final long PATIENCE_SECONDS = 30;

  final Strands strands;
  final Machine machine;
  final SyncDomain domain;
  final ResidentPages pages;
  final PmapModule pmaps;
  final VmObjects objects;
  final FakeWiring wiring = new FakeWiring();
  final VmMaps maps;
  private final KThread self;
  private boolean closed;

  MapWorld(Mode mode) {
    this(mode, Defect.defaults());
  }

  MapWorld(Mode mode, Set<Defect> defects) {
    strands = POOL.world((strand, t) -> {
      throw new AssertionError(strand + " died", t);
    });
    strands.attach("test");
    MachineConfig config = MachineConfig.builder().cpus(2).frames(FRAMES).pageSize(PAGE).diskBlocks(0).build();
    machine = new Machine(config, strands);
    domain = new SyncDomain(mode, strands, machine.clock(), true, 16, Event.count());
    self = new KThread(domain, "test", false);
    pages = new ResidentPages(domain, machine.memory(), Thresholds.forFrames(FRAMES), false, 0);
    pmaps = new PmapModule(domain, machine, pages, defects);
    pages.setMappings(pmaps);
    objects = new VmObjects(domain, pages, 8, defects);
    objects.setPager(ObjectType.VNODE, new NoPager());
    maps = new VmMaps(objects, pmaps, defects);
    maps.setWiring(wiring);
  }

  /** Runs {@code body} in the kernel: on a strand of its own, so that the test outlives it should it never return. */
  <T> T in(Supplier<T> body) {
    if (Strand.current() != self.strand()) {
      return kernel(body);
    }
    AtomicReference<T> result = new AtomicReference<>();
    start("test's", () -> result.set(body.get())).join(3 * PATIENCE_SECONDS); // it may itself wait for others
    return result.get();
  }

  void in(Runnable body) {
    in(() -> {
      body.run();
      return null;
    });
  }

  private <T> T kernel(Supplier<T> body) {
    domain.token().enter();
    try {
      T result = body.get();
      assertThat(KThread.current().mapLocksHeld).as("I-57 map locks held at the return to user mode").isZero();
      return result;
    } finally {
      domain.token().leave();
    }
  }

  /** A strand that runs kernel code. */
  final class Running {
    private final Strand strand;
    private final AtomicReference<Throwable> death = new AtomicReference<>();
    private volatile KThread thread;

    Running(String name, Runnable body) {
      strand = strands.start(name, () -> {
        try {
          KThread t = new KThread(domain, name, false);
          thread = t;
          kernel(() -> {
            body.run();
            return null;
          });
          t.end();
        } catch (Throwable e) {
          death.set(e);
          firstDeath.compareAndSet(null, e); // it may have left a lock held, for which others wait
        }
      });
    }

    /** Waits until the strand sleeps in the kernel for the reason that {@code tag} names. */
    Running untilAsleep(String tag) {
      MapWorld.this.await(() -> {
        KThread t = thread;
        return death.get() != null || (t != null && tag.equals(t.sleepTag()) && t.sleepChannel() != null);
      });
      rethrow();
      return this;
    }

    boolean sleepsOn(Channel channel) {
      KThread t = thread;
      return t != null && t.sleepChannel() == channel;
    }

    /** Waits for the strand's end; what it died of is thrown here. */
    void join() {
      join(PATIENCE_SECONDS);
    }

    private void join(long seconds) {
      boolean ended = strands.join(strand, TimeUnit.SECONDS.toNanos(seconds));
      rethrow();
      Throwable first = firstDeath.get();
      if (!ended && first != null) {
        throw new AssertionError(strand + " does not end, another strand died", first);
      }
      KThread t = thread;
      assertThat(ended).as("strand %s ends; it sleeps on %s", strand, t == null ? null : t.sleepTag()).isTrue();
    }

    private void rethrow() {
      Throwable t = death.get();
      if (t instanceof Error e) {
        throw e;
      } else if (t instanceof RuntimeException e) {
        throw e;
      }
    }
  }

  /** Waits until {@code condition} holds; outside the kernel, so that others may get in. */
  void await(Callable<Boolean> condition) {
    outside(() -> Awaitility.await().pollInSameThread().pollInterval(Duration.ofMillis(1))
        .atMost(PATIENCE_SECONDS, TimeUnit.SECONDS).until(condition));
  }

  /** Runs {@code body} outside the kernel, if the caller is in it: without the token, in UP mode; locks are kept. */
  void outside(Runnable body) {
    boolean inside = Strand.current() != self.strand();
    if (inside) {
      domain.token().leave();
    }
    try {
      body.run();
    } finally {
      if (inside) {
        domain.token().enter();
      }
    }
  }

  Running start(String name, Runnable body) {
    return new Running(name, body);
  }

  Vmspace space() {
    return in(() -> new Vmspace(maps, "space", MIN, MAX));
  }

  VmObject object(long pageCount) {
    return objects.allocate(ObjectType.DEFAULT, pageCount * PAGE);
  }

  VmObject file(long pageCount, FakeVnode vnode) {
    return objects.allocate(ObjectType.VNODE, pageCount * PAGE, vnode, null, vnode);
  }

  /** Makes a valid, active page of an object resident. In the kernel. */
  VmPage resident(VmObject o, long offset) {
    o.lock.lock();
    try {
      return residentLocked(o, offset);
    } finally {
      o.lock.unlock();
    }
  }

  private VmPage residentLocked(VmObject o, long offset) {
    VmPage m = pages.alloc(o, offset, AllocClass.NORMAL);
    assertThat(m).isNotNull();
    pages.zeroFill(m);
    m.setValid(VmPage.ALL_CHUNKS);
    pages.wakeup(m);
    pages.queues().activate(m);
    return m;
  }

  /** What a fault does without waiting for memory or a pager: looks up, makes the page resident, enters it. */
  KernReturn touch(VmMap map, long va, int type) {
    MapLookup r = new MapLookup();
    KernReturn code = map.lookup(r, va, type);
    if (code != KernReturn.SUCCESS) {
      return code;
    }
    VmObject o = r.object();
    o.lock.lock();
    VmPage m = pages.lookup(o, r.offset);
    if (m != null && m.isBusyAnyway()) { // another touches it
      o.pipUp(1); // keeps the object
      o.lock.unlock();
      map.lookupDone(r);
      o.lock.lock();
      if (pages.lookup(o, r.offset) == m && m.isBusyAnyway()) {
        m.setWanted();
        domain.sleepQueues().sleepOn(m, o.lock, "touch");
        o.lock.lock();
      }
      o.pipDown(1);
      o.lock.unlock();
      return touch(map, va, type);
    }
    if (m == null) {
      m = residentLocked(o, r.offset);
    }
    m.setBusy(KThread.current());
    o.lock.unlock();
    r.pmap().enter(va, m, r.prot, false);
    o.lock.lock();
    pages.wakeup(m);
    o.lock.unlock();
    map.lookupDone(r);
    return code;
  }

  /** Returns the page table word of an address, 0 if there is none. */
  static long pte(Pmap pmap, long va) {
    PageTable table = pmap.table();
    PageTable.Leaf leaf = table.leaf(va);
    long word = leaf == null ? 0 : leaf.get(table.index(va));
    return (word & Pte.V) == 0 ? 0 : word;
  }

  static boolean isMapped(Pmap pmap, long va) {
    return pte(pmap, va) != 0;
  }

  static boolean isWritable(Pmap pmap, long va) {
    return (pte(pmap, va) & Pte.W) != 0;
  }

  static List<VmMapEntry> entries(VmMap map) {
    List<VmMapEntry> list = new ArrayList<>();
    for (VmMapEntry e = map.entries.first(); e != map.entries.header; e = e.next) {
      list.add(e);
    }
    return list;
  }

  static long at(long page) {
    return MIN + page * PAGE;
  }

  /** Stands for the lock of a file. */
  static final class FakeVnode implements ChainVnode {
    int depth;
    boolean everLocked;

    @Override
    public void lock() {
      depth++;
      everLocked = true;
    }

    @Override
    public boolean tryLock() {
      lock();
      return true;
    }

    @Override
    public void unlock() {
      depth--;
    }
  }

  private static final class NoPager implements Pager {
    @Override
    public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
      return PagerReturn.FAIL;
    }

    @Override
    public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
      throw new AssertionError("nothing is written here");
    }

    @Override
    public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
      return false;
    }

    @Override
    public boolean hasPageLocked(VmObject o, long pagerOffset) {
      return false;
    }

    @Override
    public void dealloc(VmObject o) {}
  }

  /** Records what it is asked to wire; fails at an address. */
  final class FakeWiring implements Wiring {
    final List<String> calls = new ArrayList<>();
    long failAt = -1;
    boolean killed;
    Runnable during = () -> {};

    private String range(long start, long end) {
      return (start - MIN) / PAGE + "-" + (end - MIN) / PAGE;
    }

    @Override
    public KernReturn wire(VmMap map, long start, long end) {
      calls.add("wire " + range(start, end));
      during.run();
      return failAt >= start && failAt < end ? KernReturn.PROTECTION_FAILURE : KernReturn.SUCCESS;
    }

    @Override
    public void unwire(VmMap map, long start, long end) {
      assertThat(map.lock.isWriteHeld()).isTrue();
      calls.add("unwire " + range(start, end));
    }

    @Override
    public boolean copyEntry(VmMap dstMap, VmMap srcMap, VmMapEntry dst, VmMapEntry src) {
      calls.add("copy " + range(src.start, src.end));
      dst.setObject(objects.allocate(ObjectType.DEFAULT, dst.end - dst.start), 0);
      return !killed;
    }
  }

  /**
   * Checks what must hold when nobody is in the kernel, frees the address spaces, checks that nothing is left, and ends
   * the world.
   */
  void finish(List<Vmspace> spaces) {
    try (this) {
      in(() -> {
        for (Vmspace s : spaces) {
          assertThat(s.map().isIdle()).as("lock of %s after the test", s).isTrue();
        }
        maps.checkInvariants(spaces.stream().map(Vmspace::map).toList());
        pmaps.checkInvariants(finding -> {
          throw new AssertionError(finding);
        });
        spaces.forEach(Vmspace::free);
        objects.trimCache(0);
      });
      assertThat(objects.objectCount()).as("objects that outlive everybody").isZero();
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      self.end();
    } finally {
      strands.detach();
      machine.close();
    }
  }
}
