package dev.faultline.vm.bed;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** Writes one page at a time, at once, and keeps a record. */
public final class StubCleaner implements Cleaner {
  private final ResidentPages pages;

  /** The offsets written, in order. */
  public final ConcurrentLinkedQueue<Long> written = new ConcurrentLinkedQueue<>();

  /** How each was to be written, those included that failed. */
  public final ConcurrentLinkedQueue<How> hows = new ConcurrentLinkedQueue<>();

  /** Offsets whose writing fails. */
  public final Set<Long> failing = ConcurrentHashMap.newKeySet();

  /** Called while a page is being written, with nothing locked. */
  public volatile @Nullable Runnable onWrite;

  StubCleaner(ResidentPages pages) {
    this.pages = pages;
  }

  /** Called when a page has been written, or not, and is idle again, with nothing locked. */
  public volatile @Nullable Runnable afterWrite;

  @Override
  public boolean cleanAndWait(VmObject o, VmPage m) {
    boolean ok = clean(o, m, How.FORCE) != 0;
    Runnable hook = afterWrite;
    if (hook != null) {
      hook.run();
    }
    return ok;
  }

  @Override
  public int clean(VmObject o, VmPage m, How how) {
    assert o.lock.isHeld();
    assert o.pip() > 0 || how == How.ASYNC;
    hows.add(how);
    m.setBusy(KThread.current());
    pages.mappings().protect(m, VmProt.READ);
    o.pipUp(1);
    long offset = m.offset();
    o.lock.unlock();
    Runnable hook = onWrite;
    if (hook != null) {
      hook.run();
    }
    boolean ok = !failing.contains(offset);
    o.lock.lock();
    if (ok) {
      written.add(offset);
      m.clearDirty(VmPage.ALL_CHUNKS);
      pages.mappings().clearModify(m);
    }
    pages.wakeup(m);
    o.pipDown(1);
    o.lock.unlock();
    return ok ? 1 : 0;
  }
}
