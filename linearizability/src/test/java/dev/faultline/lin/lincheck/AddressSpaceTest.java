package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.AddressSpaceSpec;
import dev.faultline.vm.map.Vmspace;
import org.jetbrains.lincheck.datastructures.BooleanGen;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.LongGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** An address space that two threads share: loads and stores against mmap, munmap, mprotect and fork. */
class AddressSpaceTest {
  /** Two pages of anonymous memory. */
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = LongGen.class, conf = "1:3")
  @Param(name = "write", gen = BooleanGen.class)
  public static class Space {
    final World world = World.boot(24);
    final Spaces spaces;
    final Vmspace vmspace;

    /** Boots. */
    public Space() {
      spaces = new Spaces(world);
      world.enter();
      vmspace = world.kernel.processes().newVmspace("space");
      Spaces.map(vmspace, 0, 2);
      world.leave();
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

    @Operation(params = "page")
    public void unmap(int page) {
      world.run(() -> vmspace.map().remove(Spaces.va(page), Spaces.va(page + 1)));
    }

    @Operation(params = "page")
    public void map(int page) {
      world.run(() -> Spaces.map(vmspace, page, page + 1));
    }

    @Operation
    public long fork() {
      return world.word(
          () -> {
            Vmspace child = vmspace.fork("child");
            if (child == null) {
              throw new IllegalStateException("fork failed");
            }
            long sum = 10 * spaces.load(child, 0) + spaces.load(child, 1);
            child.free();
            return sum;
          });
    }

    /** All that holds at rest, I-1 to I-55. */
    @Validate
    public void invariants() {
      world.checkKernel(vmspace);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Space.class, AddressSpaceSpec.class, 4, 25);
  }

  @Test
  void stressed() {
    Lincheck.stress(Space.class, AddressSpaceSpec.class, 5, 50);
  }
}
