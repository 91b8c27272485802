package dev.faultline.vm.detect;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.PageOwner;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The invariants that can be looked at while the kernel runs, each under the lock that makes its instant: a few frames
 * and gauges at a time, cheap enough to be done over and over beside a run.
 *
 * <p>Every method is called by a kernel thread in the kernel (with the token, in UP mode) that holds no lock. Each
 * returns what does not hold, a line that begins with the invariant's number, or null. Used by one thread at a time.
 */
public final class OnlineInvariants {
  private static final int WALK = 64;
  private static final int PAGES_MAX = 512;

  private final ResidentPages pages; // (C)
  private final SplittableRandom random; // (T)

  /**
   * Creates the checks of a kernel.
   *
   * @param seed chooses what {@link #sample} looks at
   */
  public OnlineInvariants(ResidentPages pages, long seed) {
    this.pages = pages;
    this.random = new SplittableRandom(seed);
  }

  /**
   * Looks at the gauges, the heads of the queues, and {@code frames} frames with their objects. Returns what does not
   * hold.
   */
  public List<String> sample(int frames) {
    return sample(frames, List.of());
  }

  /** The same, with {@code more} looks at each of the frames. */
  public List<String> sample(int frames, List<PageCheck> more) {
    List<String> wrong = new ArrayList<>();
    add(wrong, checkGauges());
    add(wrong, checkCacheHead());
    add(wrong, checkHeads());
    for (int i = 0; i < frames; i++) {
      VmPage m = pages.page(random.nextInt(pages.pageCount()));
      add(wrong, checkFrame(m));
      for (PageCheck c : more) {
        add(wrong, c.check(m));
      }
      PageOwner o = m.object(); // racy: whatever it is, it is looked at under its own lock
      if (o instanceof VmObject object) {
        add(wrong, checkWanted(object, m));
        add(wrong, checkObject(object));
      }
    }
    return wrong;
  }

  private static void add(List<String> wrong, @Nullable String message) {
    if (message != null) {
      wrong.add(message);
    }
  }

  /** Looks at heads and gauges; Q is held by the caller, F is taken. */
  @SuppressWarnings("GuardedBy") // Q is the caller's
  @Nullable String underQueues(int turn) {
    VmPageQueues queues = pages.queues();
    return switch (turn & 3) {
      case 0 -> gaugesLocked();
      case 1 -> walk(queues.activeHeadLocked(), VmPage.QUEUE_ACTIVE);
      case 2 -> walk(queues.inactiveHeadLocked(), VmPage.QUEUE_INACTIVE);
      default -> {
        String wrong = walk(queues.cacheHeadLocked(), VmPage.QUEUE_CACHE);
        yield wrong != null ? wrong : cacheHeadLocked();
      }
    };
  }

  /** Looks at the free lists; F is held by the caller. */
  @SuppressWarnings("GuardedBy") // F is the caller's
  @Nullable String underFree() {
    FreeList free = pages.freeList();
    int[] f = free.lengthsLocked();
    if (f[2] != f[0] + f[1]) {
      return "I-7 free_count is " + f[2] + ", the lists have " + (f[0] + f[1]);
    }
    String wrong = walk(free.headLocked(false), VmPage.QUEUE_FREE);
    return wrong != null ? wrong : walk(free.headLocked(true), VmPage.QUEUE_ZERO);
  }

  /** I-7 and the part of I-8 that needs no walk; under Q and F. */
  public @Nullable String checkGauges() {
    VmPageQueues queues = pages.queues();
    queues.lock.lock();
    try {
      return gaugesLocked();
    } finally {
      queues.lock.unlock();
    }
  }

  @SuppressWarnings("GuardedBy") // Q is the caller's
  private @Nullable String gaugesLocked() {
    VmPageQueues queues = pages.queues();
    FreeList free = pages.freeList();
    int cached = queues.cacheLengthLocked();
    if (free.cacheCount() != cached) {
      return "I-7 cache_count is " + free.cacheCount() + ", the queue has " + cached;
    }
    int[] f = free.lengths();
    if (f[2] != f[0] + f[1]) {
      return "I-7 free_count is " + f[2] + ", the lists have " + (f[0] + f[1]);
    }
    int all = f[2] + cached + queues.inactiveCountLocked() + queues.activeCountLocked() + queues.wireCount();
    if (queues.wireCount() < 0 || all > pages.pageCount()) {
      return "I-8 gauges count " + all + " frames of " + pages.pageCount() + ", wired " + queues.wireCount();
    }
    return null;
  }

  /** I-5 of the head of the cache queue; under O, by try, and Q. */
  public @Nullable String checkCacheHead() {
    VmPageQueues queues = pages.queues();
    queues.lock.lock();
    try {
      return cacheHeadLocked();
    } finally {
      queues.lock.unlock();
    }
  }

