package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Trees of forked memory, written, read, paged out and ended by many threads at once, on objects alone: map entries are
 * a class of the test, and the fault handler is its pip and busy protocol and nothing more. R13, R16, R18, R20; I-20,
 * I-24, I-25 and every word.
 */
@Timeout(300)
final class ForkTreeStormTest {
  private static final int PAGES = 5;
  private static final int FRAMES = 96;
  private static final int ENTRIES_MAX = 5;

  /** A map entry: one thread's at a time. */
  private static final class Entry {
    VmObject object;
    boolean needsCopy;
    final long[] expected;

    Entry(VmObject object, boolean needsCopy, long[] expected) {
      this.object = object;
      this.needsCopy = needsCopy;
      this.expected = expected;
    }
  }

  private final Queue<Entry> adrift = new ConcurrentLinkedQueue<>(); // from thread to thread
  private final AtomicInteger adriftCount = new AtomicInteger();
  private Bed bed;

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void treesOfForks_keepTheirWordsAndReferences(Mode mode) {
    storm(mode, 3, 2_500, 1);
  }

  @Test
  @Tag("slow")
  void treesOfForks_keepTheirWordsAndReferences_forLong() {
    for (int seed = 10; seed < 30; seed++) {
      storm(Mode.FIXED, 4, 8_000, seed);
    }
  }

