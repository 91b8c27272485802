package dev.faultline.vm.detect;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.PageOwner;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.Channel;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** The invariants of pages and queues, vm-semantics 7.1, at quiescence. */
final class PageInvariants {
  private static final String[] QUEUES = {"no queue", "free list", "zero list", "cache", "inactive", "active"};

  private final KernelParts kernel; // (C)
  private final ResidentPages pages; // (C)
  private final InvariantReport report; // (C)

  PageInvariants(KernelParts kernel, InvariantReport report) {
    this.kernel = kernel;
    this.pages = kernel.pages();
    this.report = report;
  }

  /** I-1 to I-11, I-13, I-14, I-16 to I-18. */
  void check() {
    lists();
    for (int f = 0; f < pages.pageCount(); f++) {
      page(pages.page(f));
    }
    kernel.objects().forEach(this::memq); // fields are quiet; no lock ranks below OL here
    identities();
    kernel
        .objects()
        .domain()
        .forEachThread(
            t -> {
              Channel c = t.sleepChannel();
              report.check(!(c instanceof VmPage), "I-14 sleeps on a page that nobody owns", t, c);
            });
  }

  // ------------------------------------------------------------------------------------------------- lists and gauges

  /** I-1, I-2, I-7, I-8: walks every list and compares with what the frames say of themselves. */
  private void lists() {
    FreeList free = pages.freeList();
    VmPageQueues queues = pages.queues();
    BitSet seen = new BitSet();
    int[] walked = new int[QUEUES.length];
    queues.lock.lock();
    try {
      walked[VmPage.QUEUE_ACTIVE] = walk(VmPage.QUEUE_ACTIVE, queues.activeHeadLocked(), seen);
      walked[VmPage.QUEUE_INACTIVE] = walk(VmPage.QUEUE_INACTIVE, queues.inactiveHeadLocked(), seen);
      walked[VmPage.QUEUE_CACHE] = walk(VmPage.QUEUE_CACHE, queues.cacheHeadLocked(), seen);
      free.lock.lock();
      try {
        walked[VmPage.QUEUE_FREE] = walk(VmPage.QUEUE_FREE, free.headLocked(false), seen);
        walked[VmPage.QUEUE_ZERO] = walk(VmPage.QUEUE_ZERO, free.headLocked(true), seen);
      } finally {
        free.lock.unlock();
      }
    } finally {
      queues.lock.unlock();
    }
    int[] said = new int[QUEUES.length];
    int wired = 0;
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      said[m.queue()]++;
      wired += m.wireCount() > 0 ? 1 : 0;
      report.check(m.queue() == VmPage.QUEUE_NONE || seen.get(f), "I-1 frame is on none of the lists that it names", m);
    }
    int[] q = queues.lengths();
    int[] f = free.lengths();
    int[] gauges = {said[VmPage.QUEUE_NONE], f[0], f[1], q[2], q[1], q[0]};
    for (int i = 1; i < QUEUES.length; i++) {
      boolean agree = walked[i] == said[i];
      report.check(agree, "I-2 " + QUEUES[i] + " links " + walked[i] + " frames, " + said[i] + " name it");
    }
    int length = walked[VmPage.QUEUE_FREE] + walked[VmPage.QUEUE_ZERO];
    boolean freeRight = f[2] == length && free.freeCount() == length;
    report.check(freeRight, "I-7 free_count is " + f[2] + ", the lists have " + length);
    report.check(gauges[1] + gauges[2] == length, "I-7 lengths of the free lists are " + Arrays.toString(f));
    int cached = walked[VmPage.QUEUE_CACHE];
    boolean cacheRight = free.cacheCount() == cached && q[2] == cached;
    report.check(cacheRight, "I-7 cache_count is " + free.cacheCount() + ", the queue has " + cached);
    report.check(q[0] == walked[VmPage.QUEUE_ACTIVE], "I-8 active_count is " + q[0]);
    report.check(q[1] == walked[VmPage.QUEUE_INACTIVE], "I-8 inactive_count is " + q[1]);
    int gauge = queues.wireCount();
    report.check(gauge == wired, "I-8 v_wire_count is " + gauge + ", wired frames are " + wired);
    int sum = length + cached + walked[VmPage.QUEUE_INACTIVE] + walked[VmPage.QUEUE_ACTIVE] + said[VmPage.QUEUE_NONE];
    report.check(sum == pages.pageCount(), "I-11 " + sum + " frames of " + pages.pageCount());
  }

  /** Walks one list; returns its length. The list's lock is held. */
  private int walk(int queue, @Nullable VmPage head, BitSet seen) {
    int n = 0;
    VmPage before = null;
    for (VmPage m = head; m != null; m = m.nextOnQueue()) {
      if (!pages.isManaged(m.frame()) || pages.page(m.frame()) != m || seen.get(m.frame())) {
        report.check(false, "I-1 frame is on two lists, or twice on one: " + QUEUES[queue], m);
        return n;
      }
      seen.set(m.frame());
      n++;
      report.check(m.queue() == queue, "I-2 frame on the " + QUEUES[queue] + " says otherwise", m);
      report.check(m.previousOnQueue() == before, "I-2 back link on the " + QUEUES[queue], m);
      before = m;
    }
    return n;
  }

  // ------------------------------------------------------------------------------------------------------------ pages

  private void page(VmPage m) {
    report.check(!m.isBusyAnyway(), "I-13 busy page", m);
    report.check(!m.isWanted(), "I-13 wanted page", m);
    report.check(m.actCount() >= 0 && m.actCount() <= 102, "I-18 act_count " + m.actCount(), m);
    boolean free = m.queue() == VmPage.QUEUE_FREE || m.queue() == VmPage.QUEUE_ZERO;
    if (free) {
      boolean idle = m.wireCount() == 0 && m.holdCount() == 0 && m.bmapped() == 0 && m.pvFlags == 0 && m.pvList == null;
      report.check(idle && !m.isTabled() && m.object() == null, "I-3 free frame in use", m);
    } else if (m.queue() == VmPage.QUEUE_NONE) {
      boolean accounted = m.wireCount() > 0 || m == pages.freeList().beingZeroed();
      report.check(accounted, "I-11 frame on no queue, not wired, and in nobody's hands", m);
    } else {
      report.check(m.object() != null && m.isTabled(), "I-4 queued page without identity", m);
      report.check(m.wireCount() == 0, "I-6 wired page on a queue", m);
    }
    if (m.queue() == VmPage.QUEUE_CACHE) {
      boolean clean = m.dirty() == 0 && m.pvFlags == 0 && m.pvList == null && m.holdCount() == 0 && m.bmapped() == 0;
      report.check(clean && m.valid() != 0, "I-5 cached page dirty, mapped, held, in a buffer or invalid", m);
    }
    report.check(m.isTabled() == (m.object() != null), "I-9 identity and flag disagree", m);
    boolean kernels = m.object() instanceof VmObject o && o.isKernel();
    boolean inside = (m.dirty() & ~m.valid()) == 0;
    report.check(m.object() == null || kernels || inside, "I-17 dirty where it is not valid", m);
    report.check(!m.isZero() || pages.memory().isZero(m.frame()), "I-16 PG_ZERO page is not all zeros", m);
  }

  // -------------------------------------------------------------------------------------------------------- identities

  /** I-9, I-10 of one object. */
  private void memq(VmObject o) {
    int n = 0;
    VmPage before = null;
    int limit = o.residentPageCount() + 1;
    for (VmPage m = o.firstPage(); m != null && n < limit; m = m.nextInObject()) {
      n++;
      report.check(m.object() == o, "I-9 page in the memq of another object", m, o);
      report.check(m.previousInObject() == before, "I-9 back link in memq", m, o);
      before = m;
    }
    report.check(n == o.residentPageCount(), "I-10 resident_page_count is not the length of memq", o, n);
  }

  /** I-9: every page with an identity is in one hash chain, the right one, and found. */
  private void identities() {
    int[] hashed = new int[pages.pageCount()];
    int[] steps = {2 * pages.pageCount() + fictitious()};
    pages.forEachHashed(
        m -> {
          if (pages.isManaged(m.frame()) && pages.page(m.frame()) == m) {
            hashed[m.frame()]++;
          }
          report.check(m.isTabled(), "I-9 page without identity in a hash chain", m);
          return steps[0]-- > 0;
        });
    report.check(steps[0] >= 0, "I-9 hash chains without end");
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      PageOwner o = m.object();
      int expected = o == null ? 0 : 1;
      report.check(hashed[f] == expected, "I-9 page is in " + hashed[f] + " hash chains", m);
      if (o == null || hashed[f] != 1) {
        continue;
      }
      o.lock.lock();
      VmPage found = pages.lookup(o, m.offset());
      o.lock.unlock();
      report.check(found == m, "I-9 lookup finds another page, or none", m, found);
    }
    int[] listed = new int[pages.pageCount()];
    kernel.objects().forEach(o -> countMembers(o, listed));
    for (int f = 0; f < pages.pageCount(); f++) {
      VmPage m = pages.page(f);
      report.check(listed[f] == (m.object() == null ? 0 : 1), "I-9 page is " + listed[f] + " times in a memq", m);
    }
  }

  private void countMembers(VmObject o, int[] listed) {
    int limit = o.residentPageCount() + 1;
    for (VmPage m = o.firstPage(); m != null && limit-- > 0; m = m.nextInObject()) {
      if (!m.isFictitious() && pages.isManaged(m.frame())) {
        listed[m.frame()]++;
      }
    }
  }

  private int fictitious() {
    int[] n = {0};
    kernel.objects().forEach(o -> n[0] += o.residentPageCount());
    return n[0];
  }
}
