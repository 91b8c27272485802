package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.MapLock;
import dev.faultline.vm.sync.ReleaseWatcher;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The invariants that are due whenever the lock that guards them is let go (U in vm-semantics 7), looked at there and
 * then, on the thread that changed what is guarded, at one in so many releases of each thread.
 *
 * <p>A finding is told at once, with the lock; the kernel goes on.
 */
public final class ReleaseChecks implements ReleaseWatcher {
  /*
   * Implementation overview
   *
   * O            ObjectChecks: the object and its pages (I-9, I-10, I-14, I-16, I-17, I-22 to I-27, I-29, I-30).
   * Q, F         OnlineInvariants: heads of the queues and gauges (I-2, I-7, I-8).
   * PV           the mappings of the frame (I-32, I-33).
   * VI           the vnode's object (I-51).
   * S            the swap area, all of it (I-44, I-45), at one in so many of the others: it is long.
   * M, write     the map and its entries (I-53 to I-55), one mapping of it against its entry (I-37, I-38).
   * Ranks        What a check takes besides ranks above what is held, or is tried.
   */
  /** One in so many releases, unless said otherwise. */
  public static final int ONE_IN = 64;

  private static final int SWAP_ONE_IN = 16; // of those
  private static final int MAP_ONE_IN = 8; // releases of a map are rare beside those of mutexes
  private static final int ENTRIES_MAX = 512; // of a map that is looked at while programs run

  private final Kernel kernel; // (C)
  private final Findings findings; // (C)
  private final OnlineInvariants online; // (C)
  private final ObjectChecks objects; // (C)
  private final MapChecks maps; // (C)
  private final int oneIn; // (C)

  /** Creates the checks of a kernel; {@link #install} has them made. */
  public ReleaseChecks(Kernel kernel, Findings findings, int oneIn) {
    this.kernel = kernel;
    this.findings = findings;
    this.online = new OnlineInvariants(kernel.pages(), 1);
    this.objects = new ObjectChecks(kernel.objects());
    this.maps = new MapChecks(kernel.objects());
    this.oneIn = oneIn;
  }

  /** Has the checks made from now on; before the first thread of the kernel runs. */
  public void install() {
    kernel.domain().setReleaseWatcher(this);
  }

  @Override
  public void releasing(KThread t, KMutex m) {
    if (++t.releases % oneIn != 0 || t.checking) {
      return;
    }
    t.checking = true;
    try {
      String wrong = check(t, m);
      if (wrong != null) {
        tell(wrong, t, m);
      }
    } catch (KernelPanic e) { // some checks, and assertions on the way, panic at what they find
      tell(message(e), t, m);
    } finally {
      t.checking = false;
    }
  }

  private static String message(KernelPanic e) {
    return String.valueOf(e.getMessage()).replaceFirst("^(ownership|witness): ", "");
  }

  private void tell(String wrong, KThread t, Object lock) {
    findings.add(Finding.Kind.INVARIANT, wrong,
        Map.of("thread", t.toString(), "when", lock + " was about to be let go"));
  }

  private @Nullable String check(KThread t, KMutex m) {
    Object subject = m.subject();
    if (subject instanceof VmObject o && m == o.lock) {
      return t.holdsAbove(LockRank.PAGE_QUEUES) ? null : objects.check(o); // a tried one, let go under S
    }
    if (m == kernel.pages().queues().lock) {
      return online.underQueues(t.releases);
    }
    if (m == kernel.pages().freeList().lock) {
      return online.underFree();
    }
    if (m.rank() == LockRank.PV && subject instanceof Integer frame && frame < kernel.pages().pageCount()) {
      String[] wrong = new String[1];
      kernel.pmaps().checkFrame(kernel.pages().page(frame), w -> wrong[0] = w);
      return wrong[0];
    }
    if (m.rank() == LockRank.SWAP && t.releases / oneIn % SWAP_ONE_IN == 0) {
      kernel.swapPager().checkSpaceLocked();
      return null;
    }
    if (subject instanceof Vnode v && m == v.interlock()) {
      return v.checkObjectLocked();
    }
    return null;
  }

  @Override
  public void releasing(KThread t, MapLock m) {
    if (++t.releases % Math.max(1, oneIn / MAP_ONE_IN) != 0 || t.checking || !(m.subject() instanceof VmMap map)) {
      return;
    }
    t.checking = true;
    try {
      if (map.entryCountHeld() > ENTRIES_MAX) {
        return;
      }
      map.checkInvariants();
      String wrong = maps.check(map, t.releases);
      if (wrong != null) {
        tell(wrong, t, m);
      }
    } catch (KernelPanic e) {
      tell(message(e), t, m);
    } finally {
      t.checking = false;
    }
  }

  @Override
  public String toString() {
    return "checks at one in " + oneIn + " releases";
  }
}
