package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whoever is killed is told so by whatever it does next, gets nothing more, and leaves nothing (3.5 F, 5.7). */
@Timeout(60)
final class KilledTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long AT = 0x10000;
  private static final DaemonOptions WITH_U_AREA = DaemonOptions.DEFAULT.withUPages(2);

  private static void until(BooleanSupplier condition) {
    await().pollInSameThread().atMost(10, TimeUnit.SECONDS).pollInterval(1, TimeUnit.MILLISECONDS)
        .until(condition::getAsBoolean);
  }

  private static void kill(ProcessWorld w) {
    w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
  }

  /** Waits until a process sleeps for memory. */
  private static void awaitMemoryWait(ProcessWorld w) {
    until(() -> {
      boolean[] any = new boolean[1];
      w.kernel.run("look", () -> w.kernel.domain().forEachThread(
          t -> any[0] |= t.name().startsWith("pid ") && "vmwait".equals(t.sleepTag())));
      return any[0];
    });
  }

  private static int objects(ProcessWorld w) {
    return w.kernel.call("count", w.kernel.objects()::objectCount);
  }

  /** Gives frames to an object that keeps them busy, until so many are free. */
  private static VmObject take(Kernel k, int leave) {
    return k.call("hog", () -> {
      VmObject o = k.objects().allocate(ObjectType.DEFAULT, 256L * PAGE);
      o.lock.lock();
      for (int i = 0; k.pages().freeList().freeCount() > leave; i++) {
        assertThat(k.pages().alloc(o, (long) i * PAGE, AllocClass.INTERRUPT)).isNotNull();
      }
      o.lock.unlock();
      return o;
    });
  }

  private static void give(Kernel k, VmObject o) {
    k.run("hog", () -> {
      o.lock.lock();
      for (VmPage m = o.firstPage(); m != null; m = o.firstPage()) {
        k.pages().freeBusy(m);
      }
      o.lock.unlock();
      o.deallocate();
    });
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void everyAccess_andEveryCall_saysSo(Mode mode) {
    List<CallResult> answers = Collections.synchronizedList(new ArrayList<>());
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Vnode file = w.kernel.call("create", () -> w.kernel.volume().create("f", 2 * PAGE, 1));
      Barrier b = w.processes.barrier("b", 2);
      Told told = new Told();
      w.processes.setWatcher(told);
      w.start(1, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 1);
        answers.add(w.calls.life().sleep(t, -1)); // unsigned: for ever
        answers.add(t.access().load(AT));
        answers.add(t.access().store(AT, 1));
        answers.add(t.access().storeBytes(AT, 1, 1));
        answers.add(t.access().add(AT, 1));
        answers.add(t.access().fill(AT, 8, 1));
        answers.add(t.access().sum(AT, 8));
        answers.add(w.calls.files().read(t, file, 0, AT, 8));
        answers.add(w.calls.files().write(t, file, 0, AT, 8));
        answers.add(w.calls.life().barrier(t, b));
        answers.add(w.calls.memory().munmap(t, AT, PAGE));
        told.news();
        w.calls.life().exit(t);
      });
      until(() -> w.processes.sleeping() == 1);
      kill(w);
      w.awaitEnd();
      assertThat(answers).hasSize(11).containsOnly(CallResult.SIGKILL);
      assertThat(told.news()).as("its space goes").containsExactly("dropped");
      assertThat(b.toString()).isEqualTo("barrier b (0 of 2 there)");
    }
  }

  /** The quantum's end is where a process that only computes hears of it. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aProcessThatOnlyComputes_hearsOfIt_byEachKindOfAccess(Mode mode) {
    List<Function<UserAccess, CallResult>> kinds = List.of(a -> a.load(AT), a -> a.store(AT, 1),
        a -> a.storeBytes(AT, 1, 1), a -> a.add(AT, 1), a -> a.fill(AT, 1, 1), a -> a.sum(AT, 1));
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      AtomicInteger begun = new AtomicInteger();
      AtomicInteger heard = new AtomicInteger();
      for (int i = 0; i < kinds.size(); i++) {
        Function<UserAccess, CallResult> access = kinds.get(i);
        w.start(1 + i, t -> {
          w.map(t, AT, false);
          CallResult r = access.apply(t.access());
          begun.incrementAndGet();
          while (r == CallResult.OK) {
            r = access.apply(t.access());
          }
          heard.addAndGet(r == CallResult.SIGKILL ? 1 : 0);
          w.calls.life().exit(t);
        });
      }
      until(() -> begun.get() == kinds.size());
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
      assertThat(heard.get()).isEqualTo(kinds.size());
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsStartedAfterTheStop_neverRuns(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.kernel.run("stop", w.processes::stop);
      AtomicInteger ran = new AtomicInteger();
      w.start(1, t -> ran.incrementAndGet());
      w.awaitEnd();
      assertThat(ran.get()).isZero();
      assertThat(w.processes.live()).isZero();
    }
  }

  /** The parent that a vfork holds is let go by its own death, and its child goes on in the space that they share. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aParentHeldByItsVfork_dies_andTheChildGoesOn(Mode mode) {
    List<CallResult> answers = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger seen = new AtomicInteger();
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        answers.add(w.calls.life().vfork(t, 2, c -> {
          w.calls.life().sleep(c, 300);
          c.access().load(AT);
          seen.set((int) c.access().value());
          answers.add(w.calls.life().exec(c));
          w.calls.life().exit(c);
        }));
        answers.add(w.calls.life().waitFor(t, t.lastChild()));
        w.calls.life().exit(t);
      });
      until(() -> w.processes.sleeping() == 1);
      kill(w); // of two that are as large, the older
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(1L);
      assertThat(answers).containsExactlyInAnyOrder(CallResult.SIGKILL, CallResult.SIGKILL, CallResult.OK);
      assertThat(seen.get()).isEqualTo(7);
    }
  }

  /** Before a fork does anything it waits for memory. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aForkThatWaitsForMemory_isGivenUp(Mode mode) {
    List<CallResult> answers = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger go = new AtomicInteger();
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, DaemonOptions.NONE)) {
      Told told = new Told();
      w.processes.setWatcher(told);
      w.start(1, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        told.news();
        go.incrementAndGet();
        while (go.get() == 1) {
          w.calls.life().sleep(t, 1);
        }
        answers.add(w.calls.life().fork(t, 2, c -> answers.add(CallResult.OK)));
        w.calls.life().exit(t);
      });
      until(() -> go.get() == 1);
      VmObject hog = take(w.kernel, 0);
      go.incrementAndGet();
      awaitMemoryWait(w);
      kill(w);
      w.awaitEnd();
      give(w.kernel, hog);
      assertThat(answers).containsExactly(CallResult.SIGKILL);
      assertThat(told.news()).as("no fork began").containsExactly("dropped");
    }
  }

  /** A fork whose copy of wired memory is given up gives back the child's u-area too, and says that it failed (R36). */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aForkThatCopiesWiredMemory_isGivenUp_withTheChildsUArea(Mode mode) {
    List<CallResult> answers = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger go = new AtomicInteger();
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, WITH_U_AREA)) {
      int before = objects(w);
      Told told = new Told();
      w.processes.setWatcher(told);
      int pages = 40;
      w.start(1, t -> {
        w.calls.memory().mmapAnon(t, AT, (long) pages * PAGE, RW, false);
        answers.add(w.calls.paging().mlock(t, AT, (long) pages * PAGE));
        told.news();
        go.incrementAndGet();
        while (go.get() == 1) {
          w.calls.life().sleep(t, 1);
        }
        answers.add(w.calls.life().fork(t, 2, c -> answers.add(CallResult.OK)));
        w.calls.life().exit(t);
      });
      until(() -> go.get() == 1);
      VmObject hog = take(w.kernel, pages / 2);
      go.incrementAndGet();
      awaitMemoryWait(w);
      assertThat(w.kernel.pages().queues().wireCount()).as("the child's u-area is there").isGreaterThan(pages + 2);
      kill(w);
      w.awaitEnd();
      give(w.kernel, hog);
      assertThat(answers).containsExactly(CallResult.OK, CallResult.SIGKILL);
      assertThat(told.news()).containsExactly("fork", "fork failed", "dropped");
      assertThat(w.kernel.pages().queues().wireCount()).isZero();
      assertThat(objects(w)).isEqualTo(before);
    }
  }

  /** A child's u-area that there is no memory for is none: the fork is given up before it began. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aForkThatWaitsForItsChildsUArea_isGivenUp(Mode mode) {
    List<CallResult> answers = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger go = new AtomicInteger();
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, DaemonOptions.NONE.withUPages(2))) {
      int before = objects(w);
      w.start(1, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        go.incrementAndGet();
        while (go.get() == 1) {
          w.calls.life().sleep(t, 1);
        }
        t.inKernel(() -> {
          UArea u = UArea.create(w.kernel.maps(), w.kernel.machine().memory(), 9, 2);
          assertThat(u).isNull();
          answers.add(CallResult.ENOMEM);
        });
        w.calls.life().exit(t);
      });
      until(() -> go.get() == 1);
      int wired = w.kernel.pages().queues().wireCount();
      VmObject hog = take(w.kernel, w.kernel.config().thresholds().pageoutFreeMin());
      go.incrementAndGet();
      awaitMemoryWait(w);
      assertThat(w.kernel.pages().queues().wireCount()).isEqualTo(wired);
      kill(w);
      w.awaitEnd();
      give(w.kernel, hog);
      assertThat(answers).containsExactly(CallResult.ENOMEM);
      assertThat(objects(w)).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void noWayOut_isSaidOfAVfork(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Barrier b = w.processes.barrier("b", 2);
      w.start(1, t -> {
        w.calls.life().vfork(t, 2, c -> {
          w.calls.life().barrier(c, b);
          w.calls.life().exit(c);
        });
        w.calls.life().exit(t);
      });
      w.awaitEnd();
      assertThat(w.processes.stuck()).contains("pid 1 waits for the exec or exit of pid 2");
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void noWayOut_isSaidOfAFewOnly(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Barrier b = w.processes.barrier("b", 100);
      int n = 23;
      w.start(1, t -> {
        w.calls.life().vfork(t, 2, c -> {
          until(() -> b.waiting.size() == n); // the last of all to wait
          w.calls.life().barrier(c, b);
          w.calls.life().exit(c);
        });
        w.calls.life().exit(t);
      });
      until(() -> w.processes.live() == 2);
      for (int i = 0; i < n; i++) {
        w.start(100 + i, t -> {
          w.calls.life().barrier(t, b);
          w.calls.life().exit(t);
        });
      }
      w.awaitEnd();
      assertThat(w.processes.stuck()).contains("pid 122 waits for barrier b (24 of 100 there), ")
          .doesNotContain("pid 102 ").endsWith(", and 5 more");
    }
  }
}
