package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.PageIndexSpec;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The resident-page index: ResidentPages and PageHash under the locks of two objects. */
class PageIndexTest {
  /** Pages of two objects, each under its object's lock. */
  @Param(name = "object", gen = IntGen.class, conf = "0:1")
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = IntGen.class, conf = "1:2")
  public static class Index {
    private static final int SIZE = 64;
    final World world = World.boot(16);
    final ResidentPages pages = world.kernel.pages();
    final VmObject[] objects = new VmObject[2];

    /** Boots. */
    public Index() {
      world.enter();
      objects[1] = world.kernel.objects().allocate(ObjectType.DEFAULT, 2L * SIZE);
      objects[0] = world.kernel.objects().shadow(objects[1], 0, 2L * SIZE); // so that both locks may be held
      world.leave();
    }

    @Operation(params = {"object", "page", "value"})
    public boolean insert(int object, int page, int value) {
      return world.test(() -> insertIfAbsent(objects[object], (long) page * SIZE, value));
    }

    boolean insertIfAbsent(VmObject o, long offset, int value) {
      o.lock.lock();
      try {
        return pages.lookup(o, offset) == null && fill(o, offset, value);
      } finally {
        o.lock.unlock();
      }
    }

    boolean fill(VmObject o, long offset, int value) {
      VmPage m = pages.alloc(o, offset, AllocClass.NORMAL);
      if (m == null) {
        throw KernelPanic.of("no memory");
      }
      pages.memory().store(m.frame(), 0, value);
      pages.wakeup(m);
      return true;
    }

    @Operation(params = {"object", "page"})
    public int lookup(int object, int page) {
      return world.count(
          () -> {
            VmObject o = objects[object];
            o.lock.lock();
            try {
              return value(pages.lookup(o, (long) page * SIZE));
            } finally {
              o.lock.unlock();
            }
          });
    }

    private int value(@Nullable VmPage m) {
      return m == null ? 0 : (int) pages.memory().load(m.frame(), 0);
    }

    @Operation(params = {"object", "page"})
    public int remove(int object, int page) {
      return world.count(
          () -> {
            VmObject o = objects[object];
            o.lock.lock();
            try {
              VmPage m = pages.lookup(o, (long) page * SIZE);
              int value = value(m);
              if (m != null) {
                pages.free(m);
              }
              return value;
            } finally {
              o.lock.unlock();
            }
          });
    }

    @Operation(params = {"object", "page"})
    public boolean rename(int object, int page) {
      return world.test(
          () -> {
            objects[0].lock.lock();
            objects[1].lock.lock();
            try {
              VmPage m = pages.lookup(objects[object], (long) page * SIZE);
              VmObject to = objects[1 - object];
              if (m == null || pages.lookup(to, (long) page * SIZE) != null) {
                return false;
              }
              pages.rename(m, to, (long) page * SIZE);
              return true;
            } finally {
              objects[1].lock.unlock();
              objects[0].lock.unlock();
            }
          });
    }

    /** I-7, I-9, I-10. */
    @Validate
    public void invariants() {
      world.check(
          () -> {
            int resident = 0;
            for (VmObject o : objects) {
              int n = 0;
              for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
                n++;
                Check.holds(m.object() == o, "I-10 page of another object", m, o);
              }
              Check.holds(n == o.residentPageCount(), "I-10 resident_page_count", n, o);
              resident += n;
            }
            int[] hashed = new int[1];
            pages.forEachHashed(m -> ++hashed[0] > 0);
            Check.holds(hashed[0] == resident, "I-9 pages hashed", hashed[0], resident);
            Check.holds(pages.freeList().freeCount() == 16 - resident, "I-7 free_count", resident);
          });
    }
  }

  /** Looks under one hold of the lock and inserts under another. */
  public static class LooksThenInserts extends Index {
    @Override
    boolean insertIfAbsent(VmObject o, long offset, int value) {
      o.lock.lock();
      boolean absent = pages.lookup(o, offset) == null;
      o.lock.unlock();
      if (!absent) {
        return false;
      }
      o.lock.lock();
      try {
        return fill(o, offset, value);
      } finally {
        o.lock.unlock();
      }
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Index.class, PageIndexSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Index.class, PageIndexSpec.class, 5, 50);
  }

  @Test
  void lookingFirstAndInsertingLaterIsFound() {
    Lincheck.finds(
        LooksThenInserts.class,
        PageIndexSpec.class,
        Script.of("", "insert 0 0 1", "insert 0 0 2").then("lookup 0 0"));
  }
}
