package dev.faultline.vm.pageout;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.sync.KDaemon;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * The sync daemon: writes the dirty pages of files that have been stored to, when the page daemon could not, and every
 * so often if it is told to.
 *
 * @see "vm-semantics 3.3 page_clean, 3.5 E; vfs_subr.c, vfs_bio.c"
 */
final class SyncDaemon {
  /*
   * Implementation overview
   *
   * Choice    under OL, by a glance at OBJ_WRITEABLE: which files, not which objects, for an object may end as soon as
   *           OL is let go. The file's object is then asked for by VI, as a mapping does, and held by a reference.
   * Cleaning  V, then O, as msync and the last reference do; nothing else is held while it waits for a disk. A failed
   *           write leaves its page dirty and the object OBJ_WRITEABLE, for the next time.
   */
  private static final int CHANNEL = 6;

  private final VnodePager files; // (C)
  private final KDaemon daemon; // (C)

  /** Creates the daemon; {@code period}: see {@link KDaemon}. */
  SyncDaemon(SyncDomain domain, VnodePager files, LongSupplier period) {
    this.files = files;
    this.daemon = new KDaemon(domain, "sync", CHANNEL, this::pass, period);
  }

  void kick() {
    daemon.kick();
  }

  void shutdown() {
    daemon.shutdown();
  }

  private void pass() {
    List<Vnode> written = new ArrayList<>();
    files.objects().forEach(
        o -> {
          if (o.isWriteable() && o.handle() instanceof Vnode v) { // files' objects alone have such a handle
            written.add(v);
          }
        });
    for (Vnode v : written) {
      VmObject o = files.liveObjectOf(v);
      if (o == null) {
        continue; // it has ended, and was cleaned as it did
      }
      v.lock();
      try {
        files.objects().ranges().clean(o, 0, 0, true);
      } finally {
        v.unlock();
      }
      o.deallocate();
      KThread.current().count(Event.SYNCS);
    }
  }
}
