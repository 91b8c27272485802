package dev.faultline.vm.pageout;

import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/** The page daemon's helpers: vm_daemon and the sync daemon. */
public final class HelperDaemons implements ShortageRelief {
  private final @Nullable VmDaemon vmDaemon; // (C)
  private final SyncDaemon syncDaemon; // (C)

  /** Creates them, without a strand; {@code options} says which. */
  public HelperDaemons(SyncDomain domain, MapTrimmer trimmer, VnodePager files, ProcessWalker processes,
      DaemonOptions options) {
    vmDaemon = options.vmDaemon() ? new VmDaemon(domain, trimmer, files.objects(), processes) : null;
    syncDaemon = new SyncDaemon(domain, files, () -> processes.anyLive() ? options.syncTicks() : 0);
  }

  @Override
  public void requestVmDaemon(boolean swapOut) {
    if (vmDaemon != null) {
      vmDaemon.request(swapOut);
    }
  }

  @Override
  public void requestSync() {
    syncDaemon.kick();
  }

  /** Lets the sync daemon begin to work by the clock, if it is to: a process has been started. */
  public void processStarted(DaemonOptions options) {
    if (options.syncTicks() > 0) {
      syncDaemon.kick();
    }
  }

  /** Ends the strands. The caller is a strand, holds nothing, and is not in the kernel. */
  public void shutdown() {
    if (vmDaemon != null) {
      vmDaemon.shutdown();
    }
    syncDaemon.shutdown();
  }
}
