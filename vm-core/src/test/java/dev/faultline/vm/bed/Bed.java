package dev.faultline.vm.bed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.object.ObjectAudit;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.PageAudit;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The lower half of a kernel on a tiny machine: locks with their witness, sleep queues, pages and objects. Mappings,
 * swap, cleaner and vnodes are stubs.
 *
 * <p>The thread that makes a bed is a kernel thread of it until it closes it. Closing waits for the actors and checks
 * that nothing is held, busy or torn.
 */
public final class Bed implements AutoCloseable {
  public static final int PAGE = 64;

  private static final ThreadStrands POOL = new ThreadStrands();
  private static final long PATIENCE_NANOS = 20_000_000_000L;

  public final Strands strands;
  public final Machine machine;
  public final SyncDomain domain;
  public final ResidentPages pages;
  public final FreeList freeList;
  public final VmPageQueues queues;
  public final VmObjects objects;
  public final StubMappings mappings;
  public final StubSwap swap;
  public final StubCleaner cleaner;
  public final KThread self;
  private final Queue<Throwable> deaths = new ConcurrentLinkedQueue<>();
  private final List<Actor> actors = new ArrayList<>();
  private boolean checked = true;

  private Bed(Builder b) {
    strands = POOL.world((strand, t) -> deaths.add(t));
    if (Strand.currentOrNull() != null) { // left by a test that failed while it set up: one failure is enough
      strands.detach();
    }
    Strand me = strands.attach("test");
    MachineConfig config =
        MachineConfig.builder()
            .cpus(1)
            .frames(b.frames)
            .pageSize(PAGE)
            .diskBlocks(0)
            .tickNanos(b.tickNanos)
            .stamps(true)
            .build();
    machine = new Machine(config, strands);
    domain = new SyncDomain(b.mode, b.defects, strands, machine.clock(), true, b.sleepBuckets, Event.count());
    self = new KThread(domain, "test", false);
    assertThat(me.context).isSameAs(self);
    Thresholds t = b.thresholds != null ? b.thresholds : Thresholds.forFrames(b.frames);
    pages = new ResidentPages(domain, machine.memory(), t, true, 0x5EADL);
    mappings = new StubMappings(domain, pages);
    pages.setMappings(mappings);
    freeList = pages.freeList();
    queues = pages.queues();
    objects = new VmObjects(domain, pages, b.cacheMax, b.defects);
    swap = new StubSwap(pages);
    objects.setPager(ObjectType.DEFAULT, swap);
    objects.setPager(ObjectType.SWAP, swap);
    objects.setPager(ObjectType.VNODE, new StubFiles());
    objects.setSwapTransfer(swap);
    cleaner = new StubCleaner(pages);
    objects.setCleaner(cleaner);
  }

  /** Returns a builder: FIXED, 64 frames, no object cache. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a bed of so many frames. */
  public static Bed of(int frames) {
    return builder().frames(frames).build();
  }

  /** Collects what a bed consists of. */
  public static final class Builder {
    private Mode mode = Mode.FIXED;
    private int frames = 64;
    private int cacheMax;
    private int sleepBuckets = 2; // so that channels share them
    private long tickNanos = 1_000_000;
    private @Nullable Thresholds thresholds;
    private Set<Defect> defects = EnumSet.noneOf(Defect.class);

    private Builder() {}

    public Builder mode(Mode m) {
      mode = m;
      return this;
    }

    public Builder frames(int n) {
      frames = n;
      return this;
    }

    public Builder cacheMax(int n) {
      cacheMax = n;
      return this;
    }

    public Builder sleepBuckets(int n) {
      sleepBuckets = n;
      return this;
    }

    public Builder tickNanos(long n) {
      tickNanos = n;
      return this;
    }

    /** Sets interrupt_free_min to free_target; the other thresholds follow from the number of frames. */
    public Builder thresholds(int interrupt, int pageout, int reserved, int min, int target) {
      thresholds = new Thresholds(interrupt, pageout, reserved, min, target, 0, 0, frames / 4, frames / 3);
      return this;
    }

    public Builder defects(Set<Defect> d) {
      defects = d;
      return this;
    }

    public Bed build() {
      return new Bed(this);
    }
  }

  /** A kernel thread beside the test, on a strand of its own. */
  public final class Actor {
    private final Strand strand;
    private volatile @Nullable KThread thread;

    private Actor(String name, boolean daemon, Runnable body) {
      strand =
          strands.start(
              name,
              () -> {
                KThread t = new KThread(domain, name, daemon);
                thread = t;
                domain.token().enter();
                try {
                  body.run();
                } finally {
                  domain.token().leave();
                }
                t.end();
              });
    }

    public boolean isDone() {
      return strands.join(strand, 0);
    }

    /** Waits for the actor's end. */
    public void join() {
      boolean ended = strands.join(strand, PATIENCE_NANOS);
      assertThat(deaths).as("deaths of strands").isEmpty();
      assertThat(ended).as("%s ends; it sleeps on %s", strand, thread == null ? null : thread.sleepChannel()).isTrue();
    }

    /** Returns the actor's kernel thread, once it runs. */
    public @Nullable KThread thread() {
      return thread;
    }

    /** Returns whether the actor sleeps on {@code channel}. */
    public boolean sleepsOn(Channel channel) {
      KThread t = thread;
      return t != null && t.sleepChannel() == channel;
    }

