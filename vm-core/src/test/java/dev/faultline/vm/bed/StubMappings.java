package dev.faultline.vm.bed;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Mappings of pages without page tables: one word of bits a frame, all under one PV. */
public final class StubMappings implements PageMappings {
  private static final int MODIFIED = 1;
  private static final int REFERENCED = 2;
  private static final int UNSEEN_STORE = 4; // comes to light when the mapping goes: a processor was faster (R24)

  private final ResidentPages pages;
  private final KMutex pv;
  private final int[] bits; // guarded by pv, by frame
  private final int[] wired; // guarded by pv, by frame: Wired mappings

  /** Called at the start of every protect, holding what its caller holds. */
  public volatile @Nullable Consumer<VmPage> onProtect;

  StubMappings(SyncDomain domain, ResidentPages pages) {
    this.pages = pages;
    pv = new KMutex(domain, LockRank.PV, "stub");
    bits = new int[pages.pageCount()];
    wired = new int[pages.pageCount()];
  }

  /** Maps a page, in addition to how it is mapped already. */
  public void map(VmPage m, boolean write) {
    pv.lock();
    m.pvFlags |= write ? VmPage.PV_MAPPED | VmPage.PV_WRITEABLE : VmPage.PV_MAPPED;
    pv.unlock();
  }

  /** Maps a page with the Wired bit, whose unit of wire_count comes with it. Caller holds O or owns the page. */
  public void mapWired(VmPage m) {
    pages.queues().lock.lock();
    pv.lock();
    m.pvFlags |= VmPage.PV_MAPPED | VmPage.PV_WRITEABLE;
    wired[m.frame()]++;
    pv.unlock();
    pages.queues().wireLocked(m);
    pages.queues().lock.unlock();
  }

  /** A processor loads through a mapping. */
  public void touch(VmPage m) {
    change(m, REFERENCED);
  }

  /** A processor stores through a mapping. */
  public void store(VmPage m) {
    change(m, REFERENCED | MODIFIED);
  }

  /** A processor is about to store: nobody sees it before the mapping is taken away. */
  public void storeUnseen(VmPage m) {
    change(m, UNSEEN_STORE);
  }

  private void change(VmPage m, int set) {
    pv.lock();
    bits[m.frame()] |= set;
    pv.unlock();
  }

  private boolean test(VmPage m, int bit) {
    pv.lock();
    try {
      return (bits[m.frame()] & bit) != 0;
    } finally {
      pv.unlock();
    }
  }

  private void clear(VmPage m, int bit) {
    pv.lock();
    bits[m.frame()] &= ~bit;
    pv.unlock();
  }

  @Override
  public void protect(VmPage m, int prot) {
    Consumer<VmPage> hook = onProtect;
    if (hook != null) {
      hook.accept(m);
    }
    if ((prot & VmProt.WRITE) != 0) {
      return;
    }
    boolean needsQ = prot == VmProt.NONE && m.wireCount() != 0;
    if (needsQ) {
      pages.queues().lock.lock();
    }
    pv.lock();
    int b = bits[m.frame()];
    boolean stored = (b & (MODIFIED | UNSEEN_STORE)) != 0;
    int units = 0;
    if (prot == VmProt.NONE) {
      if (stored) {
        m.orDirty(VmPage.ALL_CHUNKS);
      }
      units = wired[m.frame()];
      wired[m.frame()] = 0;
      bits[m.frame()] = 0;
      m.pvFlags &= ~(VmPage.PV_MAPPED | VmPage.PV_WRITEABLE);
    } else {
      bits[m.frame()] = stored ? (b & ~UNSEEN_STORE) | MODIFIED : b; // stays with the mapping, for who asks it
      m.pvFlags &= ~VmPage.PV_WRITEABLE;
    }
    pv.unlock();
    for (; units > 0; units--) {
      pages.queues().dropWiringLocked(m);
    }
    if (needsQ) {
      pages.queues().lock.unlock();
    }
  }

  @Override
  public boolean isModified(VmPage m) {
    return test(m, MODIFIED);
  }

  @Override
  public void clearModify(VmPage m) {
    clear(m, MODIFIED);
  }

  @Override
  public boolean isReferenced(VmPage m) {
    return test(m, REFERENCED);
  }

  @Override
  public void clearReference(VmPage m) {
    clear(m, REFERENCED);
  }
}
