package dev.faultline.stress.soak;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.fault.Decision;
import dev.faultline.vm.fault.FaultPoint;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Stands at the injection points of the fault handler: holds some of the threads that come by for a while, and looks at
 * the pages that the thread owns there.
 *
 * <p>What it looks at is exact though it takes no lock: a page that is busy by the calling thread stays so until that
 * thread goes on.
 *
 * @see "vm-semantics 6.5"
 */
final class SoakProbe implements FaultProbe {
  /*
   * Implementation overview
   *
   * Nothing owned   where a fault waits for memory or for somebody else's page (5.1, R6).
   * Off the queues  what a faulter owns is on no pageout queue (INV2, I-15). The active queue is let pass: an unwiring
   *                 may put a claimed page there (docs/corrections.md, I-15).
   * Dirty copies    a page that was copied up is dirty from then on, whatever the second lookup says (R21): else it
   *                 counts as one that can be had again, and the source may be gone by then.
   */
  private static final int LOOK_SHARE = 4;

  private final long seed; // (C)
  private final int holdShare; // (C) holds one in so many, 0 for none
  private final int holdNanos; // (C)
  private final Mode mode; // (C)
  private final Findings findings; // (C)
  private final AtomicLong passed = new AtomicLong(); // (A)
  private final Set<Strand> copying = ConcurrentHashMap.newKeySet(); // (A) past BEFORE_COPY, and not much further
  private volatile @Nullable Kernel kernel; // set once, before the first process

  SoakProbe(long seed, int holdShare, int holdNanos, Mode mode, Findings findings) {
    this.seed = seed;
    this.holdShare = holdShare;
    this.holdNanos = holdNanos;
    this.mode = mode;
    this.findings = findings;
  }

  /** Tells which kernel's pages are meant. */
  void watch(Kernel k) {
    kernel = k;
  }

  @Override
  public void decided(Decision d, boolean outcome) {}

  @Override
  public void at(FaultPoint p) {
    KThread t = KThread.current();
    long n = passed.getAndIncrement();
    if (mode != Mode.NAIVE) {
      look(p, t, n);
    }
    if (holdShare > 0 && mode != Mode.UP) { // in UP mode nobody else could use the time
      long z = (seed + n) * 0x9e3779b97f4a7c15L;
      z = (z ^ (z >>> 32)) * 0xbf58476d1ce4e5b9L;
      z ^= z >>> 29;
      if (Long.remainderUnsigned(z, holdShare) == 0) {
        t.strand().parkNanos(1 + (z >>> 34) % holdNanos);
        t.strand().unpark(); // may have swallowed a permit
      }
    }
  }

  private void look(FaultPoint p, KThread t, long n) {
    switch (p) {
      case BEFORE_COPY -> copying.add(t.strand());
      case BEFORE_RELOOKUP, BEFORE_PMAP_ENTER -> {
        if (copying.remove(t.strand())) {
          ownedPages(t, m -> m.dirty() == 0 ? "I-47 copied page is clean, and may be the only copy (R21)" : null);
        } else if (n % LOOK_SHARE == 0) {
          ownedPages(t, SoakProbe::onQueue);
        }
      }
      case BEFORE_VM_WAIT -> ownedPages(t, m -> "I-56 busy page across a wait for memory (R6)");
      case AFTER_UNLOCK_THINGS -> {
        if (n % LOOK_SHARE == 0) {
          ownedPages(t, m -> "I-56 busy page across a wait for another page");
        }
      }
      default -> {}
    }
  }

  private static @Nullable String onQueue(VmPage m) {
    return m.isCached() || m.isInactive() ? "I-15 claimed page is on a pageout queue (INV2)" : null;
  }

  /** What is wrong with a page, or null. */
  private interface Judge {
    @Nullable String judge(VmPage m);
  }

  private void ownedPages(KThread t, Judge judge) {
    Kernel k = kernel;
    if (k == null || !findings.isEmpty()) {
      return;
    }
    for (int f = 0; f < k.pages().pageCount(); f++) {
      VmPage m = k.pages().page(f);
      if (m.isBusyBy(t)) {
        String wrong = judge.judge(m);
        if (wrong != null) {
          findings.add(Finding.Kind.INVARIANT, wrong, Map.of("page", m.toString(), "thread", t.toString()));
          return;
        }
      }
    }
  }

  @Override
  public String toString() {
    return "probe of " + kernel;
  }
}
