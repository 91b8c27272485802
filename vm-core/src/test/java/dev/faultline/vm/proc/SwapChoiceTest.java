package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import dev.faultline.vm.sync.NamedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Which processes go out of memory, which comes back first, and what they wait for meanwhile (2.6, 3.1). */
@Timeout(60)
final class SwapChoiceTest {
  private static final int PAGE = ProcessWorld.PAGE;
  private static final DaemonOptions SWAPPING = DaemonOptions.NONE.withUPages(2).withSwapSleepTicks(0);

  private static void until(BooleanSupplier condition) {
    await().pollInSameThread().atMost(10, TimeUnit.SECONDS).pollInterval(1, TimeUnit.MILLISECONDS)
        .until(condition::getAsBoolean);
  }

  private static void swapOut(ProcessWorld w) {
    w.kernel.run("vmdaemon", w.processes::swapOutIdle);
  }

  private static Process process(ProcessWorld w, long pid) {
    Process[] found = new Process[1];
    each(w, p -> found[0] = p.pid() == pid ? p : found[0]);
    return found[0];
  }

  /** Visits all processes under the table's lock. */
  private static void each(ProcessWorld w, Consumer<Process> visitor) {
    w.kernel.run("look", () -> w.processes.forEachLive(visitor));
  }

  private static boolean sleeps(ProcessWorld w, String name, String tag) {
    boolean[] found = new boolean[1];
    w.kernel.run("look", () -> w.kernel.domain().forEachThread(
        t -> found[0] |= t.name().equals(name) && tag.equals(t.sleepTag())));
    return found[0];
  }

  private static void keeps(ProcessWorld w, Process p, Consumer<Process> set, Consumer<Process> unset) {
    each(w, set);
    swapOut(w);
    assertThat(p.isInMemory()).isTrue();
    each(w, unset);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stays_whoIsInAnyWayOccupied(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      w.start(1, t -> w.calls.life().sleep(t, 1_000_000));
      until(() -> w.processes.sleeping() == 1);
      Process p = process(w, 1);
      keeps(w, p, x -> x.sleepsLong = false, x -> x.sleepsLong = true);
      keeps(w, p, x -> x.swapping = true, x -> x.swapping = false);
      keeps(w, p, x -> x.setNoSwap(true), x -> x.setNoSwap(false));
      keeps(w, p, x -> x.exiting = true, x -> x.exiting = false);
      keeps(w, p, x -> x.killReason = Process.KillReason.STOPPED, x -> x.killReason = null);
      keeps(w, p, Process::lockIn, Process::unlockIn);
      long since = p.since;
      keeps(w, p, x -> x.since = Long.MAX_VALUE, x -> x.since = since);
      w.kernel.run("share", () -> p.vmspace().share());
      keeps(w, p, x -> {}, x -> {});
      w.kernel.run("share", () -> p.vmspace().free());
      assertThat(w.events(Event.PROC_SWAPOUT)).isZero();
      swapOut(w);
      assertThat(p.isInMemory()).isFalse();
      swapOut(w);
      assertThat(w.events(Event.PROC_SWAPOUT)).as("once is enough").isEqualTo(1);
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stays_whoHasNotSleptLongEnough(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING.withSwapSleepTicks(1_000_000))) {
      w.start(1, t -> w.calls.life().sleep(t, 2_000_000));
      until(() -> w.processes.sleeping() == 1);
      swapOut(w);
      Process p = process(w, 1);
      assertThat(p.isInMemory()).isTrue();
      each(w, x -> x.since -= 1_000_000);
      swapOut(w);
      assertThat(p.isInMemory()).isFalse();
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
    }
  }

  private static long now(ProcessWorld w) {
    return w.kernel.machine().clock().now();
  }

  /** P_SLPTIME and P_SWTIME in one: since when it sleeps, and once it is out, since when it is out. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void since_isWhenTheSleepBegan_andThenWhenTheProcessWent(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      w.start(1, t -> {
        until(() -> now(w) >= 5);
        w.calls.life().sleep(t, 2_000_000);
      });
      until(() -> w.processes.sleeping() == 1);
      Process p = process(w, 1);
      long slept = p.since;
      assertThat(slept).isGreaterThanOrEqualTo(5);
      until(() -> now(w) > slept);
      swapOut(w);
      assertThat(p.since).isGreaterThan(slept);
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
    }
  }

  /** Writes a u-area to swap and frees its pages. */
  private static void pageOut(ProcessWorld w, Process p) {
    PageoutClean cleaner = new PageoutClean(w.kernel.objects());
    List<VmObject> objects = new ArrayList<>();
    w.kernel.run("pageout", () -> {
      p.uArea.space().map().forEachPiece(0, 2 * PAGE, (entry, o, offset, length) -> objects.add(o));
      VmObject o = objects.get(0);
      for (long offset = 0; offset < 2 * PAGE; offset += PAGE) {
        o.lock.lock();
        VmPage m = w.kernel.pages().lookup(o, offset);
        if (m != null && !m.isBusyAnyway() && m.dirty() != 0) { // else on its way together with the one before
          cleaner.clean(o, m, Cleaner.How.FORCE);
        } else {
          o.lock.unlock();
        }
      }
      w.kernel.objects().ranges().remove(o, 0, 2 * PAGE, false);
      assertThat(o.residentPageCount()).isZero();
    });
  }

