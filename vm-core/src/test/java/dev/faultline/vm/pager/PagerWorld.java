package dev.faultline.vm.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.Disk;
import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Pagers over real objects, pages and a real disk, without a fault handler and without a daemon: the test plays their
 * parts, in the kernel on its own thread, which is a strand of the world until the world is closed.
 */
final class PagerWorld implements AutoCloseable {
  static final int PAGE = 64;
  static final int WORDS = PAGE / Long.BYTES;
  private static final ThreadStrands POOL = new ThreadStrands();
  private static final long PATIENCE_SECONDS = 10;

  final Strands strands;
  final Machine machine;
  final SyncDomain domain;
  final ResidentPages pages;
  final VmObjects objects;
  final Disk disk;
  final SwapPager swap;
  final DefaultPager defaultPager;
  final Volume volume;
  final VnodePager vnodes;
  final AtomicInteger daemonStarts = new AtomicInteger();
  private final KThread self;
  private volatile boolean held;
  private final Queue<Throwable> deaths = new ConcurrentLinkedQueue<>();

  /** What a world consists of. */
  static final class Builder {
    private Mode mode = Mode.FIXED;
    private final EnumSet<Defect> defects = EnumSet.copyOf(Defect.defaults());
    private int swapPages = 64;
    private int filePages = 64;
    private int frames = 256;
    private int controls = 10;
    private long tickNanos = 1_000_000;
    private DiskProfile profile = DiskProfile.ZERO;

    Builder mode(Mode m) {
      mode = m;
      return this;
    }

    Builder defect(Defect d) {
      defects.add(d);
      return this;
    }

    Builder swapPages(int n) {
      swapPages = n;
      return this;
    }

    Builder filePages(int n) {
      filePages = n;
      return this;
    }

    Builder frames(int n) {
      frames = n;
      return this;
    }

    Builder controls(int n) {
      controls = n;
      return this;
    }

    Builder disk(DiskProfile p) {
      profile = p;
      return this;
    }

    PagerWorld build() {
      return new PagerWorld(this);
    }
  }

  static Builder builder() {
    return new Builder();
  }

  static PagerWorld of(Mode mode) {
    return builder().mode(mode).build();
  }

  private PagerWorld(Builder b) {
    strands = POOL.world((strand, t) -> deaths.add(t));
    strands.attach("test");
    MachineConfig config = MachineConfig.builder()
        .cpus(1)
        .frames(b.frames)
        .pageSize(PAGE)
        .diskBlocks(8L * (b.swapPages + b.filePages) + 1) // the odd block is neither's: see holdDisk
        .disk(b.profile)
        .tickNanos(b.tickNanos)
        .build();
    machine = new Machine(config, strands);
    disk = machine.disk();
    domain = new SyncDomain(b.mode, strands, machine.clock(), true, 16, Event.count());
    self = new KThread(domain, "test", false);
    pages = new ResidentPages(domain, machine.memory(), Thresholds.forFrames(b.frames), false, 0xdeadL);
    pages.setMappings(new ScriptedMappings());
    pages.freeList().setDaemonStarter(daemonStarts::incrementAndGet);
    objects = new VmObjects(domain, pages, 8, b.defects);
    swap = new SwapPager(objects, disk, b.swapPages, b.defects, b.controls);
    defaultPager = new DefaultPager(swap);
    volume = new Volume(domain, disk, PAGE, b.swapPages * 8L);
    vnodes = new VnodePager(objects, volume, b.defects);
    objects.setPager(ObjectType.DEFAULT, defaultPager);
    objects.setPager(ObjectType.SWAP, swap);
    objects.setPager(ObjectType.VNODE, vnodes);
    objects.setSwapTransfer(swap);
    objects.setCleaner(new PageoutClean(objects));
    domain.token().enter();
  }

  /** Mappings as far as pagers ask for them: a test says by {@code pvList} whether M is set. */
  private static final class ScriptedMappings implements PageMappings {
    @Override
    public void protect(VmPage m, int prot) {
      if (prot == VmProt.NONE) {
        if (isModified(m)) {
          m.orDirty(VmPage.ALL_CHUNKS);
        }
        m.pvList = null;
        m.pvFlags = 0;
      } else if ((prot & VmProt.WRITE) == 0) {
        m.pvFlags &= ~VmPage.PV_WRITEABLE;
      }
    }

    @Override
    public boolean isModified(VmPage m) {
      return "M".equals(m.pvList);
    }

    @Override
    public void clearModify(VmPage m) {
      m.pvList = "";
    }

    @Override
    public boolean isReferenced(VmPage m) {
      return false;
    }

    @Override
    public void clearReference(VmPage m) {}
  }

  /** Makes a page mapped, as by a store through a writable mapping. */
  void mapModified(VmPage m) {
    m.pvFlags = VmPage.PV_MAPPED | VmPage.PV_WRITEABLE;
    m.pvList = "M";
  }

  // ----------------------------------------------------------------------------------------------------- other threads

