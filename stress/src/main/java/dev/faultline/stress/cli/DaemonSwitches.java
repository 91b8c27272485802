package dev.faultline.stress.cli;

import dev.faultline.vm.base.DaemonOptions;
import picocli.CommandLine.Option;

/** The options that say what there is besides the page daemon, and what a process costs; docs/daemons.md. */
final class DaemonSwitches {
  private static final long NO_LIMIT = -1;

  @Option(names = "--no-vm-daemon", description = "No vm_daemon: nobody is trimmed or swapped out.")
  boolean noVmDaemon;

  @Option(
      names = "--swap-out-after",
      paramLabel = "TICKS",
      defaultValue = "400",
      description = "Who sleeps so long is swapped out when memory is short (${DEFAULT-VALUE}).")
  long swapOutAfter;

  @Option(
      names = "--u-area",
      paramLabel = "PAGES",
      defaultValue = "0",
      description = "Frames wired for each process that is in memory, 0 to 2 (${DEFAULT-VALUE}).")
  int uArea;

  @Option(
      names = "--resident-pages",
      paramLabel = "N",
      defaultValue = "" + NO_LIMIT,
      description = "What a process may have resident when memory is short; -1 for no limit (${DEFAULT-VALUE}).")
  int residentPages;

  @Option(names = "--zero-idle", description = "Zeroes free frames in advance.")
  boolean zeroIdle;

  @Option(
      names = "--sync-every",
      paramLabel = "TICKS",
      defaultValue = "0",
      description = "Writes what was stored to files every so often; 0 for never (${DEFAULT-VALUE}).")
  long syncEvery;

  /**
   * Returns what the options ask for.
   *
   * @throws IllegalArgumentException says which of them cannot be; one line
   */
  DaemonOptions options() {
    refuseUnless(uArea >= 0 && uArea <= 2, "--u-area", uArea, "0 to 2");
    refuseUnless(residentPages >= NO_LIMIT, "--resident-pages", residentPages, "-1 (no limit) or more");
    refuseUnless(swapOutAfter >= 0, "--swap-out-after", swapOutAfter, "0 or more");
    refuseUnless(syncEvery >= 0, "--sync-every", syncEvery, "0 (never) or more");
    if (noVmDaemon && (residentPages >= 0 || swapOutAfter != DaemonOptions.DEFAULT.swapSleepTicks())) {
      throw new IllegalArgumentException(
          "--no-vm-daemon: nobody would look at --" + (residentPages >= 0 ? "resident-pages" : "swap-out-after"));
    }
    return new DaemonOptions(!noVmDaemon, uArea, swapOutAfter, residentPages, zeroIdle, syncEvery);
  }

  private static void refuseUnless(boolean right, String option, long n, String expected) {
    if (!right) {
      throw new IllegalArgumentException(option + " " + n + ": must be " + expected);
    }
  }

  /** Returns those options that are not as they are unless told, each with a blank before it. */
  String commandLine() {
    DaemonOptions usual = DaemonOptions.DEFAULT;
    return (noVmDaemon ? " --no-vm-daemon" : "")
        + (swapOutAfter == usual.swapSleepTicks() ? "" : " --swap-out-after " + swapOutAfter)
        + (uArea == usual.uPages() ? "" : " --u-area " + uArea)
        + (residentPages == usual.residentPages() ? "" : " --resident-pages " + residentPages)
        + (zeroIdle ? " --zero-idle" : "")
        + (syncEvery == usual.syncTicks() ? "" : " --sync-every " + syncEvery);
  }
}
