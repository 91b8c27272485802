package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.SwapSpec;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.SwapDoor;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** The swap block allocator: SwapSpace, SwapTable and SwapMap with reclaim, nearly full. */
class SwapTest {
  /** Two objects and a swap area that holds all but one of their first pages each. */
  @Param(name = "object", gen = IntGen.class, conf = "0:1")
  @Param(name = "page", gen = IntGen.class, conf = "6:8")
  public static class Swap {
    final World world = World.boot(8);
    final SwapDoor swap;
    final VmObject[] objects = new VmObject[2];

    /** Boots. */
    public Swap() {
      swap = new SwapDoor(world.kernel, SwapSpec.SIZE);
      world.run(
          () -> {
            for (int i = 0; i < 2; i++) {
              objects[i] = swap.newObject(world.kernel, 16);
              for (int page = 0; page < SwapSpec.FULL; page++) {
                swap.put(objects[i], page);
              }
            }
          });
    }

    /** A refusal may come of another object's lock that was only tried; it counts once swap is seen to be full. */
    @Operation(params = {"object", "page"})
    public boolean put(int object, int page) {
      return world.test(
          () -> {
            while (!swap.put(objects[object], page)) {
              if (swap.holdsNoMore(objects)) {
                return false;
              }
            }
            return true;
          });
    }

    @Operation(params = {"object", "page"})
    public void free(int object, int page) {
      world.run(() -> swap.free(objects[object], page));
    }

    @Operation(params = {"object", "page"})
    public boolean holds(int object, int page) {
      return world.test(() -> swap.holds(objects[object], page));
    }

    /** I-44, I-45, I-46. */
    @Validate
    public void invariants() {
      world.check(swap::checkInvariants);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Swap.class, SwapSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Swap.class, SwapSpec.class, 5, 50);
  }
}
