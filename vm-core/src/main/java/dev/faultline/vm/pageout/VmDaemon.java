package dev.faultline.vm.pageout;

import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.sync.SyncDomain;

/**
 * vm_daemon: takes pages from processes that have more than they may, or that are swapped out, and swaps out those that
 * have slept long; then lets go of files that are cached without a page.
 *
 * @see "vm-semantics 3.5 vm_daemon; vm_pageout.c: vm_daemon, vm_req_vmdaemon"
 */
final class VmDaemon {
  private static final int CHANNEL = 8;
  private static final long TICKS_BETWEEN = 10; // hz / 10

  private final SyncDomain domain; // (C)
  private final MapTrimmer trimmer; // (C)
  private final VmObjects objects; // (C)
  private final ProcessWalker processes; // (C)
  private final KDaemon daemon; // (C)
  private volatile boolean swapOutWanted; // vm_pageout_req_swapout
  private long lastRequest = -TICKS_BETWEEN; // the page daemon's own

  VmDaemon(SyncDomain domain, MapTrimmer trimmer, VmObjects objects, ProcessWalker processes) {
    this.domain = domain;
    this.trimmer = trimmer;
    this.objects = objects;
    this.processes = processes;
    this.daemon = new KDaemon(domain, "vmdaemon", CHANNEL, this::pass);
  }

  /** vm_req_vmdaemon: asks for a pass, ten times a second at most. Called by the page daemon alone. */
  void request(boolean swapOut) {
    if (swapOut) {
      swapOutWanted = true;
    }
    long now = domain.clock().now();
    if (now - lastRequest >= TICKS_BETWEEN) {
      lastRequest = now;
      daemon.kick();
    }
  }

  void shutdown() {
    daemon.shutdown();
  }

  private void pass() {
    if (swapOutWanted) {
      swapOutWanted = false;
      processes.swapOutIdle();
    }
    for (ProcessWalker.OverLimit p : processes.overLimit()) { // each with a reference to its map, which is ours
      trimmer.trim(p.map(), p.limit(), p.swappedOut());
      p.map().deallocate();
    }
    objects.dropEmptyCached();
  }
}
