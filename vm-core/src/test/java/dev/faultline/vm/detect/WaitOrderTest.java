package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.MapLock;
import dev.faultline.vm.sync.SleepLock;
import dev.faultline.vm.sync.SleepQueues;
import dev.faultline.vm.sync.Witness;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Waits in the wrong order are found from one run of each path, also where nobody had to wait (vm-semantics 5.1, 5.5
 * R29 to R31, I-56). The test threads do what a wrong kernel would, through the kernel's own locks, pages and objects.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class WaitOrderTest {
  private final World w = World.builder().build();
  private final SleepQueues sleeps = w.kernel().domain().sleepQueues();

  private VmObject object() {
    return w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, 8L * w.pageSize()));
  }

  private VmPage busyPage(VmObject o, int index, Object owner) {
    o.lock.lock();
    VmPage m = w.kernel().pages().alloc(o, (long) index * w.pageSize(), 0, HoldReason.TEST);
    if (owner != KThread.current()) {
      m.handBusy(owner);
    }
    o.lock.unlock();
    return m;
  }

  /** Sleeps on a page until somebody wakes it, as a waiter for a busy page does. */
  private void awaitPage(VmObject o, VmPage m) {
    o.lock.lock();
    m.setWanted();
    sleeps.sleepOn(m, o.lock, "wait");
  }

  private void awaitPip(VmObject o) {
    o.lock.lock();
    sleeps.sleepOn(o, o.lock, "wait");
  }

  private static void assertFound(Throwable t, String... words) {
    assertThat(t).isInstanceOf(KernelPanic.class).hasMessageStartingWith("witness: I-56 ").hasMessageContainingAll(
        words);
  }

  private void found(Runnable body, String... words) {
    assertThatThrownBy(() -> w.inKernel(body)).satisfies(t -> assertFound(t, words));
  }

  private static void awaitSleeper(World of) {
    Awaitility.await().atMost(10, TimeUnit.SECONDS).until(
        () -> !of.inKernel(() -> WaitForGraph.of(of.kernel().domain()).waits()).isEmpty());
  }

  /** Runs a path that ends in a wait which another thread ends. */
  private void path(Runnable body, Runnable end) {
    World.Actor<Object> a = w.start("path", () -> {
      body.run();
      return "";
    });
    awaitSleeper(w);
    w.inKernel(end);
    a.join();
  }

  @Test
  void aBusyPage_isNotWaitedFor_withAnotherHeld() {
    VmObject o = object();
    found(() -> {
      VmPage other = busyPage(o, 1, "a transfer");
      busyPage(o, 0, KThread.current());
      awaitPage(o, other);
    }, "waits for busy page", "while it holds busy page of page");
  }

  @Test
  void pip_isNotWaitedFor_withABusyPageOrPipHeld() {
    VmObject o = object();
    VmObject other = object();
    found(() -> {
      busyPage(o, 0, KThread.current());
      awaitPip(other);
    }, "waits for pip", "while it holds busy page");
  }

  @Test
  void pip_isNotWaitedFor_withPipHeld() {
    VmObject o = object();
    found(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.FAULT);
      o.lock.unlock();
      awaitPip(o);
    }, "waits for pip", "while it holds pip of object");
  }

  /** 5.1: holding pip on X it may wait only for busy pages of X. */
  @Test
  void withPip_onlyPagesOfTheSameObject_areWaitedFor() {
    VmObject o = object();
    VmObject other = object();
    VmPage[] m = new VmPage[2];
    w.inKernel(() -> {
      m[0] = busyPage(o, 0, "a transfer");
      m[1] = busyPage(other, 0, "a transfer");
    });
    path(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.CLEAN);
      o.lock.unlock();
      awaitPage(o, m[0]);
      o.lock.lock();
      o.pipDown(1);
      o.lock.unlock();
    }, () -> {
      o.lock.lock();
      w.kernel().pages().wakeup(m[0], "a transfer");
      o.lock.unlock();
    });
    found(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.CLEAN);
      o.lock.unlock();
      awaitPage(other, m[1]);
    }, "waits for busy page", "while it holds pip of object");
  }

  @Test
  void memory_isNotWaitedFor_withAPageOrPipOrVnodeHeld() {
    VmObject o = object();
    FreeList free = w.kernel().pages().freeList();
    found(() -> {
      busyPage(o, 0, KThread.current());
      free.waitForMemory(free.generation(), true);
    }, "waits for memory", "while it holds busy page");
  }

  @Test
  void memory_isNotWaitedFor_withAVnodeHeld() {
    FreeList free = w.kernel().pages().freeList();
    found(() -> {
      new SleepLock(w.kernel().domain(), "file", 5).lock();
      free.waitForMemory(free.generation(), true);
    }, "waits for memory", "while it holds a vnode");
  }

  @Test
  void twoVnodes_areNotWaitedFor() {
    found(() -> {
      SleepLock a = new SleepLock(w.kernel().domain(), "a", 5);
      a.lock();
      a.lock(); // its owner may
      new SleepLock(w.kernel().domain(), "b", 6).lock();
    }, "while it holds another vnode");
  }

  /** R29: munmap drops its object's reference, and with it waits for pip, while it holds the map. */
  @Test
  void r29_pip_isNotWaitedFor_withAMapHeld() {
    VmObject o = object();
    MapLock map = new MapLock(w.kernel().domain(), "map", 9);
    found(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.FAULT, "a faulter");
      o.lock.unlock();
      map.lockWrite();
      o.deallocate();
    }, "waits for pip", "while it holds maplock(map");
  }

  /** R30 without its third thread: msync's wait under M, and a relookup that blocks, run one after the other. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void r30_msyncAgainstABlockingRelookup_isFoundFromOneRunOfEach(Mode mode) {
    World x = World.builder().mode(mode).build();
    Space s = x.space().mapSwap(0, 2);
    s.write(0, 1);
    VmMap map = s.vmspace().map();
    VmObject o = s.object(0);
    VmPage m = x.inKernel(() -> {
      o.lock.lock();
      VmPage p = x.kernel().pages().lookup(o, 0);
      p.setBusy("a faulter", HoldReason.TEST);
      o.lock.unlock();
      return p;
    });
    World.Actor<Object> msync = x.start("msync", () -> {
      map.lockRead();
      KThread.current().mayWaitUnderMap("msync", () -> {
        o.lock.lock();
        m.setWanted();
        x.kernel().domain().sleepQueues().sleepOn(m, o.lock, "objpcn");
        return "";
      });
      map.unlock();
      return "";
    });
    awaitSleeper(x);
    x.inKernel(() -> {
      o.lock.lock();
      x.kernel().pages().wakeup(m, "a faulter");
      o.lock.unlock();
    });
    msync.join();
    assertThatThrownBy(() -> x.inKernel(() -> { // nobody else is there any more, and the lock is free
      o.lock.lock();
      m.setBusy(KThread.current(), HoldReason.FAULT);
      o.lock.unlock();
      map.lockRead();
    })).satisfies(t -> assertFound(t, "a circle of waits", "holding busy page, waited for maplock",
        "holding MAP, waited for page", "WaitOrderTest.java"));
  }

  /** R31: a fault locks the map, then the vnode; a relookup that blocks does it the other way round. */
  @Test
  void r31_mapAfterVnode_isFound() {
    MapLock map = new MapLock(w.kernel().domain(), "map", 9);
    SleepLock v = new SleepLock(w.kernel().domain(), "file", 5);
    w.inKernel(() -> {
      map.lockRead();
      v.lock();
      v.unlock();
      map.unlock();
    });
    found(() -> {
      v.lock();
      map.lockRead();
    }, "waits for maplock", "while it holds a vnode");
  }

  /** Two vnodes and a page, of which no thread ever has all: page_clean waits with V, a wrong pager takes V. */
  @Test
  void aCircleOfVnodeAndPage_isFoundFromOneRunOfEach() {
    VmObject o = object();
    SleepLock v = new SleepLock(w.kernel().domain(), "file", 5);
    VmPage[] m = new VmPage[1];
    w.inKernel(() -> m[0] = busyPage(o, 0, "a transfer"));
    path(() -> {
      v.lock();
      awaitPage(o, m[0]);
      v.unlock();
    }, () -> {
      o.lock.lock();
      w.kernel().pages().wakeup(m[0], "a transfer");
      o.lock.unlock();
    });
    found(() -> {
      busyPage(o, 1, KThread.current());
      v.lock();
    }, "a circle of waits", "holding busy page, waited for vnode lock", "holding VNODE, waited for page");
  }

  @Test
  void busyPages_areNotWaitedFor_withAMapHeld_elsewhereThan5_1Says() {
    VmObject o = object();
    MapLock map = new MapLock(w.kernel().domain(), "map", 9);
    found(() -> {
      VmPage m = busyPage(o, 0, "a transfer");
      map.lockRead();
      awaitPage(o, m);
    }, "waits for busy page", "at no place that may");
  }

  /** A run of the kernel as it is closes no circle, and its order is that of 5.1 and 5.2. */
  @Test
  void theKernelsOwnOrder_isTold() {
    Space s = w.space().mapSwap(0, 90);
    for (int i = 0; i < 90; i++) {
      s.write(i, i);
    }
    s.fork().write(3, 1);
    Witness witness = w.kernel().domain().witness();
    assertThat(witness).isNotNull();
    List<String> order = witness.order();
    assertThat(order).anyMatch(e -> e.startsWith("busy page -> OBJECT: "));
    assertThat(order).noneMatch(e -> e.startsWith("busy page -> MAP") || e.startsWith("pip -> MAP"));
    w.close();
  }
}