    @Override
    public String toString() {
      return strand.toString();
    }
  }

  /** Starts an actor. */
  public Actor start(String name, Runnable body) {
    Actor a = new Actor(name, false, body);
    actors.add(a);
    return a;
  }

  /** Starts an actor that is the page daemon. */
  public Actor startDaemon(Runnable body) {
    Actor a = new Actor("pagedaemon", true, body);
    actors.add(a);
    return a;
  }

  /** Starts an actor and waits until it sleeps on {@code channel}. */
  public Actor startAsleep(String name, Channel channel, Runnable body) {
    Actor a = start(name, body);
    until(name + " sleeps on " + channel, () -> a.sleepsOn(channel));
    return a;
  }

  /** Waits until {@code condition} holds; it is asked by the test's own thread. */
  public void until(String what, BooleanSupplier condition) {
    await(what)
        .pollInSameThread()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofNanos(50_000))
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              assertThat(deaths).as("deaths of strands").isEmpty();
              return condition.getAsBoolean();
            });
  }

  /** Returns how many threads sleep on {@code channel}. */
  public int sleepers(Channel channel) {
    AtomicInteger n = new AtomicInteger();
    domain.forEachThread(
        t -> {
          if (t.sleepChannel() == channel) {
            n.incrementAndGet();
          }
        });
    return n.get();
  }

  /** Makes a DEFAULT object of so many pages. */
  public VmObject object(int size) {
    return objects.allocate(ObjectType.DEFAULT, (long) size * PAGE);
  }

  /** Makes the object of a file of so many pages. */
  public VmObject file(StubVnode v, int size) {
    return objects.allocate(ObjectType.VNODE, (long) size * PAGE, v, null, v);
  }

  /** Gives {@code o} a page at index {@code i}, busy by the caller and invalid. */
  public VmPage allocBusy(VmObject o, int i) {
    o.lock.lock();
    try {
      VmPage m = pages.alloc(o, (long) i * PAGE, AllocClass.INTERRUPT);
      assertThat(m).isNotNull();
      return m;
    } finally {
      o.lock.unlock();
    }
  }

  /** Gives {@code o} an idle, valid, dirty, active page at index {@code i}, whose first word is {@code word}. */
  public VmPage put(VmObject o, int i, long word) {
    VmPage m = allocBusy(o, i);
    o.lock.lock();
    try {
      pages.zeroFill(m);
      machine.memory().store(m.frame(), 0, word);
      m.clearZero();
      m.setValid(VmPage.ALL_CHUNKS);
      m.orDirty(VmPage.ALL_CHUNKS);
      queues.activate(m);
      pages.wakeup(m);
    } finally {
      o.lock.unlock();
    }
    return m;
  }

  /** As {@link #put}, and then makes the page clean and puts it on the cache queue. */
  public VmPage putCached(VmObject o, int i, long word) {
    VmPage m = put(o, i, word);
    o.lock.lock();
    queues.lock.lock();
    m.clearDirty(VmPage.ALL_CHUNKS);
    assertThat(pages.cacheLocked(m)).isTrue();
    queues.lock.unlock();
    o.lock.unlock();
    return m;
  }

  /** Frees an idle page. */
  public void free(VmPage m) {
    VmObject o = VmObject.of(m);
    o.lock.lock();
    pages.free(m);
    o.lock.unlock();
  }

  /** Returns the page of {@code o} at index {@code i}, or null. */
  public @Nullable VmPage page(VmObject o, int i) {
    o.lock.lock();
    try {
      return pages.lookup(o, (long) i * PAGE);
    } finally {
      o.lock.unlock();
    }
  }

  /** Returns the first word of a page's frame. */
  public long word(VmPage m) {
    return machine.memory().load(m.frame(), 0);
  }

  /**
   * Returns the word that a fault on page {@code i} of {@code o} would find: the first resident page or swap block down
   * the chain, else 0. All is quiet.
   */
  public long read(VmObject o, int i) {
    long offset = (long) i * PAGE;
    for (VmObject at = o; at != null; ) {
      at.lock.lock();
      VmPage m = pages.lookup(at, offset);
      Long block = m == null ? swap.word(at, offset) : null;
      VmObject next = at.backing();
      offset += at.backingOffset();
      at.lock.unlock();
      if (m != null && m.valid() != 0) {
        return word(m);
      }
      if (block != null) {
        return block;
      }
      at = next;
    }
    return 0;
  }

  /** Runs {@code body} with O(o) held. */
  public void locked(VmObject o, Runnable body) {
    o.lock.lock();
    try {
      body.run();
    } finally {
      o.lock.unlock();
    }
  }

  /** Leaves out the checks at the end, for a test that breaks the world on purpose. */
  public void doNotCheck() {
    checked = false;
  }

  /** Checks what holds whenever all is quiet. */
  public void check() {
    assertThat(deaths).as("deaths of strands").isEmpty();
    PageAudit.check(pages);
    ObjectAudit.check(objects);
  }

  @Override
  public void close() {
    try {
      if (checked) {
        for (Actor a : actors) {
          a.join();
        }
        check();
        self.end();
      }
    } finally {
      strands.detach();
    }
    machine.close();
  }
}
