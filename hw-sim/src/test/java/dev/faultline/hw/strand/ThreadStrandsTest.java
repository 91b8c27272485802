package dev.faultline.hw.strand;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Strands that are plain threads. */
@Timeout(60)
final class ThreadStrandsTest {
  private static final long PATIENCE_NANOS = 20_000_000_000L;

  private final ThreadStrands pool = new ThreadStrands();
  private final AtomicReference<Throwable> death = new AtomicReference<>();
  private final Strands strands = pool.world((s, t) -> death.compareAndSet(null, t));

  private void join(Strand s) {
    assertThat(strands.join(s, PATIENCE_NANOS)).as("%s ends", s).isTrue();
  }

  @Test
  void start_runsTheBodyOnAStrandOfThatName() {
    AtomicReference<Strand> seen = new AtomicReference<>();
    Strand s = strands.start("worker", () -> seen.set(Strand.current()));
    join(s);
    assertThat(seen.get()).isSameAs(s);
    assertThat(s.name()).isEqualTo("worker");
    assertThat(s.controlled()).isFalse();
    assertThat(strands.controlled()).isFalse();
  }

  @Test
  void worlds_numberTheirStrandsFromZero() {
    Strands other = pool.world((s, t) -> {});
    assertThat(strands.start("a", () -> {}).id()).isEqualTo(0);
    assertThat(strands.start("b", () -> {}).id()).isEqualTo(1);
    assertThat(other.start("c", () -> {}).id()).isEqualTo(0);
  }

  @Test
  void start_leavesNothingOfAnEarlierStrandOnThePooledThread() {
    AtomicInteger dirty = new AtomicInteger();
    for (int i = 0; i < 200; i++) {
      join(
          strands.start(
              "one",
              () -> {
                Strand me = Strand.current();
                if (me.context != null) {
                  dirty.incrementAndGet();
                }
                me.context = "left behind";
              }));
    }
    assertThat(dirty.get()).isZero();
  }

  /** The permit may come before the thread runs, before it parks, or while it is parked. */
  @Test
  void unpark_isNeverLost_whenItComesEarly() {
    for (int i = 0; i < 3_000; i++) {
      Strand s = strands.start("early", () -> Strand.current().park());
      s.unpark();
      join(s);
    }
  }

  @Test
  void unpark_isNeverLost_inALongPingPong() {
    int rounds = 20_000;
    Strand[] both = new Strand[2];
    AtomicInteger turn = new AtomicInteger();
    CountDownLatch ready = new CountDownLatch(1);
    for (int i = 0; i < 2; i++) {
      int mine = i;
      both[i] =
          strands.start(
              "player" + i,
              () -> {
                awaitLatch(ready);
                for (int n = 0; n < rounds; n++) {
                  while (turn.get() % 2 != mine) {
                    Strand.current().park();
                  }
                  turn.incrementAndGet();
                  both[1 - mine].unpark();
                }
              });
    }
    ready.countDown();
    join(both[0]);
    join(both[1]);
    assertThat(turn.get()).isEqualTo(2 * rounds);
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void parkNanos_returnsWithoutAPermit() {
    Strand me = strands.attach("napper");
    long before = strands.nanoTime();
    for (int i = 0; i < 100; i++) {
      me.parkNanos(1_000);
    }
    assertThat(strands.nanoTime()).isGreaterThan(before);
    strands.detach();
  }

  @Test
  void death_isReportedToTheWorldOfTheStrand() {
    AtomicReference<Strand> dead = new AtomicReference<>();
    Strands other = pool.world((s, t) -> dead.set(s));
    Strand s =
        other.start(
            "doomed",
            () -> {
              throw new AssertionError("expected");
            });
    assertThat(other.join(s, PATIENCE_NANOS)).isTrue();
    assertThat(dead.get()).isSameAs(s);
    assertThat(death.get()).isNull();
  }

  @Test
  void join_givesUp_whenTheTimeIsOver() {
    AtomicBoolean go = new AtomicBoolean();
    Strand s =
        strands.start(
            "slow",
            () -> {
              while (!go.get()) {
                Strand.current().park();
              }
            });
    assertThat(strands.join(s, 1_000_000)).isFalse();
    go.set(true);
    s.unpark();
    join(s);
  }

  @Test
  void attach_makesTheThreadAStrandUntilDetach() {
    assertThat(Strand.currentOrNull()).isNull();
    assertThatThrownBy(Strand::current).isInstanceOf(IllegalStateException.class).hasMessageContaining("attach");
    Strand s = strands.attach("test");
    assertThat(Strand.current()).isSameAs(s);
    assertThatThrownBy(() -> strands.attach("again")).isInstanceOf(IllegalStateException.class);
    strands.detach();
    assertThat(Strand.currentOrNull()).isNull();
    join(s);
  }

  /** Waits of strands are uninterruptible; with the interrupt left pending every later park would return at once. */
  @Test
  void park_waitsOn_whenTheThreadIsInterrupted() throws InterruptedException {
    AtomicBoolean go = new AtomicBoolean();
    AtomicInteger returns = new AtomicInteger();
    AtomicBoolean pending = new AtomicBoolean();
    AtomicReference<Strand> strand = new AtomicReference<>();
    Thread t =
        new Thread(
            () -> {
              Strand me = strands.attach("interrupted");
              strand.set(me);
              while (!go.get()) {
                me.park();
                returns.incrementAndGet();
              }
              strands.detach();
              pending.set(Thread.currentThread().isInterrupted());
            });
    t.setDaemon(true);
    t.start();
    await().atMost(Duration.ofSeconds(10)).until(() -> t.getState() == Thread.State.WAITING);
    t.interrupt();
    await().atMost(Duration.ofSeconds(10)).until(() -> returns.get() > 0 && t.getState() == Thread.State.WAITING);
    assertThat(returns.get()).as("turns of the waiting loop").isLessThan(5);
    go.set(true);
    strand.get().unpark();
    t.join(10_000);
    assertThat(t.isAlive()).isFalse();
    assertThat(pending.get()).as("interrupt given back").isTrue();
  }
}
