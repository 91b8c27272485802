package dev.faultline.hw.strand;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Strands that run one at a time, by a seed. */
@Timeout(60)
final class SerialStrandsTest {
  private static final ThreadStrands POOL = new ThreadStrands();
  private static final long MILLI = 1_000_000;

  private SerialStrands strands;
  private Strand me;

  @BeforeEach
  void begin() {
    begin(1, 8, true);
  }

  /** Gives the test's thread another supply. */
  private void begin(long seed, int burstMax, boolean underLocks) {
    end();
    strands = POOL.serial(seed, burstMax, underLocks);
    me = strands.attach("test");
  }

  @AfterEach
  void end() {
    if (Strand.currentOrNull() != null) {
      strands.detach();
    }
    if (strands != null) {
      strands.close();
    }
  }

  private String interleaving(long seed) {
    begin(seed, 8, true);
    StringBuilder log = new StringBuilder(); // one at a time writes in it
    StrandLock lock = new StrandLock();
    List<Strand> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int id = i;
      all.add(strands.start("s" + i, () -> {
        Strand mine = Strand.current();
        for (int n = 0; n < 40; n++) {
          lock.acquire(mine);
          mine.point(StepKind.ATOMIC, null);
          log.append((char) ('a' + id));
          lock.release(mine);
          if (n % 8 == id) {
            mine.parkNanos(MILLI * (1 + id));
            log.append(strands.nanoTime()).append(' ');
          }
        }
      }));
    }
    all.forEach(strands::join);
    return log.toString();
  }

  @Test
  void oneSeed_isOneSchedule_anotherSeedAnother() {
    String first = interleaving(7);
    for (int i = 0; i < 20; i++) {
      assertThat(interleaving(7)).isEqualTo(first);
    }
    assertThat(interleaving(8)).isNotEqualTo(first);
  }

  @Test
  void nobodyRuns_besideTheOneWithTheTurn() {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Strand> all = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      all.add(strands.start("s" + i, () -> {
        for (int n = 0; n < 300; n++) {
          most.accumulateAndGet(inside.incrementAndGet(), Math::max);
          Thread.onSpinWait();
          inside.decrementAndGet();
          Strand.current().point(StepKind.ATOMIC, null);
        }
      }));
    }
    all.forEach(strands::join);
    assertThat(most).hasValue(1);
  }

  @Test
  void time_standsStillForWhoWaits_andJumpsToTheNextAlarm() {
    List<String> woken = new ArrayList<>();
    for (int ms : new int[] {500_000, 20, 3_000}) {
      strands.start("s" + ms, () -> {
        long began = strands.nanoTime();
        Strand.current().parkNanos(MILLI * ms);
        woken.add(ms + ":" + (strands.nanoTime() - began) / MILLI);
      });
    }
    long began = System.nanoTime();
    me.parkNanos(MILLI * 1_000_000);
    assertThat(woken).containsExactly("20:20", "3000:3000", "500000:500000");
    assertThat(strands.nanoTime()).isGreaterThanOrEqualTo(MILLI * 1_000_000);
    assertThat(System.nanoTime() - began).isLessThan(TimeUnit.SECONDS.toNanos(20)); // of 1000
  }

  @Test
  void steps_takeTime_soThatAnAlarmRingsBesideAStrandThatNeverWaits() {
    boolean[] rang = new boolean[1];
    strands.start("sleeper", () -> {
      Strand.current().parkNanos(MILLI);
      rang[0] = true;
    });
    Strand busy = strands.start("busy", () -> {
      while (!rang[0]) {
        Strand.current().point(StepKind.ACCESS, null);
      }
    });
    strands.join(busy);
    assertThat(rang[0]).isTrue();
  }

  @Test
  void aStrandThatSpins_letsOthersGoOn_andTimeIfThereAreNone() {
    boolean[] set = new boolean[1];
    strands.start("late", () -> {
      Strand.current().parkNanos(7_000 * MILLI);
      set[0] = true;
    });
    for (int i = 0; !set[0]; i++) {
      assertThat(i).isLessThan(1000);
      me.pause(i);
    }
    assertThat(strands.nanoTime()).isGreaterThanOrEqualTo(7_000 * MILLI);
  }

  @Test
  void permits_areKept_atMostOne() {
    List<String> log = new ArrayList<>();
    Strand s = strands.start("s", () -> {
      Strand.current().park();
      log.add("first");
      Strand.current().parkNanos(MILLI);
      log.add("second at " + strands.nanoTime() / MILLI);
    });
    s.unpark();
    s.unpark();
    strands.join(s);
    assertThat(log).containsExactly("first", "second at 1");
  }

  @Test
  void join_waitsNoLongerThanItIsTold() {
    Strand s = strands.start("s", () -> Strand.current().parkNanos(10 * MILLI));
    assertThat(strands.join(s, 5 * MILLI)).isFalse();
    assertThat(strands.join(s, 50 * MILLI)).isTrue();
    assertThat(strands.nanoTime() / MILLI).isEqualTo(10);
    assertThat(strands.join(s, 1)).isTrue();
  }

  @Test
  void deadlock_isThrownAtOnce_withTheNames() {
    StrandLock a = new NamedLock("lock a");
    StrandLock b = new NamedLock("lock b");
    Strand one = strands.start("one", () -> takeBoth(a, b));
    strands.start("two", () -> takeBoth(b, a));
    assertThatThrownBy(() -> strands.join(one)).isInstanceOf(Standstill.class)
        .hasMessage("no strand can go on: test#0 waits for the end of one#1; one#1 waits for lock b, held by two#2;"
            + " two#2 waits for lock a, held by one#1");
  }

  private static final class NamedLock extends StrandLock {
    private final String name;

    NamedLock(String name) {
      this.name = name;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Meets the other one with one lock each. */
  private void takeBoth(StrandLock first, StrandLock second) {
    Strand mine = Strand.current();
    first.acquire(mine);
    mine.parkNanos(MILLI);
    second.acquire(mine);
  }

  /** Gives the test's thread a supply that soon loses its patience with who makes no step. */
  private void beginImpatiently(long patienceNanos) {
    end();
    strands = POOL.serial(1, 8, true, patienceNanos);
    me = strands.attach("test");
  }

  /**
   * A strand that keeps the turn and makes no step is told of, where it is, to who waits; then all is over. Back at
   * a schedule point, it unwinds.
   */
  @Test
  void aRunaway_isThrown_toWhoWaits_andUnwindsOnceItIsBack() throws Exception {
    beginImpatiently(300 * MILLI);
    AtomicBoolean back = new AtomicBoolean();
    CountDownLatch gone = new CountDownLatch(1);
    List<String> log = Collections.synchronizedList(new ArrayList<>());
    Strand waiter = strands.start("waiter", () -> {
      Strand.current().park();
      log.add("waiter ran");
    });
    strands.start("runaway", () -> {
      try {
        waiter.unpark();
        while (!back.get()) {
          Thread.onSpinWait();
        }
        Strand.current().point(StepKind.ATOMIC, null);
        log.add("runaway went on");
      } finally {
        gone.countDown();
      }
    });
    assertThatThrownBy(() -> strands.join(waiter)).isInstanceOf(Standstill.class)
        .hasMessageMatching("(?s)runaway#2 has made no step for 300 ms: at .*SerialStrandsTest.*");
    me.point(StepKind.ATOMIC, null); // goes on without the turn, to report
    me.parkNanos(MILLI);
    assertThatThrownBy(me::park).isInstanceOf(Standstill.class).hasMessageContaining("nobody runs any more");
    assertThatThrownBy(() -> strands.start("late", () -> {})).isSameAs(Unwind.NOW);
    strands.detach();
    strands.close();
    back.set(true);
    assertThat(gone.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(log).isEmpty();
  }

  /** Long waits are no matter, as long as somebody makes steps. */
  @Test
  void whoMakesSteps_isNoRunaway_howeverLongItTakes() {
    beginImpatiently(1000 * MILLI);
    long began = System.nanoTime();
    Strand busy = strands.start("busy", () -> {
      while (System.nanoTime() - began < 2000 * MILLI) {
        Strand.current().point(StepKind.ATOMIC, null);
      }
    });
    assertThat(strands.join(busy, Long.MAX_VALUE)).isTrue();
  }

  @Test
  void nothingMoves_whileNobodyIsAttached() {
    List<Integer> log = new ArrayList<>();
    strands.start("s", () -> {
      for (int i = 0; ; i++) {
        log.add(i);
        Strand.current().parkNanos(MILLI);
      }
    });
    me.parkNanos(5 * MILLI + MILLI / 2);
    strands.detach();
    int seen = log.size();
    long then = strands.nanoTime();
    assertThat(seen).isEqualTo(6);
    strands.attach("again");
    assertThat(log).hasSize(seen);
    assertThat(strands.nanoTime()).isEqualTo(then);
  }

  @Test
  void aThreadThatAttaches_whileOthersRun_getsItsTurn() throws Exception {
    boolean[] stop = new boolean[1];
    Thread t = new Thread(() -> {
      strands.attach("stopper");
      stop[0] = true;
      strands.detach();
    });
    t.start();
    while (!stop[0]) {
      me.parkNanos(MILLI);
    }
    t.join();
  }

  @Test
  void anInterrupt_isNoWakeup_andIsHandedOnInTheEnd() {
    Thread.currentThread().interrupt();
    Strand s = strands.start("s", () -> Strand.current().parkNanos(MILLI));
    strands.join(s);
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    strands.detach();
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void close_endsWhoIsLeft_throughItsFinallyBlocks() {
    List<String> log = new ArrayList<>();
    StrandLock lock = new StrandLock();
    AtomicReference<Throwable> death = new AtomicReference<>();
    Strands world = strands.world((s, t) -> death.set(t));
    world.start("parked", () -> {
      try {
        lock.acquire(Strand.current());
        Strand.current().park();
      } finally {
        lock.release(Strand.current());
        log.add("parked ends");
      }
    });
    world.start("wants the lock", () -> {
      try {
        Strand.current().parkNanos(MILLI);
        lock.acquire(Strand.current());
      } finally {
        log.add("waiter ends");
      }
    });
    me.parkNanos(2 * MILLI);
    world.start("never begins", () -> log.add("began"));
    strands.detach();
    strands.close();
    assertThat(log).containsExactly("parked ends", "waiter ends");
    assertThat(lock.owner()).isNull();
    assertThat(death).hasNullValue();
  }

  @Test
  void aThreadThatAttaches_asTheSupplyIsClosed_findsNobodyToWaitFor() {
    Strand left = strands.start("left", () -> Strand.current().park());
    me.parkNanos(MILLI);
    strands.detach();
    strands.close();
    me = strands.attach("late");
    me.parkNanos(MILLI);
    assertThat(strands.join(left, MILLI)).isTrue();
    assertThatThrownBy(me::park).isInstanceOf(Standstill.class);
  }

  @Test
  void death_isReported_toTheWorld() {
    AtomicReference<String> death = new AtomicReference<>();
    Strands world = strands.world((s, t) -> death.set(s + ": " + t.getMessage()));
    strands.join(world.start("s", () -> {
      throw new IllegalStateException("ouch");
    }));
    assertThat(death).hasValue("s#0: ouch");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoHoldsALock_losesTheTurn_onlyWhereThatIsAllowed(boolean underLocks) {
    begin(3, 1, underLocks);
    StrandLock lock = new StrandLock();
    boolean[] seen = new boolean[1];
    Strand holder = strands.start("holder", () -> {
      Strand mine = Strand.current();
      for (int i = 0; i < 50; i++) {
        lock.acquire(mine);
        for (int n = 0; n < 10; n++) {
          mine.point(StepKind.ATOMIC, null);
        }
        lock.release(mine);
      }
    });
    Strand looker = strands.start("looker", () -> {
      for (int n = 0; n < 500; n++) {
        seen[0] |= lock.owner() != null;
        Strand.current().point(StepKind.READ, lock);
      }
    });
    strands.join(holder);
    strands.join(looker);
    assertThat(seen[0]).isEqualTo(underLocks);
  }

  @Test
  void bursts_ofNothing_areRefused() {
    assertThat(catchThrowable(() -> POOL.serial(1, 0, true))).hasMessageContaining("expected 1 or more");
  }
}
