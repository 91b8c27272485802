package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
final class ProcessTableTest {
  private static final long AT = 0x10000;

  private static ProcessMain ending(ProcessWorld w, ProcessMain body) {
    return t -> {
      body.run(t);
      w.calls.life().exit(t);
    };
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void fork_copiesMemory_andWait_comesAfterTheExit(Mode mode) {
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        assertThat(w.calls.life().fork(t, 2, ending(w, c -> {
          c.access().load(AT);
          order.add("child sees " + c.access().value());
          c.access().store(AT, 8);
        }))).isEqualTo(CallResult.OK);
        Process child = t.lastChild();
        assertThat(w.calls.life().waitFor(t, child)).isEqualTo(CallResult.OK);
        t.access().load(AT);
        order.add("parent sees " + t.access().value());
        assertThat(w.calls.life().waitFor(t, child)).as("second wait").isEqualTo(CallResult.ECHILD);
      }));
      w.awaitEnd();
      assertThat(w.events(Event.FORKS)).isEqualTo(1);
      assertThat(w.processes.stuck()).isNull();
      assertThat(w.processes.live()).isZero();
    }
    assertThat(order).containsExactly("child sees 7", "parent sees 7");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void vfork_sharesMemory_andHoldsTheParent_untilExec(Mode mode) {
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 7);
        assertThat(w.calls.life().vfork(t, 2, ending(w, c -> {
          c.access().store(AT, 8);
          w.calls.life().sleep(c, 20);
          order.add("child before exec");
          assertThat(w.calls.life().exec(c)).isEqualTo(CallResult.OK);
          assertThat(c.access().load(AT)).isEqualTo(CallResult.SIGSEGV);
        }))).isEqualTo(CallResult.OK);
        order.add("parent");
        t.access().load(AT);
        assertThat(t.access().value()).isEqualTo(8);
      }));
      w.awaitEnd();
    }
    assertThat(order).containsExactly("child before exec", "parent");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void vfork_holdsTheParent_untilExit(Mode mode) {
    AtomicReference<Boolean> childDone = new AtomicReference<>(false);
    try (ProcessWorld w = new ProcessWorld(mode, 1)) {
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        w.calls.life().vfork(t, 2, ending(w, c -> {
          c.access().store(AT, 5);
          w.calls.life().sleep(c, 10);
          childDone.set(true);
        }));
        assertThat(childDone.get()).isTrue();
        assertThat(t.access().load(AT)).isEqualTo(CallResult.OK);
        assertThat(t.access().value()).isEqualTo(5);
      }));
      w.awaitEnd();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void barrier_opensAgainAndAgain(Mode mode) {
    int n = 4;
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Barrier b = w.processes.barrier("b", n);
      w.start(1, ending(w, t -> {
        assertThat(w.calls.memory().mmapAnon(t, AT, ProcessWorld.PAGE, VmProt.READ | VmProt.WRITE, true))
            .isEqualTo(CallResult.OK);
        List<Process> children = new ArrayList<>();
        for (int i = 0; i < n; i++) {
          w.calls.life().fork(t, 10 + i, ending(w, c -> {
            for (int round = 1; round <= 50; round++) {
              c.access().add(AT, 1);
              assertThat(w.calls.life().barrier(c, b)).isEqualTo(CallResult.OK);
              c.access().load(AT);
              assertThat(c.access().value()).isBetween((long) n * round, (long) n * (round + 1));
              assertThat(w.calls.life().barrier(c, b)).isEqualTo(CallResult.OK);
            }
          }));
          children.add(t.lastChild());
        }
        for (Process c : children) {
          w.calls.life().waitFor(t, c);
        }
        t.access().load(AT);
        assertThat(t.access().value()).isEqualTo(50L * n);
      }));
      w.awaitEnd();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void processesThatCanNeverEnd_areReported_andEnded(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Barrier b = w.processes.barrier("b", 3);
      w.start(1, ending(w, t -> {
        w.calls.life().fork(t, 2, ending(w, c -> {
          w.calls.life().sleep(c, 5);
          assertThat(w.calls.life().barrier(c, b)).isEqualTo(CallResult.SIGKILL);
        }));
        assertThat(w.calls.life().waitFor(t, t.lastChild())).isEqualTo(CallResult.SIGKILL);
      }));
      w.awaitEnd();
      assertThat(w.processes.stuck())
          .isEqualTo("processes can never end: pid 2 waits for barrier b (1 of 3 there),"
              + " pid 1 waits for the exit of pid 2");
      assertThat(w.processes.killedForMemory()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void theLastOthersExit_canLeaveNoWayOut(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 1)) {
      Barrier b = w.processes.barrier("b", 2);
      w.start(1, ending(w, t -> {
        w.calls.life().fork(t, 2, ending(w, c -> w.calls.life().barrier(c, b)));
        w.calls.life().sleep(t, 5);
      }));
      w.awaitEnd();
      assertThat(w.processes.stuck()).isEqualTo("processes can never end: pid 2 waits for barrier b (1 of 2 there)");
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void stop_endsWhoeverWaits_andWhoeverRuns(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      Barrier b = w.processes.barrier("b", 2);
      w.start(1, ending(w, t -> {
        w.calls.life().fork(t, 2, ending(w, c -> w.calls.life().barrier(c, b)));
        w.calls.life().fork(t, 3, ending(w, c -> w.calls.life().sleep(c, 1_000_000)));
        w.calls.life().fork(t, 4, ending(w, c -> {
          w.map(c, AT, false);
          while (c.access().add(AT, 1) != CallResult.SIGKILL) {
            assertThat(c.cpu).isNotNull();
          }
        }));
        w.calls.life().waitFor(t, t.lastChild());
      }));
      await().atMost(10, TimeUnit.SECONDS).until(() -> w.processes.live() == 4);
      w.kernel.run("stop", w.processes::stop);
      w.awaitEnd();
      assertThat(w.processes.live()).isZero();
      assertThat(w.processes.stuck()).isNull();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void killLargest_takesTheLargest_evenWhereItWaits(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, ending(w, t -> {
        w.map(t, AT, false);
        t.access().store(AT, 1);
        w.calls.life().fork(t, 2, ending(w, c -> {
          w.calls.memory().mmapAnon(c, 0x100000, 8 * ProcessWorld.PAGE, VmProt.READ | VmProt.WRITE, false);
          c.access().fill(0x100000, 8 * ProcessWorld.PAGE / 8, 1);
          w.calls.life().sleep(c, 1_000_000);
        }));
        w.calls.life().waitFor(t, t.lastChild());
      }));
      await().atMost(10, TimeUnit.SECONDS).until(() -> w.events(Event.ZFOD) >= 9);
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
      w.awaitEnd();
      assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(2L);
      assertThat(w.events(Event.KILLS)).isEqualTo(1);
      assertThat(w.processes.stuck()).isNull();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void killLargest_takesTheOlderOfEquals_andNoOtherWhileThatOneIsOnItsWay(Mode mode) {
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      w.start(1, ending(w, t -> {
        for (int pid = 2; pid <= 3; pid++) {
          w.calls.life().fork(t, pid, ending(w, c -> {
            w.calls.memory().mmapAnon(c, 0x100000, 8 * ProcessWorld.PAGE, VmProt.READ | VmProt.WRITE, false);
            c.access().fill(0x100000, 8 * ProcessWorld.PAGE / 8, 1);
            w.calls.life().sleep(c, 1_000_000);
          }));
        }
        w.calls.life().sleep(t, 1_000_000);
      }));
      await().atMost(10, TimeUnit.SECONDS).until(() -> w.events(Event.ZFOD) >= 16 && w.processes.sleeping() == 3);
      w.kernel.run("kill", () -> {
        assertThat(w.processes.killLargest()).isTrue();
        if (mode == Mode.UP) { // the victim cannot have run in between
          assertThat(w.processes.killLargest()).isTrue();
          assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(2L);
        }
      });
      await().atMost(10, TimeUnit.SECONDS).until(() -> w.processes.live() == 2);
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
      await().atMost(10, TimeUnit.SECONDS).until(() -> w.processes.live() == 1);
      assertThat(w.processes.killedForMemory()).extracting(Process::pid).containsExactly(2L, 3L);
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).isTrue());
      w.awaitEnd();
      w.kernel.run("kill", () -> assertThat(w.processes.killLargest()).as("nobody is left").isFalse());
    }
  }
}
