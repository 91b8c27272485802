package dev.faultline.lin.lincheck;

import static dev.faultline.lin.spec.ObjectSlotSpec.NONE;

import dev.faultline.lin.spec.ObjectSlotSpec;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** References and paging_in_progress: VmObjects' deallocate and terminate against users of the object and its page. */
class ObjectSlotTest {
  /** An object that is found through a slot, with one page that is claimed busy to be changed. */
  public static class Slot {
    private static final int FRAMES = 8;
    private static final int KERNELS_OWN = 2; // kernel_object, kmem_object
    final World world = World.boot(FRAMES);
    final ResidentPages pages = world.kernel.pages();
    final KMutex slotLock = new KMutex(world.kernel.domain(), LockRank.VNODE_INTERLOCK, "slot");
    @Nullable VmObject slot; // guarded by slotLock; one reference is its

    @Operation
    public boolean make() {
      return world.test(
          () -> {
            slotLock.lock();
            boolean made = slot == null;
            if (made) {
              slot = world.kernel.objects().allocate(ObjectType.DEFAULT, Pages.SIZE);
            }
            slotLock.unlock();
            return made;
          });
    }

    @Operation
    public long addHolding() {
      return world.word(
          () -> {
            VmObject o = find();
            if (o == null) {
              return NONE;
            }
            o.referenceLocked();
            o.lock.unlock();
            long sum = add(o);
            o.deallocate();
            return sum;
          });
    }

    @Operation
    public long addPaging() {
      return world.word(
          () -> {
            VmObject o = find();
            if (o == null) {
              return NONE;
            }
            beginPaging(o);
            o.lock.unlock();
            long sum = add(o);
            o.lock.lock();
            endPaging(o);
            o.lock.unlock();
            return sum;
          });
    }

    void beginPaging(VmObject o) {
      o.pipUp(1);
    }

    void endPaging(VmObject o) {
      o.pipDown(1);
    }

    /** Returns the slot's object with O held, or null. */
    private @Nullable VmObject find() {
      slotLock.lock();
      VmObject o = slot;
      if (o != null) {
        o.lock.lock();
      }
      slotLock.unlock();
      return o;
    }

    /** Adds to the object's word. The page is busy while that is done, with no lock held. */
    private long add(VmObject o) {
      Object me = KThread.current();
      o.lock.lock();
      VmPage m = pages.lookup(o, 0);
      while (m != null && m.isBusy()) {
        m.setWanted();
        world.kernel.domain().sleepQueues().sleepOn(m, o.lock, "busy");
        o.lock.lock();
        m = pages.lookup(o, 0);
      }
      if (m == null) {
        m = pages.alloc(o, 0, AllocClass.NORMAL);
        if (m == null) {
          throw new IllegalStateException("no memory");
        }
        pages.zeroFill(m);
      } else {
        m.setBusy(me);
      }
      o.lock.unlock();
      long sum = pages.memory().load(m.frame(), 0) + 1;
      pages.memory().store(m.frame(), 0, sum);
      o.lock.lock();
      Check.holds(m.isBusyBy(me) && m.object() == o, "I-12 a busy page was taken away", m);
      m.setValid(VmPage.ALL_CHUNKS);
      pages.wakeup(m);
      o.lock.unlock();
      return sum;
    }

    @Operation
    public boolean drop() {
      return world.test(
          () -> {
            slotLock.lock();
            VmObject o = slot;
            slot = null;
            slotLock.unlock();
            if (o != null) {
              o.deallocate();
            }
            return o != null;
          });
    }

    /** I-7, I-20, I-22: what was dropped is gone, with its page, and nothing else is. */
    @Validate
    public void invariants() {
      world.check(
          () -> {
            VmObject o = slot;
            int live = o == null ? 0 : 1;
            Check.holds(world.kernel.objects().objectCount() == KERNELS_OWN + live, "I-31 objects left", live);
            Check.holds(o == null || (o.refCount() == 1 && o.pip() == 0), "I-20 references left", String.valueOf(o));
            int resident = o == null ? 0 : o.residentPageCount();
            Check.holds(pages.freeList().freeCount() == FRAMES - resident, "I-7 frames lost", resident);
          });
    }
  }

  /** Works on the object's page without paging_in_progress: the object ends meanwhile (INV3). */
  public static class ForgetsPaging extends Slot {
    @Override
    void beginPaging(VmObject o) {}

    @Override
    void endPaging(VmObject o) {}
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Slot.class, ObjectSlotSpec.class, 5, 50, 3);
  }

  @Test
  void stressed() {
    Lincheck.stress(Slot.class, ObjectSlotSpec.class, 5, 50);
  }

  @Test
  void workingWithoutPagingInProgressIsFound() {
    Lincheck.finds(ForgetsPaging.class, ObjectSlotSpec.class, Script.of("make", "addPaging", "drop").then("make"));
  }
}