  private static VmObject takeAll(Kernel k) {
    return k.call("hog", () -> {
      VmObject o = k.objects().allocate(ObjectType.DEFAULT, 64L * PAGE);
      o.lock.lock();
      for (int i = 0; k.pages().freeList().freeCount() > 0; i++) {
        k.pages().alloc(o, (long) i * PAGE, AllocClass.INTERRUPT);
      }
      o.lock.unlock();
      return o;
    });
  }

  /** Gives frames back until so many are free. */
  private static void giveUntil(Kernel k, VmObject o, int free) {
    k.run("hog", () -> {
      int n = free - k.pages().freeList().freeCount(); // asked once: the swapper takes some as soon as it may
      o.lock.lock();
      for (VmPage m = o.firstPage(); m != null && n > 0; m = o.firstPage(), n--) {
        k.pages().freeBusy(m);
      }
      o.lock.unlock();
    });
  }

  /** There is room for one: whoever was out longest, of equals the older process; the other goes on waiting. */
  @ParameterizedTest
  @CsvSource({"5, 7, 2", "7, 5, 3", "5, 5, 2"})
  void comesFirst_whoWasOutLongest(long sinceOlder, long sinceYounger, long first) {
    try (ProcessWorld w = new ProcessWorld(Mode.FIXED, 2, 64, SWAPPING)) {
      Barrier b = w.processes.barrier("b", 3);
      Barrier never = w.processes.barrier("never", 9);
      AtomicBoolean go = new AtomicBoolean();
      AtomicBoolean end = new AtomicBoolean();
      w.start(4, t -> {
        until(go::get);
        w.calls.life().barrier(t, b);
        until(end::get); // in user mode: not all processes wait
      });
      for (long pid = 2; pid <= 3; pid++) {
        w.start(pid, t -> {
          w.calls.life().barrier(t, b);
          w.calls.life().barrier(t, never);
        });
      }
      until(() -> b.waiting.size() == 2);
      swapOut(w);
      List<Process> both = List.of(process(w, 2), process(w, 3));
      both.forEach(p -> pageOut(w, p));
      VmObject hog = takeAll(w.kernel);
      each(w, p -> p.since = p.pid() == 2 ? sinceOlder : sinceYounger);
      go.set(true);
      until(() -> both.stream().allMatch(p -> p.wantsIn) && sleeps(w, "swapper", "vmwait"));
      int room = w.kernel.config().thresholds().freeMin();
      giveUntil(w.kernel, hog, room);
      until(() -> both.stream().anyMatch(Process::isInMemory) && sleeps(w, "swapper", "vmwait"));
      assertThat(both.stream().filter(Process::isInMemory).map(Process::pid)).containsExactly(first);
      assertThat(w.kernel.pages().freeList().freeCount()).as("not enough for another").isLessThan(room);
      giveUntil(w.kernel, hog, 64);
      until(() -> both.stream().allMatch(Process::isInMemory));
      assertThat(w.events(Event.PROC_SWAPIN)).isEqualTo(2);
      w.kernel.run("hog", hog::deallocate);
      end.set(true);
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
    }
  }

  /** Starts somebody who holds a u-area's map, so that whoever swaps its process waits. */
  private static void holdUArea(ProcessWorld w, Process p, NamedChannel go) {
    Kernel k = w.kernel;
    k.domain().strands().start("holder", () -> k.run("holder", () -> {
      p.uArea.space().map().lockWrite();
      k.domain().sleepQueues().sleepOn(go, null, "hold");
      p.uArea.space().map().unlock();
    }));
    until(() -> sleeps(w, "holder", "hold"));
  }

  /** A sleep that ends while its process is on its way out: it waits for that, and is brought in again. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoWakesOnItsWayOut_waitsForIt_andComesBack(Mode mode) {
    wakesOnItsWayOut(mode, false);
  }

  /** And if it is killed, it ends, but not before nobody has its u-area any more. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsKilledOnItsWayOut_waitsForIt_andEnds(Mode mode) {
    wakesOnItsWayOut(mode, true);
  }

  private static void wakesOnItsWayOut(Mode mode, boolean killed) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 128, SWAPPING)) {
      Sleeper s = new Sleeper(w);
      NamedChannel go = new NamedChannel("go", 9);
      holdUArea(w, s.process, go);
      Kernel k = w.kernel;
      Strand daemon = k.domain().strands().start("vmdaemon", () -> swapOut(w));
      try {
        until(() -> sleeps(w, "vmdaemon", "thrd_write"));
        if (killed) {
          s.kill();
        } else {
          s.wake();
        }
        until(() -> sleeps(w, "pid 1", "swapin"));
        until(() -> sleeps(w, "swapper", "idle")); // kicked, it has seen that nothing is to be done yet
        assertThat(w.processes.live()).isEqualTo(2);
      } finally {
        k.run("go", () -> k.domain().sleepQueues().wakeup(go));
      }
      until(() -> w.processes.live() == 1);
      k.domain().strands().attach("test");
      k.domain().strands().join(daemon);
      k.domain().strands().detach();
      assertThat(s.result).isEqualTo(killed ? CallResult.SIGKILL : CallResult.OK);
      assertThat(w.events(Event.PROC_SWAPOUT)).isEqualTo(1);
      assertThat(w.events(Event.PROC_SWAPIN)).isEqualTo(killed ? 0 : 1);
      assertThat(s.process.wantsIn).isFalse();
      assertThat(s.process.holder()).as("who is to bring it in").isNull();
      s.end();
    }
  }

  /** A process that sleeps, and another one that can wake it. */
  private static final class Sleeper {
    private final ProcessWorld w;
    private final AtomicBoolean woken = new AtomicBoolean();
    private final AtomicBoolean end = new AtomicBoolean();
    private final Process process;
    private volatile CallResult result; // the sleep's

