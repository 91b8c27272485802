package dev.faultline.stress.soak;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.sync.KThread;
import java.util.concurrent.atomic.AtomicLong;

/** Refuses one in so many allocations, of processes only: as if memory had just run out. */
final class Refusals implements ResidentPages.AllocationFaults {
  private final long seed; // (C)
  private final int share; // (C)
  private final AtomicLong asked = new AtomicLong(); // (A)

  Refusals(long seed, int share) {
    this.seed = seed;
    this.share = share;
  }

  @Override
  public boolean fail(KThread t, int allocClass) {
    if ((allocClass & ~AllocClass.ZERO) != AllocClass.NORMAL) {
      return false;
    }
    long z = (seed + asked.getAndIncrement()) * 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 32)) * 0xbf58476d1ce4e5b9L;
    return Long.remainderUnsigned(z ^ (z >>> 29), share) == 0;
  }
}