  private void storm(Mode mode, int threads, int steps, int seed) {
    try (Bed b = Bed.builder().mode(mode).frames(FRAMES).sleepBuckets(16).build()) {
      bed = b;
      bed.freeList.stopDaemon(); // the pager below is all there is
      List<List<Entry>> left = new ArrayList<>();
      List<Bed.Actor> workers = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        List<Entry> mine = new ArrayList<>();
        left.add(mine);
        Random random = new Random(seed * 100L + t);
        workers.add(bed.start("worker" + t, () -> work(mine, random, steps)));
      }
      AtomicBoolean stop = new AtomicBoolean();
      Bed.Actor pager = bed.start("pager", () -> page(new Random(seed), stop));
      workers.forEach(Bed.Actor::join);
      stop.set(true);
      pager.join();

      List<Entry> all = new ArrayList<>(adrift);
      adrift.clear();
      adriftCount.set(0);
      left.forEach(all::addAll);
      bed.check();
      ObjectAudit.checkReferences(bed.objects, all.stream().map(e -> e.object).toList());
      for (Entry e : all) {
        for (int i = 0; i < PAGES; i++) {
          assertThat(bed.read(e.object, i)).as("word %d of %s", i, e.object).isEqualTo(e.expected[i]);
        }
      }
      assertThat(bed.domain.events(Event.COLLAPSES.ordinal())).as("collapses").isPositive();
      for (Entry e : all) {
        e.object.deallocate();
      }
      assertThat(bed.objects.objectCount()).as("objects left").isZero();
      assertThat(bed.freeList.freeCount()).as("frames free").isEqualTo(FRAMES);
      assertThat(bed.swap.used).as("blocks in use").hasValue(0);
    }
  }

  private void work(List<Entry> mine, Random random, int steps) {
    for (int step = 0; step < steps; step++) {
      if (mine.isEmpty()) {
        Entry given = adrift.poll();
        if (given == null) {
          given = new Entry(bed.object(PAGES), false, new long[PAGES]);
        } else {
          adriftCount.decrementAndGet();
        }
        mine.add(given);
      }
      Entry e = mine.get(random.nextInt(mine.size()));
      int i = random.nextInt(PAGES);
      switch (random.nextInt(10)) {
        case 0, 1, 2, 3 -> {
          long value = random.nextLong();
          fault(e, i, true, value);
          e.expected[i] = value;
        }
        case 4, 5, 6 -> assertThat(fault(e, i, false, 0)).as("word %d of %s", i, e.object).isEqualTo(e.expected[i]);
        case 7, 8 -> {
          Entry child = fork(e);
          if (mine.size() < ENTRIES_MAX && random.nextBoolean()) {
            mine.add(child);
          } else if (adriftCount.get() < ENTRIES_MAX) {
            adriftCount.incrementAndGet();
            adrift.add(child);
          } else {
            child.object.deallocate();
          }
        }
        default -> {
          mine.remove(e);
          e.object.deallocate();
        }
      }
    }
  }

  private static Entry fork(Entry e) {
    VmObject o = e.object;
    o.lock.lock();
    o.collapse();
    o.referenceLocked();
    o.lock.unlock();
    e.needsCopy = true;
    return new Entry(o, true, e.expected.clone());
  }

  private void yieldToken() {
    bed.domain.token().leave();
    KThread.current().strand().pause(120);
    bed.domain.token().enter();
  }

  // -------------------------------------------------------------------------- a fault, as far as objects see it

  private long fault(Entry e, int i, boolean write, long value) {
    if (write && e.needsCopy) {
      e.object = bed.objects.shadow(e.object, 0, e.object.size());
      e.needsCopy = false;
    }
    while (true) {
      Long word = attempt(e.object, (long) i * Bed.PAGE, write, value);
      if (word != null) {
        return word;
      }
    }
  }

  /** One try: the word that was there, or null to go round again. */
  private Long attempt(VmObject top, long topOffset, boolean write, long value) {
    KThread me = KThread.current();
    top.lock.lock();
    top.referenceLocked();
    top.pipUp(1);
    VmObject object = top;
    long offset = topOffset;
    VmPage first = null;
    VmPage m;
    while (true) {
      m = bed.pages.lookup(object, offset);
      if (m != null && m.isBusyAnyway()) {
        awaitIdle(top, object, offset, m, first);
        return null;
      }
      if (m != null) {
        m.setBusy(me);
        bed.queues.unqueue(m);
        break;
      }
      boolean swap = object.type() == ObjectType.SWAP;
      if (swap || object == top) {
        m = bed.pages.alloc(object, offset, AllocClass.NORMAL);
        if (m == null) {
          object.pipDown(1);
          object.lock.unlock();
          dropPlaceholder(top, object, first);
          top.deallocate();
          yieldToken();
          return null;
        }
      }
      if (swap) {
        object.lock.unlock();
        yieldToken();
        PagerReturn rv = bed.swap.getPages(object, new VmPage[] {m}, 1, 0);
        object.lock.lock();
        if (rv == PagerReturn.OK) {
          break;
        }
        if (object != top) {
          bed.pages.freeBusy(m);
        }
      }
      if (object == top) {
        first = m;
      }
      VmObject next = object.backing();
      if (next == null) {
        if (object != top) {
          object.pipDown(1);
          object.lock.unlock();
          top.lock.lock();
          object = top;
        }
        m = first;
        first = null;
        bed.pages.zeroFill(m);
        m.setValid(VmPage.ALL_CHUNKS);
        break;
      }
      offset += object.backingOffset();
      next.lock.lock();
      next.pipUp(1);
      if (object != top) {
        object.pipDown(1);
      }
      object.lock.unlock();
      object = next;
    }
    if (write && object != top) {
      object.lock.unlock();
      bed.pages.copy(m, first);
      first.orDirty(VmPage.ALL_CHUNKS);
      object.lock.lock();
      bed.mappings.protect(m, VmProt.NONE);
      bed.queues.activate(m);
      bed.pages.wakeup(m);
      object.pipDown(1);
      object.lock.unlock();
      object = top;
      m = first;
      top.lock.lock();
      top.pipDown(1);
      top.collapse();
      top.pipUp(1);
    }
    long word = bed.word(m);
    m.clearZero();
    if (write) {
      m.orDirty(VmPage.ALL_CHUNKS);
      bed.machine.memory().store(m.frame(), 0, value);
    }
    bed.queues.activate(m);
    bed.pages.wakeup(m);
    object.pipDown(1);
    object.lock.unlock();
    dropPlaceholder(top, object, first);
    top.deallocate();
    return word;
  }

  private void dropPlaceholder(VmObject top, VmObject object, VmPage first) {
    if (object != top) {
      top.lock.lock();
      bed.pages.freeBusy(first);
      top.pipDown(1);
      top.lock.unlock();
    }
  }

  private void awaitIdle(VmObject top, VmObject object, long offset, VmPage m, VmPage first) {
    object.lock.unlock();
    dropPlaceholder(top, object, first);
    object.lock.lock();
    if (bed.pages.lookup(object, offset) == m && m.isBusyAnyway()) {
      m.setWanted();
      bed.domain.sleepQueues().sleepOn(m, object.lock, "vmpfw");
      object.lock.lock();
    }
    object.pipDown(1);
    object.lock.unlock();
    top.deallocate();
  }

  // -------------------------------------------------------------------------------------------------- pageout

  /** Writes pages to swap and takes their frames, in whatever object it finds them. */
  private void page(Random random, AtomicBoolean stop) {
    while (!stop.get()) {
      List<VmObject> all = new ArrayList<>();
      bed.objects.forEach(all::add);
      for (VmObject o : all) {
        if (random.nextInt(3) == 0) {
          pageOut(o, random);
        }
      }
      yieldToken();
    }
  }

  private void pageOut(VmObject o, Random random) {
    o.lock.lock();
    VmPage m = o.isDead() ? null : o.firstPage();
    while (m != null && (m.isBusyAnyway() || random.nextInt(3) == 0)) {
      m = m.nextInObject();
    }
    if (m == null) {
      o.lock.unlock();
      return;
    }
    if (random.nextInt(4) == 0) {
      o.collapse();
    }
    if (m.dirty() != 0) {
      m.setBusy(KThread.current());
      o.pipUp(1);
      o.lock.unlock();
      yieldToken();
      bed.swap.putPages(o, new VmPage[] {m}, 1, true, new PagerReturn[1]);
      o.lock.lock();
      m.clearDirty(VmPage.ALL_CHUNKS);
      boolean wanted = m.isWanted();
      bed.pages.wakeup(m);
      o.pipDown(1);
      if (wanted) {
        o.lock.unlock();
        return;
      }
    }
    bed.queues.lock.lock();
    boolean cached = random.nextBoolean() && bed.pages.cacheLocked(m);
    bed.queues.lock.unlock();
    if (!cached && m.dirty() == 0) {
      bed.pages.free(m);
    }
    o.lock.unlock();
  }
}