    Sleeper(ProcessWorld w) {
      this.w = w;
      Barrier b = w.processes.barrier("b", 2);
      w.start(2, t -> {
        until(() -> woken.get() || end.get()); // in user mode: not all processes wait
        if (woken.get()) {
          w.calls.life().barrier(t, b);
        }
        until(end::get);
        w.calls.life().exit(t);
      });
      w.start(1, t -> {
        w.map(t, 0x10000, false);
        t.access().store(0x10000, 7); // it is the larger of the two
        result = w.calls.life().barrier(t, b);
        w.calls.life().exit(t);
      });
      until(() -> b.waiting.size() == 1);
      process = process(w, 1);
    }

    /** Swaps it out, and writes its u-area to the disk. */
    void out() {
      swapOut(w);
      assertThat(process.isInMemory()).isFalse();
      pageOut(w, process);
    }

    /** Wakes it; where it is swapped out, it is to be brought in. */
    void wake() {
      woken.set(true);
    }

    void kill() {
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
      assertThat(w.processes.killedForMemory()).containsExactly(process);
    }

    void end() {
      end.set(true);
      w.awaitEnd();
    }
  }

  /** One that is killed while the swapper brings it in does not go before its u-area is nobody's. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsKilledOnItsWayIn_waitsForIt_andEnds(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING)) {
      Sleeper s = new Sleeper(w);
      s.out();
      NamedChannel go = new NamedChannel("go", 9);
      holdUArea(w, s.process, go);
      try {
        s.wake();
        until(() -> sleeps(w, "swapper", "thrd_write"));
        long turn = turn(w, "pid 1");
        s.kill();
        until(() -> turn(w, "pid 1") > turn && sleeps(w, "pid 1", "swapin"));
      } finally {
        w.kernel.run("go", () -> w.kernel.domain().sleepQueues().wakeup(go));
      }
      until(() -> w.processes.live() == 1);
      s.end();
    }
  }

  /** Returns which of a thread's sleeps is its latest. */
  private static long turn(ProcessWorld w, String name) {
    long[] turn = new long[1];
    w.kernel.run("look", () -> w.kernel.domain().forEachThread(
        t -> turn[0] = t.name().equals(name) ? t.sleepCount() : turn[0]));
    return turn[0];
  }

  /** What the swapper waits for memory for, it waits for no longer than who needs it lives. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsKilledOnItsWayIn_endsTheSwappersWaitForMemory(Mode mode) {
    AtomicBoolean refuse = new AtomicBoolean();
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING, (t, c) -> refuse.get())) {
      Sleeper s = new Sleeper(w);
      s.out();
      refuse.set(true);
      try {
        s.wake();
        until(() -> sleeps(w, "swapper", "vmwait"));
        s.kill();
        until(() -> w.processes.live() == 1);
        assertThat(w.events(Event.PROC_SWAPIN)).isZero();
      } finally {
        refuse.set(false);
      }
      s.end();
    }
  }

  /** A fork that is killed while it waits for memory for the child's u-area makes no child. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoIsKilledOverAChildsUArea_hasNoChild(Mode mode) {
    AtomicBoolean refuse = new AtomicBoolean();
    AtomicBoolean born = new AtomicBoolean();
    try (ProcessWorld w = new ProcessWorld(mode, 2, 64, SWAPPING, (t, c) -> refuse.get())) {
      w.start(1, t -> {
        refuse.set(true);
        w.calls.life().fork(t, 2, c -> {
          born.set(true);
          w.calls.life().exit(c);
        });
        w.calls.life().exit(t);
      });
      try {
        until(() -> sleeps(w, "pid 1", "vmwait"));
        w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
        w.awaitEnd();
      } finally {
        refuse.set(false);
      }
      assertThat(born).isFalse();
      assertThat(w.events(Event.FORKS)).isZero();
      assertThat(w.kernel.pages().queues().wireCount()).as("wired pages left").isZero();
    }
  }
}
