package dev.faultline.lin.lincheck;

import dev.faultline.hw.Cpu;
import dev.faultline.lin.spec.AddressSpaceSpec;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.sync.KThread;

/**
 * User accesses to address spaces: made on a processor of the calling thread's own, through its TLB, with the fault
 * handler behind them.
 */
final class Spaces {
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private final World world; // (C)

  Spaces(World world) {
    this.world = world;
  }

  static long va(int page) {
    return (long) page * Pages.SIZE;
  }

  /** Maps fresh zeroed memory over pages, in place of what is there. */
  static void map(Vmspace v, int from, int to) {
    KernReturn r = v.map().mapFixed(Mapping.anonymous().withProtection(RW), va(from), va(to));
    Check.holds(r == KernReturn.SUCCESS, "mmap", r);
  }

  /** Lets a page be read, and stored to if {@code write}. */
  static void protect(Vmspace v, int page, boolean write) {
    v.map().protect(va(page), va(page + 1), write ? RW : VmProt.READ, false);
  }

  /** Loads a page's word. */
  long load(Vmspace v, int page) {
    Cpu cpu = begin(v);
    long result = cpu.load(va(page));
    while (cpu.trap() != Cpu.NONE) {
      KernReturn r = trap(cpu, v, page, VmProt.READ);
      if (r != KernReturn.SUCCESS) {
        result = refused(r);
        break;
      }
      result = cpu.load(va(page));
    }
    return result;
  }

  /** Stores a page's word. */
  long store(Vmspace v, int page, long value) {
    Cpu cpu = begin(v);
    long result = value;
    cpu.store(va(page), value);
    while (cpu.trap() != Cpu.NONE) {
      KernReturn r = trap(cpu, v, page, RW);
      if (r != KernReturn.SUCCESS) {
        result = refused(r);
        break;
      }
      cpu.store(va(page), value);
    }
    return result;
  }

  private Cpu begin(Vmspace v) {
    Cpu cpu = world.kernel.machine().cpu(world.number() & 1);
    if (cpu.current() != v.pmap().table()) { // else it keeps what its TLB remembers
      cpu.context = KThread.current();
      v.pmap().activate(cpu);
    }
    return cpu;
  }

  private KernReturn trap(Cpu cpu, Vmspace v, int page, int type) {
    cpu.clearTrap();
    return world.kernel.fault().fault(v.map(), va(page), type, false);
  }

  private static long refused(KernReturn r) {
    return switch (r) {
      case INVALID_ADDRESS -> AddressSpaceSpec.UNMAPPED;
      case PROTECTION_FAILURE -> AddressSpaceSpec.PROTECTED;
      default -> throw KernelPanic.of("vm_fault: " + r);
    };
  }
}
