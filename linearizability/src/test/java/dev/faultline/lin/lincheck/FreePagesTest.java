package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.FreePagesSpec;
import dev.faultline.lin.spec.FreePagesSpec.Answer;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** The allocator: ResidentPages and FreeList, for two objects that share nothing but the frames. */
class FreePagesTest {
  /** Allocates under the objects' own locks. */
  @Param(name = "object", gen = IntGen.class, conf = "0:1")
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  public static class Allocator {
    private static final int SIZE = 64;
    private static final int FRAMES = FreePagesSpec.FREE + 2;
    final World world =
        World.boot(
            FRAMES,
            new Thresholds(
                FreePagesSpec.INTERRUPT_MIN, 2, FreePagesSpec.RESERVED, FreePagesSpec.FREE, FreePagesSpec.FREE + 1, 0,
                0, 1, 2));
    final ResidentPages pages = world.kernel.pages();
    final VmObject[] objects = new VmObject[3];

    /** Boots, and gives two frames away. */
    public Allocator() {
      world.enter();
      for (int i = 0; i < objects.length; i++) {
        objects[i] = world.kernel.objects().allocate(ObjectType.DEFAULT, 2L * SIZE);
      }
      take(2, 0, AllocClass.INTERRUPT);
      take(2, 1, AllocClass.INTERRUPT);
      world.leave();
    }

    @Operation(params = {"object", "page"})
    public Answer allocate(int object, int page) {
      world.enter();
      try {
        return allocateOrdinary(object, page);
      } finally {
        world.leave();
      }
    }

    Answer allocateOrdinary(int object, int page) {
      return take(object, page, AllocClass.NORMAL);
    }

    @Operation(params = {"object", "page"})
    public Answer allocateForSystem(int object, int page) {
      world.enter();
      try {
        return take(object, page, AllocClass.SYSTEM);
      } finally {
        world.leave();
      }
    }

    Answer take(int object, int page, int allocClass) {
      VmObject o = objects[object];
      o.lock.lock();
      try {
        if (pages.lookup(o, (long) page * SIZE) != null) {
          return Answer.RESIDENT;
        }
        VmPage m = pages.alloc(o, (long) page * SIZE, allocClass);
        if (m == null) {
          return Answer.REFUSED;
        }
        pages.wakeup(m);
        return Answer.TAKEN;
      } finally {
        o.lock.unlock();
      }
    }

    @Operation(params = {"object", "page"})
    public boolean free(int object, int page) {
      return world.test(
          () -> {
            VmObject o = objects[object];
            o.lock.lock();
            try {
              VmPage m = pages.lookup(o, (long) page * SIZE);
              if (m != null) {
                pages.free(m);
              }
              return m != null;
            } finally {
              o.lock.unlock();
            }
          });
    }

    @Operation
    public int freeCount() {
      return pages.freeList().freeCount();
    }

    /** I-7. */
    @Validate
    public void invariants() {
      world.check(
          () -> {
            int resident = 0;
            for (VmObject o : objects) {
              resident += o.residentPageCount();
            }
            int[] lengths = pages.freeList().lengths();
            Check.holds(lengths[0] + lengths[1] == lengths[2], "I-7 free_count", lengths[0], lengths[1], lengths[2]);
            Check.holds(lengths[2] + resident == FRAMES, "I-1 frames lost", lengths[2], resident);
          });
    }
  }

  /** Looks at the gauge first and takes a frame later, whatever the gauge says by then. */
  public static class LooksAtTheGaugeFirst extends Allocator {
    @Override
    Answer allocateOrdinary(int object, int page) {
      boolean allowed = pages.freeList().freeCount() >= FreePagesSpec.RESERVED;
      if (allowed) {
        return take(object, page, AllocClass.INTERRUPT);
      }
      return take(object, page, AllocClass.NORMAL);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Allocator.class, FreePagesSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Allocator.class, FreePagesSpec.class, 5, 50);
  }

  @Test
  void lookingAtTheGaugeFirstIsFound() {
    Lincheck.finds(
        LooksAtTheGaugeFirst.class,
        FreePagesSpec.class,
        Script.of("allocate 0 0", "allocate 0 1", "allocate 1 0"));
  }
}