  @SuppressWarnings("GuardedBy") // Q is the caller's
  private @Nullable String cacheHeadLocked() {
    VmPage m = pages.queues().cacheHeadLocked();
    PageOwner o = m == null ? null : m.object(); // stable under Q while the page is queued
    if (m == null) {
      return null;
    }
    if (o == null) {
      return "I-4 cached page without identity " + m;
    }
    if (!o.lock.tryLock()) { // also where it is the caller's own: then it is between two steps
      return null;
    }
    try {
      boolean idle = !m.isBusyAnyway() && m.wireCount() == 0 && m.holdCount() == 0 && m.bmapped() == 0;
      return idle && m.dirty() == 0 && m.pvFlags == 0 && m.valid() != 0 ? null : "I-5 cached page in use " + m;
    } finally {
      o.lock.unlock();
    }
  }

  /** I-2 of the first pages of each list; under Q, or F. */
  public @Nullable String checkHeads() {
    VmPageQueues queues = pages.queues();
    queues.lock.lock();
    try {
      String wrong = walk(queues.activeHeadLocked(), VmPage.QUEUE_ACTIVE);
      wrong = wrong != null ? wrong : walk(queues.inactiveHeadLocked(), VmPage.QUEUE_INACTIVE);
      wrong = wrong != null ? wrong : walk(queues.cacheHeadLocked(), VmPage.QUEUE_CACHE);
      if (wrong != null) {
        return wrong;
      }
    } finally {
      queues.lock.unlock();
    }
    FreeList free = pages.freeList();
    free.lock.lock();
    try {
      String wrong = walk(free.headLocked(false), VmPage.QUEUE_FREE);
      return wrong != null ? wrong : walk(free.headLocked(true), VmPage.QUEUE_ZERO);
    } finally {
      free.lock.unlock();
    }
  }

  private static @Nullable String walk(@Nullable VmPage head, int queue) {
    VmPage before = null;
    int left = WALK;
    for (VmPage m = head; m != null && left-- > 0; m = m.nextOnQueue()) {
      if (m.queue() != queue || m.previousOnQueue() != before) {
        return "I-2 queue " + queue + " links a page that is not on it " + m;
      }
      before = m;
    }
    return null;
  }

  /** I-1, I-2, I-4, I-6, I-18 of one frame on a pageout queue under Q, I-3 of a free one under F. */
  public @Nullable String checkFrame(VmPage m) {
    VmPageQueues queues = pages.queues();
    queues.lock.lock();
    try {
      if (m.actCount() < 0 || m.actCount() > 102) {
        return "I-18 act_count " + m.actCount() + " " + m;
      }
      int q = m.queue();
      if (q == VmPage.QUEUE_ACTIVE || q == VmPage.QUEUE_INACTIVE || q == VmPage.QUEUE_CACHE) {
        if (m.wireCount() != 0) {
          return "I-6 wired page on a queue " + m;
        }
        if (m.object() == null) {
          return "I-4 queued page without identity " + m;
        }
        return checkLinks(m);
      }
    } finally {
      queues.lock.unlock();
    }
    FreeList free = pages.freeList();
    free.lock.lock();
    try {
      if (m.queue() != VmPage.QUEUE_FREE && m.queue() != VmPage.QUEUE_ZERO) {
        return null;
      }
      boolean idle = m.wireCount() == 0 && m.holdCount() == 0 && m.bmapped() == 0 && m.pvFlags == 0;
      return idle && m.object() == null && !m.isBusyAnyway() ? checkLinks(m) : "I-3 free frame in use " + m;
    } finally {
      free.lock.unlock();
    }
  }

  /** The page's neighbours know it. The queue's lock is held. */
  private static @Nullable String checkLinks(VmPage m) {
    VmPage next = m.nextOnQueue();
    VmPage previous = m.previousOnQueue();
    boolean linked = (next == null || (next.previousOnQueue() == m && next.queue() == m.queue()))
        && (previous == null || (previous.nextOnQueue() == m && previous.queue() == m.queue()));
    return linked ? null : "I-1 queue links of a page disagree " + m + " " + previous + " " + next;
  }

  /** I-14 of one page, if it is still the object's; under O. */
  public @Nullable String checkWanted(VmObject o, VmPage m) {
    o.lock.lock();
    try {
      return m.object() == o && m.isWanted() && !m.isBusyAnyway() ? "I-14 wanted page is not busy " + m : null;
    } finally {
      o.lock.unlock();
    }
  }

  /** I-9 and I-10 of an object with not too many pages; under O. */
  public @Nullable String checkObject(VmObject o) {
    o.lock.lock();
    try {
      int count = o.residentPageCount();
      if (count > PAGES_MAX) {
        return null;
      }
      int n = 0;
      for (VmPage m = o.firstPage(); m != null && n <= count; m = m.nextInObject()) {
        n++;
        if (m.object() != o || pages.lookup(o, m.offset()) != m) {
          return "I-9 page of memq has another identity, or is not found " + m + " " + o;
        }
      }
      return n == count ? null : "I-10 resident_page_count is not the length of memq, " + n + " " + o;
    } finally {
      o.lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "online invariants of " + pages.pageCount() + " frames";
  }
}
