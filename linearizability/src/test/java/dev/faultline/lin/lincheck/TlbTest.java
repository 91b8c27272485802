package dev.faultline.lin.lincheck;

import dev.faultline.hw.Cpu;
import dev.faultline.lin.spec.MemorySpec;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.LongGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** TLBs, page table words and shootdown: Cpu and Pmap, accesses against the kernel's unmapping and cleaning. */
class TlbTest {
  /** Two pages mapped for both processors. */
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = LongGen.class, conf = "1:3")
  public static class Memory {
    final World world = World.boot(16);
    final Pages p;
    final Pmap pmap;
    final KMutex kernelLock;

    /** Boots. */
    public Memory() {
      p = new Pages(world, 2);
      pmap = world.kernel.pmaps().create("space");
      kernelLock = new KMutex(world.kernel.domain(), LockRank.VNODE_INTERLOCK, "kernel");
      world.run(
          () -> {
            for (int i = 0; i < 2; i++) {
              map(i);
              pmap.activate(world.kernel.machine().cpu(i));
            }
          });
    }

    private static long va(int page) {
      return (long) page * Pages.SIZE;
    }

    private void map(int page) {
      pmap.enter(va(page), p.pages[page], VmProt.READ | VmProt.WRITE, false);
    }

    private Cpu cpu() {
      return world.kernel.machine().cpu(world.number() & 1);
    }

    /** The trap handler: whoever has taken the translation away gives it back before it lets go of the lock. */
    private void trap(Cpu cpu) {
      cpu.clearTrap();
      kernelLock.lock();
      kernelLock.unlock();
    }

    @Operation(params = "page")
    public long load(int page) {
      return world.word(
          () -> {
            Cpu cpu = cpu();
            while (true) {
              long v = cpu.load(va(page));
              if (cpu.trap() == Cpu.NONE) {
                return v;
              }
              trap(cpu);
            }
          });
    }

    @Operation(params = {"page", "value"})
    public void store(int page, long value) {
      world.run(
          () -> {
            Cpu cpu = cpu();
            cpu.store(va(page), value);
            while (cpu.trap() != Cpu.NONE) {
              trap(cpu);
              cpu.store(va(page), value);
            }
          });
    }

    @Operation(params = {"page", "value"})
    public long exchange(int page, long value) {
      return world.word(
          () -> {
            kernelLock.lock();
            pmap.remove(va(page), va(page + 1));
            int frame = p.pages[page].frame();
            long old = world.kernel.machine().memory().load(frame, 0);
            world.kernel.machine().memory().store(frame, 0, value);
            map(page);
            kernelLock.unlock();
            return old;
          });
    }

    @Operation(params = "page")
    public boolean takeModified(int page) {
      return world.test(
          () -> {
            ResidentPages pages = world.kernel.pages();
            VmPage m = p.pages[page];
            kernelLock.lock();
            pages.mappings().protect(m, VmProt.READ); // first make stores impossible, then look, then clear (3.9)
            pages.testDirty(m);
            boolean was = m.dirty() != 0;
            m.clearDirty(VmPage.ALL_CHUNKS);
            pages.mappings().clearModify(m);
            map(page);
            kernelLock.unlock();
            return was;
          });
    }

    /** I-32, I-33, I-36, I-39. */
    @Validate
    public void invariants() {
      world.check(
          () -> world.kernel.pmaps().checkInvariants(
              wrong -> {
                throw KernelPanic.of(wrong);
              }));
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Memory.class, MemorySpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Memory.class, MemorySpec.class, 5, 50);
  }
}
