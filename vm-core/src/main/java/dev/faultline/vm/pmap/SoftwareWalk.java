package dev.faultline.vm.pmap;

import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import java.util.function.IntConsumer;

/**
 * Reaches memory through the kernel's pmap without a processor, as kernel code does, which uses no TLB.
 *
 * @see "vm-semantics 6.1, 6.2"
 */
public final class SoftwareWalk {
  /*
   * Implementation overview
   *
   * PV(frame) is held from the look at the word to the end of the access: nobody takes the mapping away, or the right
   * to write, in between, and the frame is what the address denotes. R and M are set first, as the hardware does (HW1,
   * HW3).
   */
  private final PmapModule module; // (C)

  public SoftwareWalk(PmapModule module) {
    this.module = module;
  }

  /**
   * Shows the frame behind an address of the kernel.
   *
   * @param page page-aligned address
   * @param store whether the access is to change memory
   * @param access is given the frame number; must take no lock
   * @return false if the page is not mapped so: a page fault
   */
  public boolean access(long page, boolean store, IntConsumer access) {
    KThread t = KThread.current();
    PageTable table = module.kernelPmap().table();
    PageTable.Leaf leaf = table.leaf(page);
    if (leaf == null) {
      return false;
    }
    int i = table.index(page);
    while (true) {
      long word = leaf.get(i);
      if ((word & Pte.V) == 0) {
        return false;
      }
      KMutex pv = module.pvs.lock(Pte.frame(word));
      pv.lock();
      try {
        long now = leaf.get(i);
        if ((now & Pte.V) == 0 || (store && (now & Pte.W) == 0)) {
          return false;
        }
        if (Pte.frame(now) == Pte.frame(word)) {
          module.change(t, leaf, i, 0, store ? Pte.R | Pte.M : Pte.R);
          access.accept(Pte.frame(now));
          return true;
        }
      } finally {
        pv.unlock();
      }
    }
  }

  @Override
  public String toString() {
    return "software walk of " + module.kernelPmap();
  }
}
