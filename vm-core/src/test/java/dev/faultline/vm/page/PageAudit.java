package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;

/** The invariants of pages and queues, vm-semantics 7.1, read off the structures themselves. All is quiet. */
public final class PageAudit {
  private static final int[] QUEUES = {
    VmPage.QUEUE_FREE, VmPage.QUEUE_ZERO, VmPage.QUEUE_CACHE, VmPage.QUEUE_INACTIVE, VmPage.QUEUE_ACTIVE
  };

  private PageAudit() {}

  /** Checks I-1 to I-10, I-13 and I-18. */
  public static void check(ResidentPages pages) {
    Map<Integer, Integer> lengths = new java.util.HashMap<>();
    for (int q : QUEUES) {
      lengths.put(q, length(pages, q));
    }
    int[] free = pages.freeList().lengths();
    assertThat(free[0]).as("I-1 free list").isEqualTo(lengths.get(VmPage.QUEUE_FREE));
    assertThat(free[1]).as("I-1 zero list").isEqualTo(lengths.get(VmPage.QUEUE_ZERO));
    assertThat(free[2]).as("I-7 free_count").isEqualTo(free[0] + free[1]);
    assertThat(pages.freeList().freeCount()).as("I-7 free_count").isEqualTo(free[2]);
    int[] n = pages.queues().lengths();
    assertThat(n[0]).as("I-8 active_count").isEqualTo(lengths.get(VmPage.QUEUE_ACTIVE));
    assertThat(n[1]).as("I-8 inactive_count").isEqualTo(lengths.get(VmPage.QUEUE_INACTIVE));
    assertThat(n[2]).as("I-7 cache queue").isEqualTo(lengths.get(VmPage.QUEUE_CACHE));
    assertThat(pages.freeList().cacheCount()).as("I-7 cache_count").isEqualTo(n[2]);
    int wired = 0;
    Map<PageOwner, Set<VmPage>> byOwner = new IdentityHashMap<>();
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      checkPage(m);
      if (m.wireCount > 0) {
        wired++;
      }
      PageOwner o = m.object;
      if (o != null) {
        byOwner.computeIfAbsent(o, x -> new HashSet<>()).add(m);
      }
    }
    assertThat(pages.queues().wireCount()).as("I-8 wire_count gauge").isEqualTo(wired);
    byOwner.forEach((o, set) -> checkOwner(pages, o, set));
  }

  /** Returns how many pages say that they are on a queue, having walked the one list that they must form (I-2). */
  private static int length(ResidentPages pages, int queue) {
    Set<VmPage> members = new HashSet<>();
    VmPage head = null;
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      if (m.queue == queue) {
        members.add(m);
        if (m.pageqPrev == null) {
          assertThat(head).as("I-2 second head of queue %d beside %s", queue, m).isNull();
          head = m;
        }
      }
    }
    Set<VmPage> walked = new HashSet<>();
    VmPage prev = null;
    for (VmPage m = head; m != null; m = m.pageqNext) {
      assertThat(walked.add(m)).as("I-2 twice in queue %d: %s", queue, m).isTrue();
      assertThat(m.pageqPrev).as("I-2 back link of %s", m).isSameAs(prev);
      prev = m;
    }
    assertThat(walked).as("I-2 members of queue %d", queue).isEqualTo(members);
    return members.size();
  }

  private static void checkPage(VmPage m) {
    boolean free = m.queue == VmPage.QUEUE_FREE || m.queue == VmPage.QUEUE_ZERO;
    assertThat(m.isBusyAnyway()).as("I-13 busy %s", m).isFalse();
    assertThat(m.isWanted()).as("I-13 wanted %s", m).isFalse();
    assertThat(m.isTabled()).as("identity of %s", m).isEqualTo(m.object != null);
    assertThat(m.actCount).as("I-18 %s", m).isBetween(0, 102);
    if (free) {
      assertThat(m.object).as("I-3 %s", m).isNull();
      assertThat(m.wireCount + m.holdCount + m.bmapped + m.pvFlags).as("I-3 %s", m).isZero();
      return;
    }
    if (m.queue != VmPage.QUEUE_NONE) {
      assertThat(m.object).as("I-4 %s", m).isNotNull();
      assertThat(m.wireCount).as("I-6 %s", m).isZero();
    }
    if (m.queue == VmPage.QUEUE_CACHE) {
      assertThat(m.dirty() + m.pvFlags + m.bmapped).as("I-5 %s", m).isZero();
      assertThat(m.valid).as("I-5 %s", m).isNotZero();
    }
    assertThat(m.dirty() & ~m.valid).as("I-17 %s", m).isZero();
  }

  private static void checkOwner(ResidentPages pages, PageOwner o, Set<VmPage> members) {
    Set<VmPage> walked = new HashSet<>();
    Set<Long> offsets = new HashSet<>();
    VmPage prev = null;
    o.lock.lock();
    try {
      for (VmPage m = o.memqHead; m != null; m = m.listqNext) {
        assertThat(walked.add(m)).as("I-9 twice in memq: %s", m).isTrue();
        assertThat(m.object).as("I-9 %s", m).isSameAs(o);
        assertThat(offsets.add(m.offset)).as("I-9 two pages at one offset: %s", m).isTrue();
        assertThat(pages.lookup(o, m.offset)).as("I-9 lookup of %s", m).isSameAs(m);
        assertThat(m.listqPrev).as("memq back link of %s", m).isSameAs(prev);
        prev = m;
      }
      assertThat(o.memqTail).as("memq tail of %s", o).isSameAs(prev);
      assertThat(o.residentPageCount).as("I-10 %s", o).isEqualTo(walked.size());
    } finally {
      o.lock.unlock();
    }
    assertThat(walked).as("I-9 pages of %s", o).isEqualTo(members);
  }
}
