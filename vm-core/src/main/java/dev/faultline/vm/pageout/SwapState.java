package dev.faultline.vm.pageout;

/** What the daemon asks of the pagers that it writes to. */
public interface SwapState {
  /** Returns whether there is swap and it is not full. A snapshot. */
  boolean isUsable();

  /** Returns whether any pageout is still under way. A snapshot. */
  boolean isBusy();

  /** Returns how many pages have been written well since boot. A snapshot that never falls. */
  long pagesWritten();

  /** Returns how many pages a write has failed for since boot. A snapshot that never falls. */
  long pagesFailed();

  /**
   * Takes buffers back that nobody uses, so that the pages in them can be had. Called with no mutex held; must not
   * sleep.
   *
   * @return how many
   */
  default int releaseBuffers(int most) {
    return 0;
  }
}
