package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.MemoryWaitSpec;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** vm_wait: who waits for memory is woken by whoever frees it. In scenarios written out, as others rightly wait on. */
class MemoryWaitTest {
  private static final Script SCRIPT = Script.of("", "take", "free");

  /** All four frames are one object's; another wants one. */
  public static class Memory {
    private static final int FRAMES = 4;
    final World world = World.boot(FRAMES, new Thresholds(0, 0, 1, 2, 3, 0, 0, 1, 2));
    final ResidentPages pages = world.kernel.pages();
    final FreeList freeList = pages.freeList();
    private final VmObject[] objects = new VmObject[2];

    /** Boots, and gives all frames away. */
    public Memory() {
      world.enter();
      for (int i = 0; i < 2; i++) {
        objects[i] = world.kernel.objects().allocate(ObjectType.DEFAULT, (long) FRAMES * Pages.SIZE);
      }
      for (int i = 0; i < FRAMES; i++) {
        Check.holds(allocate(objects[0], i, AllocClass.INTERRUPT) != null, "no memory");
      }
      world.leave();
    }

    private @Nullable VmPage allocate(VmObject o, int page, int allocClass) {
      o.lock.lock();
      try {
        VmPage m = pages.alloc(o, (long) page * Pages.SIZE, allocClass);
        if (m != null) {
          pages.wakeup(m);
        }
        return m;
      } finally {
        o.lock.unlock();
      }
    }

    @Operation
    public void take() {
      world.run(
          () -> {
            while (allocate(objects[1], 0, AllocClass.NORMAL) == null) {
              freeList.waitForMemory(generationToWaitFor(), false);
            }
          });
    }

    long generationToWaitFor() {
      return KThread.current().memoryGen; // as of the hold of F in which the allocation was refused
    }

    @Operation
    public void free() {
      world.run(
          () -> {
            for (int i = 0; i < FRAMES; i++) {
              objects[0].lock.lock();
              VmPage m = pages.lookup(objects[0], (long) i * Pages.SIZE);
              if (m != null) {
                pages.free(m);
              }
              objects[0].lock.unlock();
            }
          });
    }

    /** I-7. */
    @Validate
    public void invariants() {
      world.check(() -> Check.holds(freeList.freeCount() == FRAMES - 1, "I-7 free_count", freeList.freeCount()));
    }
  }

  /** Asks for the generation when it is about to wait, and sleeps through a free that came before (R9). */
  public static class AsksTooLate extends Memory {
    @Override
    long generationToWaitFor() {
      return freeList.generation();
    }
  }

  @Test
  void modelChecked() {
    Lincheck.check(Memory.class, MemoryWaitSpec.class, SCRIPT, 300);
  }

  @Test
  void askingForTheGenerationTooLateIsFound() {
    Lincheck.finds(AsksTooLate.class, MemoryWaitSpec.class, SCRIPT);
  }
}
