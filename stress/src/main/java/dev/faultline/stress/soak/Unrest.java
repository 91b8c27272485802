package dev.faultline.stress.soak;

import dev.faultline.hw.strand.Perturbation;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Mode;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * What disturbs the threads of a soaked world, beside its devices.
 *
 * @param fastShare a strand that is fast for now stops at one schedule point in so many, 0: nobody is disturbed
 * @param slowShare a slow one stops at one in so many
 * @param napMicros how long a nap takes at most
 * @param holdShare of the faults that pass an injection point (vm-semantics 6.5) one in so many is held, 0: none
 * @param holdMicros how long at most
 * @param tableShare one block table in so many is refused, 0: none
 * @param wakeups whether sleepers are woken for nothing now and then
 */
record Unrest(
    int fastShare, int slowShare, int napMicros, int holdShare, int holdMicros, int tableShare, boolean wakeups) {
  private static final int[] NAPS = {60, 300, 2000};
  private static final int BURST_MAX = 1 << 10;

  static final Unrest NONE = new Unrest(0, 0, 0, 0, 0, 0, false);

  /** Draws one: none for half of the worlds. */
  static Unrest draw(SplittableRandom r) {
    if (r.nextBoolean()) {
      return NONE;
    }
    boolean points = r.nextBoolean();
    int fast = 500 + r.nextInt(4000);
    int nap = NAPS[r.nextInt(NAPS.length)];
    boolean held = !points || r.nextBoolean();
    return new Unrest(
        points ? fast : 0,
        points ? 20 + r.nextInt(fast / 8) : 0,
        points ? nap : 0,
        held ? 1 + r.nextInt(20) : 0,
        held ? 200 * (1 + r.nextInt(10)) : 0,
        r.nextInt(4) == 0 ? 2 + r.nextInt(10) : 0,
        r.nextInt(6) == 0);
  }

  /**
   * Returns where a world's strands come from. In UP mode one runs at a time, as the seed says; where they are
   * disturbed, it runs for shorter bursts, and may be stopped in the kernel, so that user code runs beside the token's
   * holder. In the other modes they run freely, disturbed or not.
   *
   * @param threads that run them
   */
  Strands strands(ThreadStrands threads, Mode mode, long seed) {
    if (mode == Mode.UP) {
      return fastShare == 0 ? threads.serial(seed, BURST_MAX, false) : threads.serial(seed, slowShare, true);
    }
    Perturbation p = perturbation(seed);
    return p == null ? threads : threads.perturbed(p);
  }

  /** Returns what disturbs strands that run freely at their schedule points, or null. */
  @Nullable Perturbation perturbation(long seed) {
    return fastShare == 0 ? null : new Perturbation(seed, fastShare, slowShare, 1000 * napMicros);
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    if (fastShare > 0) {
      s.append(", strands stop at one point in ").append(fastShare).append(" or ").append(slowShare);
    }
    if (holdShare > 0) {
      s.append(", one fault in ").append(holdShare).append(" held");
    }
    if (tableShare > 0) {
      s.append(", one block table in ").append(tableShare).append(" refused");
    }
    return s.append(wakeups ? ", idle wakeups" : "").toString();
  }
}
