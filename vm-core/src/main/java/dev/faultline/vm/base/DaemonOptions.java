package dev.faultline.vm.base;

/**
 * What the kernel's processes other than the page daemon do, and what a process costs besides its address space.
 *
 * @param vmDaemon whether there is a vm_daemon: it trims processes beyond their limit and swaps sleeping ones out when
 *     memory is short (3.5)
 * @param uPages UPAGES: frames that each process has wired while it is in memory, 0 to 2. None by default, as page
 *     tables and maps take no frames either, so that a machine of 4 frames can run as many processes as a large one
 * @param swapSleepTicks how long a process must have slept before it is swapped out
 * @param residentPages the limit of resident pages (RLIMIT_RSS) that the first process has, and its children inherit;
 *     negative for none
 * @param zeroIdle whether free frames are zeroed in advance (3.2, zero_idle)
 * @param syncTicks how often the sync daemon cleans files unasked; 0 for never
 */
public record DaemonOptions(
    boolean vmDaemon, int uPages, long swapSleepTicks, int residentPages, boolean zeroIdle, long syncTicks) {

  /** What a kernel boots with: a vm_daemon, as in 1995 for processes that have slept for 4 seconds, and no more. */
  public static final DaemonOptions DEFAULT = new DaemonOptions(true, 0, 400, -1, false, 0);

  /** The page daemon is alone. */
  public static final DaemonOptions NONE = DEFAULT.withVmDaemon(false);

  /** Checks the numbers. */
  public DaemonOptions {
    if (uPages < 0 || uPages > 2) {
      throw new IllegalArgumentException("u-area of " + uPages + " pages: must be 0 to 2");
    }
    if (swapSleepTicks < 0) {
      throw new IllegalArgumentException("swapping after " + swapSleepTicks + " ticks of sleep: must be 0 or more");
    }
    if (syncTicks < 0) {
      throw new IllegalArgumentException("sync every " + syncTicks + " ticks: must be 0 (never) or more");
    }
  }

  public DaemonOptions withVmDaemon(boolean on) {
    return new DaemonOptions(on, uPages, swapSleepTicks, residentPages, zeroIdle, syncTicks);
  }

  public DaemonOptions withUPages(int n) {
    return new DaemonOptions(vmDaemon, n, swapSleepTicks, residentPages, zeroIdle, syncTicks);
  }

  public DaemonOptions withSwapSleepTicks(long ticks) {
    return new DaemonOptions(vmDaemon, uPages, ticks, residentPages, zeroIdle, syncTicks);
  }

  public DaemonOptions withResidentPages(int n) {
    return new DaemonOptions(vmDaemon, uPages, swapSleepTicks, n, zeroIdle, syncTicks);
  }

  public DaemonOptions withZeroIdle(boolean on) {
    return new DaemonOptions(vmDaemon, uPages, swapSleepTicks, residentPages, on, syncTicks);
  }

  public DaemonOptions withSyncTicks(long ticks) {
    return new DaemonOptions(vmDaemon, uPages, swapSleepTicks, residentPages, zeroIdle, ticks);
  }
}