  /** A strand that runs kernel code. */
  final class Running {
    private final Strand strand;
    private final String name;
    private final AtomicBoolean done = new AtomicBoolean();
    private volatile KThread thread;

    Running(String name, boolean daemon, Runnable body) {
      this.name = name;
      strand = strands.start(name, () -> {
        KThread t = new KThread(domain, name, daemon);
        thread = t;
        domain.token().enter();
        try {
          body.run();
        } finally {
          domain.token().leave();
        }
        t.end();
        done.set(true);
      });
    }

    boolean isDone() {
      return done.get();
    }

    /** Waits until the strand sleeps in the kernel for the reason that {@code tag} names. */
    Running untilAsleep(String tag) {
      outside(() -> await()
          .pollInSameThread()
          .pollInterval(Duration.ofMillis(1))
          .atMost(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .until(() -> {
            rethrow();
            KThread t = thread;
            return t != null && tag.equals(t.sleepTag()) && t.sleepChannel() != null;
          }));
      return this;
    }

    void join() {
      outside(() -> {
        boolean ended = strands.join(strand, TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS));
        rethrow();
        assertThat(ended).as("%s ends; it sleeps on %s", name, thread == null ? null : thread.sleepTag()).isTrue();
      });
    }
  }

  Running start(String name, Runnable body) {
    return new Running(name, false, body);
  }

  Running startDaemon(Runnable body) {
    return new Running("pagedaemon", true, body);
  }

  /** Nothing that is submitted from here on completes before {@link #releaseDisk}. For disks that work in order. */
  void holdDisk() {
    held = true;
    DiskRequest gate = new DiskRequest();
    gate.write = true;
    gate.block = disk.blocks() - 1;
    gate.blockCount = 1;
    gate.frames = new int[1];
    gate.frameCount = 1;
    gate.callback = () -> {
      while (held) {
        Strand.current().parkNanos(200_000);
      }
    };
    disk.submit(gate);
  }

  void releaseDisk() {
    held = false;
  }

  /** Leaves the kernel while {@code body} runs, so that others get in, in UP mode. */
  void outside(Runnable body) {
    domain.token().leave();
    try {
      body.run();
    } finally {
      domain.token().enter();
    }
  }

  void until(Supplier<Boolean> condition) {
    outside(() -> await()
        .pollInSameThread()
        .pollInterval(Duration.ofMillis(1))
        .atMost(PATIENCE_SECONDS, TimeUnit.SECONDS)
        .until(() -> {
          rethrow();
          return condition.get();
        }));
  }

  private void rethrow() {
    Throwable t = deaths.peek();
    if (t != null) {
      throw new AssertionError("a strand died: " + t, t);
    }
  }

  // ------------------------------------------------------------------------------------------------------- the faulter

  /** What the test stores in a word of a page. */
  static long pattern(long seed, int word) {
    return seed * 1_000_003 + word;
  }

  VmPage lookup(VmObject o, int index) {
    o.lock.lock();
    try {
      return pages.lookup(o, (long) index * PAGE);
    } finally {
      o.lock.unlock();
    }
  }

  /** Makes a resident dirty page of (o, index), or stores anew to the one that there is; it ends inactive. */
  VmPage store(VmObject o, int index, long seed) {
    o.lock.lock();
    try {
      VmPage m = pages.lookup(o, (long) index * PAGE);
      if (m == null) {
        m = pages.alloc(o, (long) index * PAGE, AllocClass.SYSTEM);
        assertThat(m).as("a frame").isNotNull();
        m.setValid(VmPage.ALL_CHUNKS);
        m.clearZero();
        pages.wakeup(m);
        pages.queues().deactivate(m);
      }
      assertThat(m.isBusyAnyway()).isFalse();
      for (int w = 0; w < WORDS; w++) {
        machine.memory().store(m.frame(), w, pattern(seed, w));
      }
      m.orDirty(VmPage.ALL_CHUNKS);
      return m;
    } finally {
      o.lock.unlock();
    }
  }

  /** Frees a clean idle page, as the scan does. */
  void evict(VmObject o, int index) {
    o.lock.lock();
    try {
      VmPage m = pages.lookup(o, (long) index * PAGE);
      assertThat(m).isNotNull();
      assertThat(m.dirty()).as("dirty chunks of page %d, which is to be evicted", index).isZero();
      pages.mappings().protect(m, VmProt.NONE);
      pages.free(m);
    } finally {
      o.lock.unlock();
    }
  }

  void evict(VmObject o, int from, int to) {
    for (int i = from; i < to; i++) {
      evict(o, i);
    }
  }

  /** Pages busied by the test, with one pip, ready for getPages. */
  VmPage[] placeholders(VmObject o, int from, int to) {
    o.lock.lock();
    try {
      o.pipUp(1);
      VmPage[] ms = new VmPage[to - from];
      for (int i = from; i < to; i++) {
        ms[i - from] = pages.alloc(o, (long) i * PAGE, AllocClass.SYSTEM);
        assertThat(ms[i - from]).as("a frame").isNotNull();
        ms[i - from].clearZero();
      }
      return ms;
    } finally {
      o.lock.unlock();
    }
  }

