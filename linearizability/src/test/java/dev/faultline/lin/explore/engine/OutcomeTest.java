package dev.faultline.lin.explore.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Exploration.Verdict;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Programs;
import dev.faultline.lin.explore.Programs.NamedLock;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.strategy.RandomWalk;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How executions end, and what strands may wait for. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class OutcomeTest {
  private static Exploration all(Program p) {
    return new Explorer(p).run(new OptimalDpor());
  }

  private static void expect(Exploration x, Outcome.Kind kind, String... inMessage) {
    assertThat(x.finding()).isNotNull();
    assertThat(x.finding().outcome().kind()).isEqualTo(kind);
    assertThat(x.finding().outcome().message()).contains(inMessage);
  }

  @Test
  void deadlock_isFoundWithWhoWaitsForWhom() {
    Program p =
        strands -> {
          NamedLock a = new NamedLock("lock-a");
          NamedLock b = new NamedLock("lock-b");
          return Programs.trial(
              2,
              i -> {
                (i == 0 ? a : b).lock();
                (i == 0 ? b : a).lock();
                (i == 0 ? b : a).unlock();
                (i == 0 ? a : b).unlock();
              });
        };
    Exploration x = all(p);
    expect(x, Outcome.Kind.DEADLOCK, "t0 waits for lock-b, held by t1", "t1 waits for lock-a, held by t0");
    Exploration again = new Explorer(p).replay(x.finding().schedule());
    expect(again, Outcome.Kind.DEADLOCK, "t0 waits for lock-b");
    assertThat(again.finding().trace()).isEqualTo(x.finding().trace());
  }

  @Test
  void orderedLocks_haveTwoClassesAndNoDeadlock() {
    Exploration x =
        all(
            strands -> {
              NamedLock a = new NamedLock("a");
              NamedLock b = new NamedLock("b");
              return Programs.trial(
                  2,
                  i -> {
                    a.lock();
                    b.lock();
                    b.unlock();
                    a.unlock();
                  });
            });
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(2);
    assertThat(x.redundant()).isZero();
  }

  @Test
  void tryLock_isSeenBeforeDuringAndAfterTheHold() {
    List<Boolean> seen = new ArrayList<>();
    Exploration x =
        all(
            strands -> {
              NamedLock a = new NamedLock("a");
              NamedLock b = new NamedLock("b");
              return Programs.trial(
                  2,
                  i -> {
                    if (i == 0) {
                      a.lock();
                      b.lock();
                      b.unlock();
                      a.unlock();
                    } else if (a.tryAcquire(Strand.current())) {
                      seen.add(true);
                      a.unlock();
                    } else {
                      seen.add(false);
                    }
                  });
            });
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(3);
    assertThat(seen).contains(true, false);
  }

  @Test
  void failedCompareAndSets_commute() {
    Exploration x =
        all(
            strands -> {
              SharedWord w = new SharedWord("w", 1);
              return Programs.trial(3, i -> assertThat(w.compareAndSet(0, 2)).isFalse());
            });
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(1);
  }

  @Test
  void lostWakeup_isADeadlockOfTheSleeper() {
    boolean[] rights = {true, false};
    for (boolean right : rights) {
      Exploration x =
          all(
              strands -> {
                SharedWord ready = new SharedWord("ready", 0);
                Strand[] sleeper = new Strand[1];
                SharedWord asleep = new SharedWord("asleep", 0);
                return Programs.trial(
                    2,
                    i -> {
                      if (i == 0) {
                        sleeper[0] = Strand.current();
                        asleep.set(1);
                        while (ready.get() == 0) {
                          Strand.current().park();
                        }
                      } else {
                        boolean wake = asleep.get() == 1;
                        ready.set(1);
                        if (wake || (right && asleep.get() == 1)) {
                          sleeper[0].unpark();
                        }
                      }
                    });
              });
      if (right) {
        assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
      } else {
        expect(x, Outcome.Kind.DEADLOCK, "t0 is parked");
      }
    }
  }

  @Test
  void spinning_waitsForAChangeAndEnds() {
    Exploration x = all(spinner(true));
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(2);
  }

  @Test
  void spinning_forEverIsALivelock() {
    expect(all(spinner(false)), Outcome.Kind.LIVELOCK, "t0 spins");
  }

  private static Program spinner(boolean released) {
    return strands -> {
      SharedWord flag = new SharedWord("flag", 0);
      return Programs.trial(
          2,
          i -> {
            if (i == 1) {
              if (released) {
                flag.set(1);
              }
              return;
            }
            for (int n = 0; flag.get() == 0; n++) {
              Strand.current().pause(n);
            }
          });
    };
  }

  @Test
  void tooManySteps_endAnExecution() {
    Program p =
        strands -> {
          SharedWord x = new SharedWord("x", 0);
          return Programs.trial(
              2,
              i -> {
                while (x.get() >= 0) {
                  x.set(i);
                }
              });
        };
    Session.Options o = new Session.Options(false, 500, 0, 5_000_000_000L);
    expect(new Explorer(p).options(o).run(new RandomWalk(1)), Outcome.Kind.STEP_LIMIT, "500");
  }

  @Test
  void strandsWithoutEnd_areALimitReached() {
    Program p = strands -> Programs.trial(1, i -> {
      while (true) {
        strands.join(strands.start("short", () -> {}));
      }
    });
    expect(new Explorer(p).run(new RandomWalk(1)), Outcome.Kind.STEP_LIMIT, "strands, the next is short");
  }

  @Test
  void time_passesOnlyWhenNobodyCanGoOn() {
    long[] woke = new long[2];
    Exploration x =
        all(
            strands ->
                Programs.trial(
                    2,
                    i -> {
                      Strand.current().parkNanos(i == 0 ? 1_000_000_000_000L : 5);
                      woke[i] = strands.nanoTime();
                    }));
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(1);
    assertThat(woke).containsExactly(1_000_000_000_000L, 5);
  }

  /** Both kinds of threads; where the JVM has but one kind, twice that. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void strand_thatBlocksElsewhereIsNamed(boolean hostThreads) {
    CountDownLatch never = new CountDownLatch(1);
    Program p =
        strands ->
            Programs.trial(
                2,
                i -> {
                  if (i == 1) {
                    awaitOnHost(never);
                  }
                });
    Session.Options o = new Session.Options(false, 500, 0, 300_000_000L, hostThreads);
    try {
      expect(new Explorer(p).options(o).run(new RandomWalk(1)), Outcome.Kind.ESCAPED, "t1", "awaitOnHost");
    } finally {
      never.countDown();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void strand_thatRunsOnWithoutAStepIsNamed(boolean hostThreads) {
    AtomicBoolean end = new AtomicBoolean();
    Program p =
        strands ->
            Programs.trial(
                2,
                i -> {
                  while (i == 1 && !end.get()) {
                    Thread.onSpinWait();
                  }
                });
    Session.Options o = new Session.Options(false, 500, 0, 100_000_000L, hostThreads);
    try {
      expect(new Explorer(p).options(o).run(new RandomWalk(1)), Outcome.Kind.ESCAPED, "t1 made no step");
    } finally {
      end.set(true);
    }
  }

  @Test
  void strand_withoutAProcessorHasNotEscaped() {
    assertThat(Silence.isEscape(Thread.State.RUNNABLE, 100, 500, 10)).isFalse();
    assertThat(Silence.isEscape(Thread.State.RUNNABLE, 100, 500, 100)).isTrue();
    assertThat(Silence.isEscape(Thread.State.RUNNABLE, 100, 1200, 0)).isTrue(); // may be native code that blocks
    assertThat(Silence.isEscape(Thread.State.WAITING, 100, 99, 0)).isFalse();
    assertThat(Silence.isEscape(Thread.State.BLOCKED, 100, 100, 0)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void strand_thatWantsAMonitorOfOneThatWaitsIsNamed(boolean hostThreads) {
    Program p =
        strands -> {
          Object monitor = new Object();
          SharedWord w = new SharedWord("w", 0);
          return Programs.trial(
              2,
              i -> {
                synchronized (monitor) {
                  w.set(i);
                }
              });
        };
    Session.Options o = new Session.Options(false, 500, 0, 300_000_000L, hostThreads);
    expect(new Explorer(p).options(o).run(new RandomWalk(1)), Outcome.Kind.ESCAPED, "t");
  }

  @Test
  void oneThreadForAllStrands_makesTheSameExecutions() {
    List<Exploration> both = new ArrayList<>();
    for (boolean hostThreads : new boolean[] {true, false}) {
      List<Boolean> own = new ArrayList<>();
      Program p =
          strands -> {
            own.add(ThreadStrands.newThread(() -> {}, "").getClass() == Thread.currentThread().getClass());
            SharedWord w = new SharedWord("w", 0);
            return Programs.trial(3, i -> w.set(w.get() + i));
          };
      Session.Options o = new Session.Options(false, 500, 1, 5_000_000_000L, hostThreads);
      both.add(new Explorer(p).options(o).run(new OptimalDpor()));
      assertThat(own).containsOnly(hostThreads || !OneThread.isAvailable());
    }
    Exploration host = both.get(0);
    Exploration one = both.get(1);
    assertThat(one.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(one.executions()).isEqualTo(host.executions()).isGreaterThan(6);
    assertThat(one.steps()).isEqualTo(host.steps());
  }

  private static void awaitOnHost(CountDownLatch l) {
    try {
      l.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void failure_ofAnActorIsAFinding() {
    Program p =
        strands -> {
          SharedWord x = new SharedWord("x", 0);
          Trial t = Programs.trial(2, i -> x.set(x.get() + 1));
          return checked(t, () -> assertThat(x.peek()).as("increments").isEqualTo(2));
        };
    Exploration x = all(p);
    expect(x, Outcome.Kind.FAILURE, "check", "increments");
  }

  private static Trial checked(Trial t, Runnable check) {
    return new Trial() {
      @Override
      public List<Actor> actors() {
        return t.actors();
      }

      @Override
      public void check() {
        check.run();
      }
    };
  }

  @Test
  void startedStrands_areExploredAndJoined() {
    Exploration x =
        all(
            (Strands strands) -> {
              SharedWord w = new SharedWord("w", 0);
              return Programs.trial(
                  1,
                  i -> {
                    Strand child = strands.start("child", () -> w.set(1));
                    w.get();
                    strands.join(child);
                    assertThat(w.get()).isEqualTo(1);
                  });
            });
    assertThat(x.verdict()).isEqualTo(Verdict.COMPLETE);
    assertThat(x.executions()).isEqualTo(2);
  }

  @Test
  void secondRun_thatDiffersIsAFinding() {
    int[] runs = new int[1];
    Program p =
        strands -> {
          SharedWord w = new SharedWord("w", 0);
          boolean odd = (runs[0]++ & 1) != 0;
          return Programs.trial(
              2,
              i -> {
                if (odd) {
                  w.get();
                } else {
                  w.set(1);
                }
              });
        };
    Session.Options o = new Session.Options(false, 500, 1, 5_000_000_000L);
    expect(new Explorer(p).options(o).run(new RandomWalk(1)), Outcome.Kind.DIVERGED, "differs at step");
  }
}
