package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.PageQueuesSpec;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The pageout queues and wirings: VmPageQueues under Q. */
class PageQueuesTest {
  /** Two pages that are on no queue. */
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  public static class Queues {
    final World world = World.boot(16);
    final VmPageQueues queues = world.kernel.pages().queues();
    final VmPage[] pages = new VmPage[2];

    /** Boots. */
    public Queues() {
      world.enter();
      VmObject o = world.kernel.objects().allocate(ObjectType.DEFAULT, 128);
      o.lock.lock();
      for (int i = 0; i < pages.length; i++) {
        VmPage m = world.kernel.pages().alloc(o, 64L * i, AllocClass.NORMAL);
        if (m == null) {
          throw new IllegalStateException("no memory");
        }
        world.kernel.pages().wakeup(m);
        pages[i] = m;
      }
      o.lock.unlock();
      world.leave();
    }

    @Operation(params = "page")
    public void activate(int page) {
      world.run(() -> makeActive(pages[page]));
    }

    void makeActive(VmPage m) {
      queues.activate(m);
    }

    @Operation(params = "page")
    public void deactivate(int page) {
      world.run(() -> queues.deactivate(pages[page]));
    }

    @Operation(params = "page")
    public int wire(int page) {
      return world.count(
          () -> {
            queues.lock.lock();
            try {
              queues.wireLocked(pages[page]);
              return pages[page].wireCount();
            } finally {
              queues.lock.unlock();
            }
          });
    }

    @Operation(params = "page")
    public int unwire(int page) {
      return world.count(
          () -> {
            queues.lock.lock();
            try {
              if (pages[page].wireCount() == 0) {
                return -1;
              }
              queues.unwireLocked(pages[page]);
              return pages[page].wireCount();
            } finally {
              queues.lock.unlock();
            }
          });
    }

    @Operation
    public String queues() {
      world.enter();
      queues.lock.lock();
      try {
        return order(queues.activeHeadLocked()) + " " + order(queues.inactiveHeadLocked());
      } finally {
        queues.lock.unlock();
        world.leave();
      }
    }

    private List<Integer> order(@Nullable VmPage head) {
      List<Integer> l = new ArrayList<>();
      for (VmPage m = head; m != null; m = m.nextOnQueue()) {
        l.add(m == pages[0] ? 0 : 1);
      }
      return l;
    }

    /** I-1, I-5, I-6. */
    @Validate
    public void invariants() {
      world.check(
          () -> {
            int[] lengths = queues.lengths();
            int wired = 0;
            int queued = 0;
            for (VmPage m : pages) {
              wired += m.wireCount() > 0 ? 1 : 0;
              queued += m.queue() == VmPage.QUEUE_NONE ? 0 : 1;
              Check.holds(m.wireCount() == 0 || m.queue() == VmPage.QUEUE_NONE, "I-5 wired page on a queue", m);
            }
            Check.holds(queued == lengths[0] + lengths[1], "I-1 lengths of queues", lengths[0], lengths[1]);
            Check.holds(wired == queues.wireCount(), "I-6 v_wire_count", wired, queues.wireCount());
          });
    }
  }

  /** Takes the page off its queue in one hold of Q and puts it on the active queue in another (R35). */
  public static class ActivatesInTwoSteps extends Queues {
    @Override
    void makeActive(VmPage m) {
      queues.unqueue(m);
      queues.activate(m);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Queues.class, PageQueuesSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Queues.class, PageQueuesSpec.class, 5, 50);
  }

  @Test
  void activatingInTwoStepsIsFound() {
    Lincheck.finds(ActivatesInTwoSteps.class, PageQueuesSpec.class, Script.of("deactivate 0", "activate 0", "queues"));
  }
}