  /**
   * Reads a page in, with placeholders for [from, to) around it, and gives up what getPages leaves busy: on OK the page
   * becomes active, else it is freed.
   */
  PagerReturn get(VmObject o, int index, int from, int to) {
    VmPage[] ms = placeholders(o, from, to);
    return get(o, ms, index - from);
  }

  PagerReturn get(VmObject o, VmPage[] ms, int req) {
    ObjectType type = o.type();
    PagerReturn r = objects.pager(type).getPages(o, ms, ms.length, req);
    o.lock.lock();
    try {
      VmPage m = ms[req];
      assertThat(m.isBusyBy(KThread.current())).as("requested page still busy by the caller").isTrue();
      assertThat(m.object()).isSameAs(o);
      if (r == PagerReturn.OK) {
        assertThat(m.isWhollyValid()).isTrue();
        pages.queues().activate(m);
        pages.wakeup(m);
      } else {
        pages.freeBusy(m);
      }
      o.pipDown(1);
    } finally {
      o.lock.unlock();
    }
    return r;
  }

  PagerReturn get(VmObject o, int index) {
    return get(o, index, index, index + 1);
  }

  void assertContents(VmObject o, int index, long seed) {
    VmPage m = lookup(o, index);
    assertThat(m).as("page %d resident", index).isNotNull();
    for (int w = 0; w < WORDS; w++) {
      assertThat(machine.memory().load(m.frame(), w)).as("word %d of page %d", w, index).isEqualTo(pattern(seed, w));
    }
  }

  // ----------------------------------------------------------------------------------------------------- the launderer

  /** Makes pages busy and write-protected, with a pip each, ready for putPages. */
  VmPage[] claim(VmObject o, int... indexes) {
    VmPage[] ms = new VmPage[indexes.length];
    o.lock.lock();
    try {
      for (int i = 0; i < indexes.length; i++) {
        VmPage m = pages.lookup(o, (long) indexes[i] * PAGE);
        assertThat(m).isNotNull();
        m.setBusy(KThread.current());
        pages.mappings().protect(m, VmProt.READ);
        ms[i] = m;
      }
      o.pipUp(ms.length);
    } finally {
      o.lock.unlock();
    }
    return ms;
  }

  /** Writes pages out as vm_pageout_clean does, short of reacting to the codes. */
  PagerReturn[] put(VmObject o, boolean sync, int... indexes) {
    VmPage[] ms = claim(o, indexes);
    PagerReturn[] results = new PagerReturn[ms.length];
    objects.pager(o.type()).putPages(o, ms, ms.length, sync, results);
    o.lock.lock();
    try {
      for (int i = 0; i < ms.length; i++) {
        if (results[i] != PagerReturn.PEND) {
          assertThat(ms[i].isBusyBy(KThread.current())).as("page %d still busy by the caller", indexes[i]).isTrue();
          pages.wakeup(ms[i]);
          o.pipDown(1);
        }
      }
    } finally {
      o.lock.unlock();
    }
    return results;
  }

  /** Finishes pageouts, as the daemon would, until none is under way. */
  void drain() {
    until(() -> {
      domain.token().enter();
      try {
        swap.sync();
        return !swap.isBusy();
      } finally {
        domain.token().leave();
      }
    });
  }

  boolean has(VmObject o, int index) {
    return objects.pager(o.type()).hasPage(o, o.pagingOffset() + (long) index * PAGE, new Extent());
  }

  Extent extent(VmObject o, int index) {
    Extent e = new Extent();
    assertThat(objects.pager(o.type()).hasPage(o, o.pagingOffset() + (long) index * PAGE, e)).isTrue();
    return e;
  }

  long events(Event e) {
    return domain.events(e.ordinal());
  }

  VmObject anonymous(int pageCount) {
    return objects.allocate(ObjectType.DEFAULT, (long) pageCount * PAGE);
  }

  /** Writes pages out and waits, all codes OK. */
  void putOk(VmObject o, int... indexes) {
    assertThat(put(o, true, indexes)).containsOnly(PagerReturn.OK);
  }

  @Override
  public void close() {
    boolean failed = false;
    releaseDisk();
    try {
      rethrow();
      until(() -> disk.idle() && !swap.isBusy());
      swap.checkInvariants(true);
      vnodes.checkInvariants();
      objects.forEach(o -> {
        assertThat(o.pip()).as("I-21 %s", o).isZero();
        for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
          assertThat(m.isBusyAnyway() || m.isWanted()).as("I-13 %s", m).isFalse();
        }
      });
    } catch (Throwable t) {
      failed = true;
      throw t;
    } finally {
      domain.token().leave();
      if (!failed) {
        self.end();
      }
      machine.close();
      strands.detach();
    }
  }
}
