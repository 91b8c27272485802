package dev.faultline.vm.pageout;

/** What the daemon asks of the swap pager. */
public interface SwapState {
  /** Returns whether there is swap and it is not full. A snapshot. */
  boolean isUsable();

  /** Returns whether any pageout is still under way. A snapshot. */
  boolean isBusy();
}
