package dev.faultline.vm.pageout;

import dev.faultline.vm.map.VmMap;
import java.util.List;

/** What the daemons ask of the process table, which belongs to a higher package. */
public interface ProcessWalker {
  /**
   * A process that has more resident pages than it may.
   *
   * @param map its map, with a reference that is the receiver's
   * @param limit pages that it may have
   * @param swappedOut whether it is swapped out
   */
  record OverLimit(VmMap map, int limit, boolean swappedOut) {}

  /**
   * Kills the largest eligible process by resident count, unless an earlier victim is still exiting. Holds no lock;
   * never sleeps.
   *
   * @return whether a victim is on its way out
   */
  boolean killLargest();

  /**
   * swapout_procs: swaps out the processes that have slept long enough and may be. The caller holds nothing; may sleep.
   */
  void swapOutIdle();

  /** Returns the processes that have more resident pages than they may; one that is swapped out may have none. */
  List<OverLimit> overLimit();

  /** Returns whether any process has not exited; a snapshot. */
  boolean anyLive();
}
