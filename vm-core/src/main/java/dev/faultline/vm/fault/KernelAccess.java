package dev.faultline.vm.fault;

import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.pmap.SoftwareWalk;
import java.util.function.IntConsumer;

/**
 * The kernel's accesses to its own virtual memory, and the trap handler that mends those that fault. For kernel threads
 * in the kernel that hold no lock; addresses are multiples of 8.
 *
 * @see "vm-semantics 3.8 page fault trap; trap.c: trap_pfault in kernel mode"
 */
public final class KernelAccess {
  private final KernelMemory memory; // (C)
  private final VmFault fault; // (C)
  private final VmMap kernelMap; // (C)
  private final SoftwareWalk walk; // (C)
  private final PhysicalMemory frames; // (C)
  private final long pageMask; // (C)

  public KernelAccess(KernelMemory memory, VmFault fault, PmapModule pmaps, PhysicalMemory frames) {
    this.memory = memory;
    this.fault = fault;
    this.kernelMap = memory.kernelMap();
    this.walk = new SoftwareWalk(pmaps);
    this.frames = frames;
    this.pageMask = -(long) frames.pageSize();
  }

  /**
   * Loads a word. May sleep.
   *
   * @param to receives it
   * @return SUCCESS, or the code of the fault that could not be mended (the original's {@code pcb_onfault})
   */
  public KernReturn load(long va, long[] to) {
    int word = (int) (va & ~pageMask) >>> 3;
    return access(va, false, frame -> to[0] = frames.load(frame, word));
  }

  /** Stores a word. May sleep. Returns SUCCESS, or the code of the fault that could not be mended. */
  public KernReturn store(long va, long value) {
    int word = (int) (va & ~pageMask) >>> 3;
    return access(va, true, frame -> frames.store(frame, word, value));
  }

  private KernReturn access(long va, boolean store, IntConsumer access) {
    if (va < KernelMemory.BASE) {
      throw KernelPanic.of("trap: kernel access to user address 0x" + Long.toHexString(va), memory);
    }
    long page = va & pageMask;
    while (!walk.access(page, store, access)) {
      KernReturn r = fault.fault(kernelMap, page, store ? VmProt.READ | VmProt.WRITE : VmProt.READ, false);
      if (r != KernReturn.SUCCESS) {
        return r;
      }
    }
    return KernReturn.SUCCESS;
  }

  @Override
  public String toString() {
    return "accesses to " + memory;
  }
}
