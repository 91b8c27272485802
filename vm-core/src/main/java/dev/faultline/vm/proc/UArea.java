package dev.faultline.vm.proc;

import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.pmap.Pmap;

/**
 * A process's u-area: pages of its own that are wired while it is in memory, and pageable while it is swapped out.
 *
 * <p>The model puts it into a map of its own, so that wiring, paging out and all invariants see it as they see any
 * memory. What the kernel keeps there is a word a page, written before the pages may go and compared when they are
 * back.
 *
 * @see "vm-semantics 2.6, 3.5 swapout, faultin, 3.8 fork; vm_glue.c"
 */
final class UArea {
  private final Vmspace space; // (C)
  private final PhysicalMemory memory; // (C)
  private final long pid; // (C)
  private final long bytes; // (C)
  private final int pageSize; // (C)
  private long turns; // who swaps the process, in or out; P_SWAPPING

  private UArea(VmMaps maps, PhysicalMemory memory, long pid, int pages) {
    this.memory = memory;
    this.pid = pid;
    this.pageSize = maps.pageSize();
    this.bytes = (long) pages * pageSize;
    this.space = new Vmspace(maps, "u-area of pid " + Long.toUnsignedString(pid), 0, bytes);
  }

  /**
   * Makes a u-area and wires it. The caller holds nothing; sleeps, for memory too.
   *
   * @return null if the calling thread was killed meanwhile: then there is none
   */
  static @org.jspecify.annotations.Nullable UArea create(VmMaps maps, PhysicalMemory memory, long pid, int pages) {
    UArea u = new UArea(maps, memory, pid, pages);
    KernReturn r = u.space.map().find(Mapping.anonymous(), 0, u.bytes);
    if (r != KernReturn.SUCCESS) {
      throw KernelPanic.of("u-area cannot be mapped", r);
    }
    if (u.space.map().pageable(0, u.bytes, false) != KernReturn.SUCCESS) {
      u.space.free();
      return null;
    }
    return u;
  }

  /** Returns the address space that it is, for inspection. */
  Vmspace space() {
    return space;
  }

  /** Lets its pages go. The caller swaps the process out, and holds nothing; may sleep. */
  void unwire() {
    turns++;
    Pmap pmap = space.pmap();
    for (long va = 0; va < bytes; va += pageSize) {
      memory.store(pmap.extract(va), 0, word(va)); // wired: the frame stays; the unwiring sets M
    }
    KernReturn r = space.map().pageable(0, bytes, true);
    if (r != KernReturn.SUCCESS) {
      throw KernelPanic.of("u-area cannot be unwired", r, this);
    }
    space.map().lockWrite();
    pmap.remove(0, bytes);
    space.map().unlock();
  }

  /**
   * Gets its pages back, from swap if they were there. The caller swaps the process in, and holds nothing; sleeps.
   *
   * @return false if they cannot be read, or the process was killed meanwhile
   */
  boolean wire() {
    if (space.map().pageable(0, bytes, false) != KernReturn.SUCCESS) {
      return false;
    }
    for (long va = 0; va < bytes; va += pageSize) {
      long found = memory.load(space.pmap().extract(va), 0);
      if (found != word(va)) {
        throw KernelPanic.of("I-48 u-area lost: found 0x" + Long.toHexString(found), this, "page " + va / pageSize);
      }
    }
    return true;
  }

  private long word(long va) {
    return (pid << 32) ^ (turns << 8) ^ (va / pageSize + 1);
  }

  /** Ends it. The process is not being swapped any more; the caller holds nothing; may sleep. */
  void free() {
    space.free();
  }

  @Override
  public String toString() {
    return "u-area of pid " + Long.toUnsignedString(pid) + " (" + space + ", turn " + turns + ")";
  }
}
