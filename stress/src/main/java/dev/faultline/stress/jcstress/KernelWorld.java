package dev.faultline.stress.jcstress;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A whole kernel in FIXED mode, new for every sample, with one address space of two anonymous pages. Enough memory
 * that the page daemon is never started. Actor n runs on processor n, as user code does between its faults.
 */
final class KernelWorld {
  /** Bytes of a page. */
  static final int PAGE = 64;

  /** Where the two pages are mapped. */
  static final long VA = 4 * PAGE;

  /** What freed frames are filled with: nobody may ever load it. */
  static final long POISON = 0x5EAD;

  private static final MachineConfig MACHINE =
      MachineConfig.builder().frames(32).pageSize(PAGE).tlbEntries(4).diskBlocks(64).build();
  private static final KernelConfig HEALTHY = KernelConfig.builder(MACHINE).poison(POISON).build();

  final Kernel kernel;
  final Vmspace space;

  /** Boots the correct kernel. The calling thread becomes a kernel thread of it. */
  KernelWorld() {
    this(null);
  }

  /** Boots a kernel with a defect, or the correct one. */
  KernelWorld(@Nullable Defect defect) {
    KernelConfig config = HEALTHY;
    if (defect != null) {
      config = KernelConfig.builder(MACHINE).poison(POISON).defect(defect).build();
    }
    kernel = new Kernel(config, Actors.POOL);
    enter();
    space = kernel.processes().newVmspace("actors");
    if (space.map().find(Mapping.anonymous(), VA, VA + 2 * PAGE) != KernReturn.SUCCESS) {
      throw new IllegalStateException("nothing mapped");
    }
    run(0, space);
    run(1, space);
  }

  /** Makes the calling thread a kernel thread of this kernel. */
  KThread enter() {
    return Actors.enter(kernel.domain());
  }

  /** Loads an address space on a processor. */
  void run(int cpu, Vmspace in) {
    cpu(cpu).switchTo(in.pmap().table());
  }

  Cpu cpu(int n) {
    return kernel.machine().cpu(n);
  }

  /** Loads a word, faulting as often as need be; -1 if the access is refused. */
  long load(int n, Vmspace in, long va) {
    Cpu cpu = cpu(n);
    while (true) {
      long v = cpu.load(va);
      if (cpu.trap() == Cpu.NONE) {
        return v;
      }
      if (!fault(cpu, in, va, VmProt.READ)) {
        return -1;
      }
    }
  }

  /** Stores a word, faulting as often as need be; false if the access is refused. */
  boolean store(int n, Vmspace in, long va, long v) {
    Cpu cpu = cpu(n);
    while (true) {
      cpu.store(va, v);
      if (cpu.trap() == Cpu.NONE) {
        return true;
      }
      if (!fault(cpu, in, va, VmProt.READ | VmProt.WRITE)) {
        return false;
      }
    }
  }

  private boolean fault(Cpu cpu, Vmspace in, long va, int type) {
    cpu.clearTrap();
    return kernel.fault().fault(in.map(), va & -PAGE, type, false) == KernReturn.SUCCESS;
  }

  /** Forks the address space. */
  Vmspace fork() {
    Vmspace child = space.fork("child");
    if (child == null) {
      throw new IllegalStateException("fork refused");
    }
    return child;
  }

  /** Returns the top object behind an address. */
  VmObject object(Vmspace in, long va) {
    MapLookup l = new MapLookup();
    if (in.map().lookup(l, va, VmProt.READ) != KernReturn.SUCCESS) {
      throw new IllegalStateException("no mapping");
    }
    VmObject o = l.object();
    in.map().lookupDone(l);
    return o;
  }

  /**
   * Checks the invariants of vm-semantics 7, both actors being done.
   *
   * @param others address spaces beside {@link #space} that live
   * @return "ok", or the number of the first invariant that does not hold
   */
  String verdict(Vmspace... others) {
    enter();
    Set<VmMap> maps = new HashSet<>(Set.of(space.map()));
    for (Vmspace v : others) {
      maps.add(v.map());
    }
    List<String> wrong = new Invariants(KernelParts.of(kernel, () -> maps)).check();
    return wrong.isEmpty() ? "ok" : wrong.get(0).replaceAll(" .*", "");
  }
}
