package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.ChainSpec;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.SwapDoor;
import org.jetbrains.lincheck.datastructures.BooleanGen;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.LongGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Three objects deep: the fault handler's way down and its copies, against what else happens to such a chain. */
class ChainTest {
  /**
   * Two pages of an address space. The top object is empty and has swap, so that faults ask the pager and look the map
   * up again; the one in the middle holds the second page, the lowest the first. Neither has been collapsed yet, as
   * where the last other user of each has just gone while a page was busy.
   */
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = LongGen.class, conf = "3:5")
  @Param(name = "write", gen = BooleanGen.class)
  public static class Chain {
    private static final int PAGES = 2;
    private final World world = World.boot(24);
    private final ResidentPages pages = world.kernel.pages();
    private final Spaces spaces = new Spaces(world);
    private final Vmspace vmspace;
    private final VmObject top;

    /** Boots. */
    public Chain() {
      world.enter();
      VmObject lowest = world.kernel.objects().allocate(ObjectType.DEFAULT, Spaces.va(PAGES));
      put(lowest, 0, ChainSpec.FIRST);
      VmObject middle = world.kernel.objects().shadow(lowest, 0, Spaces.va(PAGES));
      put(middle, 1, ChainSpec.SECOND);
      top = world.kernel.objects().shadow(middle, 0, Spaces.va(PAGES));
      top.lock.lock();
      SwapDoor.convert(world.kernel, top);
      top.lock.unlock();
      vmspace = world.kernel.processes().newVmspace("space");
      Mapping whole = Mapping.of(top, 0).withProtection(VmProt.READ | VmProt.WRITE);
      KernReturn r = vmspace.map().mapFixed(whole, 0, Spaces.va(PAGES));
      Check.holds(r == KernReturn.SUCCESS, "mmap", r);
      world.leave();
    }

    private void put(VmObject o, int page, long value) {
      o.lock.lock();
      VmPage m = pages.alloc(o, Spaces.va(page), AllocClass.NORMAL);
      if (m == null) {
        throw new IllegalStateException("no memory");
      }
      pages.zeroFill(m);
      pages.memory().store(m.frame(), 0, value);
      m.clearZero();
      m.setValid(VmPage.ALL_CHUNKS);
      m.orDirty(VmPage.ALL_CHUNKS);
      pages.queues().activate(m);
      pages.wakeup(m);
      o.lock.unlock();
    }

    @Operation(params = "page")
    public long load(int page) {
      return world.word(() -> spaces.load(vmspace, page));
    }

    @Operation(params = {"page", "value"})
    public long store(int page, long value) {
      return world.word(() -> spaces.store(vmspace, page, value));
    }

    @Operation(params = {"page", "write"})
    public void protect(int page, boolean write) {
      world.run(() -> Spaces.protect(vmspace, page, write));
    }

    /** What the page daemon does to an unused page: caches it if it is clean; then the frame is needed. */
    @Operation(params = "page")
    @SuppressWarnings("GuardedBy") // the checker takes the queues of two expressions for two
    public void evict(int page) {
      world.run(
          () -> {
            top.lock.lock();
            VmPage m = pages.lookup(top, Spaces.va(page));
            if (m != null) {
              pages.queues().lock.lock();
              pages.cacheLocked(m);
              pages.queues().lock.unlock();
            }
            top.lock.unlock();
            pages.freeCachedHead();
          });
    }

    /** What the last exit of another that used the lowest object does. */
    @Operation
    public void collapse() {
      world.run(
          () -> {
            VmObject middle = lockMiddle();
            if (middle != null) {
              middle.collapse();
              middle.lock.unlock();
            }
          });
    }

    /** What the object's first pageout does. */
    @Operation
    public void convert() {
      world.run(
          () -> {
            VmObject middle = lockMiddle();
            if (middle != null) {
              SwapDoor.convert(world.kernel, middle);
              middle.lock.unlock();
            }
          });
    }

    /** Returns what is below the top object, with its lock held, or null. */
    private @Nullable VmObject lockMiddle() {
      top.lock.lock();
      VmObject o = top.backing();
      if (o != null) {
        o.lock.lock();
      }
      top.lock.unlock();
      return o;
    }

    /** All that holds at rest, I-1 to I-55. */
    @Validate
    public void invariants() {
      world.checkKernel(vmspace);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Chain.class, ChainSpec.class, 2, 10);
  }
}
