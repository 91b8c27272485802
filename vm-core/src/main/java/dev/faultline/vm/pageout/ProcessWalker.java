package dev.faultline.vm.pageout;

/** What the daemon asks of the process table, which belongs to a higher package. */
public interface ProcessWalker {
  /**
   * Kills the largest eligible process by resident count, unless an earlier victim is still exiting. Holds no lock;
   * never sleeps.
   *
   * @return whether a victim is on its way out
   */
  boolean killLargest();
}
