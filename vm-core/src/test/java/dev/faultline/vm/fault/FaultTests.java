package dev.faultline.vm.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Timeout;

/** What the tests of the fault handler's decisions and paths share. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
abstract class FaultTests {
  static final int READ = VmProt.READ;
  static final int RW = VmProt.READ | VmProt.WRITE;

  static Stream<Mode> modes() {
    return Stream.of(Mode.FIXED, Mode.UP);
  }

  static World world(Mode mode) {
    return World.builder().mode(mode).build();
  }

  static void ok(KernReturn r) {
    assertEquals(KernReturn.SUCCESS, r);
  }

  /** Makes a file of so many pages. */
  static Vnode file(World w, int pages) {
    return w.inKernel(() -> w.kernel().volume().create("f" + pages, (long) pages * w.pageSize(), 7));
  }

  /** Grows or truncates a file, as a file system does. */
  static void setSize(World w, Vnode file, long bytes) {
    w.inKernel(() -> {
      file.lock();
      try {
        w.kernel().vnodePager().setSize(file, bytes);
      } finally {
        file.unlock();
      }
    });
  }

  /** Returns the resident page under page {@code n} of a space's top object, or null. */
  static VmPage resident(World w, Space s, int n, VmObject o, long offset) {
    return w.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = w.kernel().pages().lookup(o, offset);
          o.lock.unlock();
          return m;
        });
  }

  /** Puts the page at 16 on the cache queue, as the daemon does. */
  static void cache(World w, Space s) {
    VmObject o = s.object(16);
    VmPage m = resident(w, s, 16, o, 0);
    w.inKernel(
        () -> {
          o.lock.lock();
          w.kernel().pages().queues().lock.lock();
          w.kernel().pages().cacheLocked(m);
          w.kernel().pages().queues().lock.unlock();
          o.lock.unlock();
        });
    assertEquals(true, m.isCached());
  }

  /** Writes the object's dirty pages to swap and drops all of its pages, so that they must be paged in. */
  static void pageOut(World w, VmObject o) {
    w.inKernel(
        () -> {
          PageoutClean cleaner = new PageoutClean(w.kernel().objects());
          for (long offset = 0; offset < o.size(); offset += w.pageSize()) {
            o.lock.lock();
            VmPage m = w.kernel().pages().lookup(o, offset);
            if (m != null) {
              w.kernel().pages().mappings().protect(m, READ);
              w.kernel().pages().testDirty(m);
            }
            if (m == null || m.isBusyAnyway() || m.dirty() == 0) {
              o.lock.unlock();
            } else {
              cleaner.clean(o, m, Cleaner.How.FORCE);
            }
          }
          w.kernel().objects().ranges().remove(o, 0, o.size(), false);
        });
  }

  /** Takes frames until so many are free, for a hoard that {@link #release} gives back. */
  static VmObject hoard(World w, int leaveFree) {
    return w.inKernel(
        () -> {
          VmObject o = w.kernel().objects().allocate(ObjectType.DEFAULT, 1 << 20);
          o.lock.lock();
          for (long offset = 0; w.kernel().pages().freeList().freeCount() > leaveFree; offset += w.pageSize()) {
            VmPage m = w.kernel().pages().alloc(o, offset, AllocClass.INTERRUPT);
            if (m == null) {
              throw new IllegalStateException("no frame");
            }
            w.kernel().pages().queues().lock.lock();
            w.kernel().pages().queues().wireLocked(m); // out of the daemon's reach
            w.kernel().pages().queues().lock.unlock();
            w.kernel().pages().wakeup(m);
          }
          o.lock.unlock();
          return o;
        });
  }

  /** Gives a hoard back. */
  static void release(World w, VmObject hoard) {
    w.inKernel(
        () -> {
          hoard.lock.lock();
          for (VmPage m = hoard.firstPage(); m != null; m = hoard.firstPage()) {
            w.kernel().pages().queues().lock.lock();
            w.kernel().pages().queues().dropWiringLocked(m);
            w.kernel().pages().queues().lock.unlock();
            w.kernel().pages().free(m);
          }
          hoard.lock.unlock();
          hoard.deallocate();
        });
  }

  /** Waits until some kernel thread sleeps with {@code tag}. */
  static void awaitSleeper(World w, String tag) {
    Awaitility.await()
        .atMost(10, TimeUnit.SECONDS)
        .untilAsserted(
            () -> {
              StringBuilder tags = new StringBuilder();
              w.inKernel(() -> w.kernel().domain().forEachThread(x -> tags.append(x).append('=').append(x.sleepTag())
                  .append(' ')));
              assertTrue(tags.toString().contains("=" + tag + " "), () -> tags + " death=" + w.kernel().death());
            });
  }
}
