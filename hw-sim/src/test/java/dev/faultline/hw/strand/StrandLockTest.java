package dev.faultline.hw.strand;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The raw lock between strands, on threads that run freely. */
@Timeout(60)
final class StrandLockTest {
  private static final ThreadStrands POOL = new ThreadStrands();
  private static final long PATIENCE_NANOS = 20_000_000_000L;

  private final AtomicReference<Throwable> death = new AtomicReference<>();
  private final Strands strands = POOL.world((s, t) -> death.compareAndSet(null, t));
  private final StrandLock lock = new StrandLock();
  private final List<Strand> started = new ArrayList<>();

  private Strand start(String name, Runnable body) {
    Strand s = strands.start(name, body);
    started.add(s);
    return s;
  }

  private void joinAll() {
    for (Strand s : started) {
      assertThat(strands.join(s, PATIENCE_NANOS)).as("%s ends", s).isTrue();
    }
    started.clear();
  }

  @AfterEach
  void nothingIsLeft() {
    joinAll();
    assertThat(death.get()).isNull();
    assertThat(lock.owner()).isNull();
  }

  private static final class Plain {
    int count; // guarded by the lock under test: lost updates show
  }

  private final AtomicInteger waiting = new AtomicInteger();

  /** Lets threads begin at the same time, or each would be done before the next starts. */
  private void together(int threads) {
    waiting.incrementAndGet();
    while (waiting.get() < threads) {
      Thread.onSpinWait();
    }
  }

  @Test
  void acquire_excludes_underContention() {
    int threads = 2;
    int rounds = 1_000_000;
    Plain p = new Plain();
    for (int i = 0; i < threads; i++) {
      start(
          "adder",
          () -> {
            Strand me = Strand.current();
            together(threads);
            for (int n = 0; n < rounds; n++) {
              lock.acquire(me);
              p.count++;
              lock.release(me);
            }
          });
    }
    joinAll();
    assertThat(p.count).isEqualTo(threads * rounds);
  }

  @Test
  void tryAcquire_excludes_underContention() {
    int threads = 2;
    Plain p = new Plain();
    AtomicInteger gained = new AtomicInteger();
    for (int i = 0; i < threads; i++) {
      start(
          "trier",
          () -> {
            Strand me = Strand.current();
            together(threads);
            for (int n = 0; n < 10_000_000; n++) {
              if (lock.tryAcquire(me)) {
                p.count++;
                gained.incrementAndGet();
                lock.release(me);
              }
            }
          });
    }
    joinAll();
    assertThat(p.count).isEqualTo(gained.get()).isPositive();
  }

  /** The holder's time is swept over the waiter's spinning and its push: one that parks unseen stays there. */
  @Test
  void release_isSeen_byAWaiterThatIsAboutToPark() {
    int rounds = 6_000;
    AtomicInteger turn = new AtomicInteger();
    Strand waiter =
        start(
            "waiter",
            () -> {
              Strand me = Strand.current();
              for (int n = 0; n < rounds; n++) {
                spinUntil(turn, 2 * n + 1);
                lock.acquire(me);
                lock.release(me);
                turn.set(2 * n + 2);
              }
            });
    start(
        "holder",
        () -> {
          Strand me = Strand.current();
          for (int n = 0; n < rounds; n++) {
            lock.acquire(me);
            turn.set(2 * n + 1);
            for (int i = n % 300; i > 0; i--) {
              Thread.onSpinWait();
            }
            lock.release(me);
            spinUntil(turn, 2 * n + 2);
          }
        });
    assertThat(strands.join(waiter, PATIENCE_NANOS)).as("waiter gets the lock in turn %s", turn).isTrue();
    joinAll();
  }

  private static void spinUntil(AtomicInteger turn, int value) {
    for (int i = 0; turn.get() < value; i++) {
      if (i < 1_000) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  /** A lost wakeup leaves a waiter parked for ever; the holder keeps the lock until they have given up spinning. */
  @Test
  void release_wakesParkedWaiters_everyTime() {
    int rounds = 300;
    AtomicInteger through = new AtomicInteger();
    AtomicInteger round = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Thread t =
          new Thread(
              () -> {
                Strand me = strands.attach("waiter");
                for (int n = 1; n <= rounds; n++) {
                  while (round.get() < n) {
                    Thread.onSpinWait();
                  }
                  lock.acquire(me);
                  lock.release(me);
                  through.incrementAndGet();
                }
                strands.detach();
              });
      t.setDaemon(true);
      threads.add(t);
    }
    Strand me = strands.attach("holder");
    threads.forEach(Thread::start);
    for (int n = 1; n <= rounds; n++) {
      lock.acquire(me);
      round.set(n);
      boolean park = n % 3 != 0; // else: released while they spin, or between push and park
      await()
          .pollInSameThread()
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofNanos(20_000))
          .atMost(Duration.ofSeconds(10))
          .until(() -> !park || threads.stream().allMatch(t -> t.getState() == Thread.State.WAITING));
      lock.release(me);
      int wanted = 2 * n;
      await()
          .pollInSameThread()
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofNanos(20_000))
          .atMost(Duration.ofSeconds(10))
          .until(() -> through.get() == wanted);
    }
    strands.detach();
  }

  @Test
  void acquire_refusesASecondHold() {
    Strand me = strands.attach("twice");
    lock.acquire(me);
    assertThatThrownBy(() -> lock.acquire(me)).isInstanceOf(IllegalStateException.class).hasMessageContaining("second");
    assertThat(lock.tryAcquire(me)).isFalse();
    lock.release(me);
    strands.detach();
  }

  @Test
  void release_refusesWhoDoesNotHold() {
    Strand me = strands.attach("other");
    assertThatThrownBy(() -> lock.release(me)).isInstanceOf(IllegalStateException.class);
    lock.acquire(me);
    AtomicReference<Throwable> refused = new AtomicReference<>();
    start(
        "thief",
        () -> {
          try {
            lock.release(Strand.current());
          } catch (IllegalStateException e) {
            refused.set(e);
          }
        });
    joinAll();
    assertThat(refused.get()).isNotNull();
    assertThat(lock.isOwnedBy(me)).isTrue();
    lock.release(me);
    strands.detach();
  }

  /** Two locks handed round in opposite phase: every acquisition is contended. */
  @Test
  void acquire_neverHangs_inALongHandover() {
    StrandLock second = new StrandLock();
    Plain turns = new Plain();
    for (int i = 0; i < 2; i++) {
      start(
          "handover",
          () -> {
            Strand me = Strand.current();
            for (int n = 0; n < 30_000; n++) {
              lock.acquire(me);
              second.acquire(me);
              lock.release(me);
              turns.count++;
              second.release(me);
            }
          });
    }
    joinAll();
    assertThat(turns.count).isEqualTo(60_000);
  }
}
