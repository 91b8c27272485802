package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The map lock's semantics, vm-semantics 2.8. */
@Timeout(300)
final class MapLockTest {
  private static final ThreadStrands POOL = new ThreadStrands();

  private final AtomicReference<Throwable> death = new AtomicReference<>();
  private final Strands strands = POOL.world((s, t) -> death.compareAndSet(null, t));
  private final Machine machine =
      new Machine(MachineConfig.builder().cpus(1).frames(4).pageSize(64).diskBlocks(0).build(), strands);
  private final SyncDomain domain =
      new SyncDomain(Mode.FIXED, strands, machine.clock(), true, 4, Event.count());
  private final MapLock lock = new MapLock(domain, "test map", 1);
  private final List<Actor> actors = new ArrayList<>();

  /** A kernel thread that does one step at a time, when told to. */
  private final class Actor {
    private final Strand strand;
    private final java.util.concurrent.SynchronousQueue<Runnable> steps = new java.util.concurrent.SynchronousQueue<>();
    private volatile KThread thread;
    private volatile boolean busy;
    private boolean ended;

    Actor(String name) {
      CountDownLatch born = new CountDownLatch(1);
      strand = strands.start(name, () -> {
        thread = new KThread(domain, name, false);
        born.countDown();
        while (true) {
          Runnable step = take();
          if (step == null) {
            break;
          }
          try {
            step.run();
          } finally {
            busy = false;
          }
        }
        assertThat(thread.mapLocksHeld).as("map locks that %s holds in the end", name).isZero();
        thread.end();
      });
      awaitLatch(born);
      actors.add(this);
    }

    private Runnable take() {
      try {
        Runnable r = steps.take();
        return r == END ? null : r;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    private void send(Runnable step) {
      try {
        busy = step != END;
        assertThat(steps.offer(step, 30, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    /** Does a step that does not sleep. */
    Actor does(Runnable step) {
      send(step);
      return returns();
    }

    /** Begins a step that sleeps for the reason that {@code tag} names, and waits until it does. */
    Actor blocksIn(Runnable step, String tag) {
      send(step);
      until(() -> tag.equals(thread.sleepTag()) && thread.sleepChannel() == lock);
      return this;
    }

    /** Waits until the step is over. */
    Actor returns() {
      until(() -> !busy);
      return this;
    }

    boolean isBlocked() {
      return busy && thread.sleepChannel() == lock;
    }

    void end() {
      if (!ended) {
        ended = true;
        assertThat(busy).as("%s still waits: %s", thread, thread.sleepTag()).isFalse();
        send(END);
        assertThat(strands.join(strand, TimeUnit.SECONDS.toNanos(30))).isTrue();
      }
    }
  }

  private static final Runnable END = () -> {};

  private void until(java.util.concurrent.Callable<Boolean> condition) {
    await().pollInterval(Duration.ofMillis(1)).atMost(30, TimeUnit.SECONDS).until(() -> {
      if (death.get() != null) {
        throw new AssertionError(death.get());
      }
      return condition.call();
    });
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void nobodyHoldsIt() {
    strands.attach("check");
    try {
      actors.forEach(Actor::end);
      assertThat(death.get()).isNull();
      assertThat(lock.isIdle()).as("%s", lock).isTrue();
    } finally {
      strands.detach();
      machine.close();
    }
  }

  private final Actor a = new Actor("a");
  private final Actor b = new Actor("b");

  @Nested
  class Readers {
    @Test
    void shareTheLock() {
      a.does(lock::lockRead);
      b.does(lock::lockRead);
      a.does(lock::unlock);
      b.does(lock::unlock);
    }

    @Test
    void waitForAWriter() {
      a.does(lock::lockWrite);
      b.blocksIn(lock::lockRead, "thrd_read");
      a.does(lock::unlock);
      b.returns().does(lock::unlock);
    }

    @Test
    void waitBehindAQueuedWriter_thatItselfWaitsForAReader() {
      Actor c = new Actor("c");
      a.does(lock::lockRead);
      b.blocksIn(lock::lockWrite, "thrd_write");
      c.blocksIn(lock::lockRead, "thrd_read");
      a.does(() -> assertThat(lock.tryLockRead()).as("try while a writer is queued").isFalse());
      a.does(lock::unlock);
      b.returns();
      assertThat(c.isBlocked()).as("the reader stands behind the writer").isTrue();
      b.does(lock::unlock);
      c.returns().does(lock::unlock);
    }

    @Test
    void waitBehindAPendingUpgrade() {
      Actor c = new Actor("c");
      a.does(lock::lockRead);
      b.does(lock::lockRead);
      a.blocksIn(lock::upgrade, "thrd_upgrade");
      c.blocksIn(lock::lockRead, "thrd_read");
      b.does(lock::unlock);
      a.returns();
      assertThat(c.isBlocked()).isTrue();
      a.does(lock::unlock);
      c.returns().does(lock::unlock);
    }
  }

  @Nested
  class Writers {
    @Test
    void excludeEachOther() {
      a.does(lock::lockWrite);
      b.blocksIn(lock::lockWrite, "thrd_write");
      a.does(lock::unlock);
      b.returns().does(lock::unlock);
    }

    @Test
    void waitForEveryReader() {
      Actor c = new Actor("c");
      a.does(lock::lockRead);
      b.does(lock::lockRead);
      c.blocksIn(lock::lockWrite, "thrd_write");
      a.does(lock::unlock);
      assertThat(c.isBlocked()).isTrue();
      b.does(lock::unlock);
      c.returns().does(() -> assertThat(lock.isWriteHeld()).isTrue()).does(lock::unlock);
    }

    @Test
    void letReadersIn_whenTheyDowngrade() {
      a.does(lock::lockWrite);
      b.blocksIn(lock::lockRead, "thrd_read");
      a.does(lock::downgrade);
      b.returns();
      a.does(() -> assertThat(lock.isWriteHeld()).isFalse());
      a.does(lock::unlock);
      b.does(lock::unlock);
    }
  }

  @Nested
  class Upgrade {
    @Test
    void ofTheOnlyReader_succeedsAtOnce() {
      a.does(lock::lockRead);
      a.does(() -> assertThat(lock.upgrade()).as("failed").isFalse());
      a.does(() -> assertThat(lock.isWriteHeld()).isTrue());
      b.blocksIn(lock::lockRead, "thrd_read");
      a.does(lock::downgrade);
      b.returns().does(lock::unlock);
      a.does(lock::unlock);
    }

    @Test
    void whileAnotherIsPending_failsAndHoldsNothing() {
      a.does(lock::lockRead);
      b.does(lock::lockRead);
      a.blocksIn(() -> assertThat(lock.upgrade()).as("the first one failed").isFalse(), "thrd_upgrade");
      b.does(() -> {
        assertThat(lock.upgrade()).as("the second one failed").isTrue();
        assertThat(KThread.current().mapLocksHeld).as("holds after a failed upgrade").isZero();
      });
      a.returns(); // the failure gave up the read hold that it waited for
      a.does(() -> assertThat(lock.isWriteHeld()).isTrue()).does(lock::unlock);
    }

    @Test
    void goesBeforeAQueuedWriter_soThatWhatTheReaderSawIsStillTrue() {
      AtomicInteger guarded = new AtomicInteger();
      a.does(lock::lockRead);
      b.blocksIn(() -> {
        lock.lockWrite();
        guarded.incrementAndGet();
      }, "thrd_write");
      a.does(() -> {
        assertThat(lock.upgrade()).isFalse();
        assertThat(guarded.get()).isZero();
      });
      assertThat(b.isBlocked()).isTrue();
      a.does(lock::unlock);
      b.returns().does(lock::unlock);
    }
  }

  @Nested
  class Try {
    @Test
    void failsWithoutWaiting_andHoldsNothing() {
      a.does(lock::lockWrite);
      b.does(() -> {
        assertThat(lock.tryLockRead()).isFalse();
        assertThat(lock.tryLockWrite()).isFalse();
        assertThat(KThread.current().mapLocksHeld).isZero();
      });
      a.does(lock::unlock);
      b.does(() -> assertThat(lock.tryLockRead()).isTrue());
      a.does(() -> assertThat(lock.tryLockWrite()).as("with a reader").isFalse());
      a.does(() -> assertThat(lock.tryLockRead()).as("two readers").isTrue());
      a.does(lock::unlock);
      b.does(lock::unlock);
      b.does(() -> assertThat(lock.tryLockWrite()).isTrue());
      b.does(lock::unlock);
    }

    @Test
    void forReading_failsWhileAnUpgradeIsPending() {
      Actor c = new Actor("c");
      a.does(lock::lockRead);
      b.does(lock::lockRead);
      a.blocksIn(lock::upgrade, "thrd_upgrade");
      c.does(() -> assertThat(lock.tryLockRead()).isFalse());
      b.does(lock::unlock);
      a.returns().does(lock::unlock);
    }
  }

  @Nested
  class Recursion {
    @Test
    void letsTheOwnerTakeItAgain_inAnyWay() {
      a.does(() -> {
        lock.lockWrite();
        lock.setRecursive();
        lock.lockWrite();
        lock.unlock();
        lock.lockRead();
        assertThat(lock.upgrade()).isFalse();
        lock.downgrade();
        lock.unlock();
        assertThat(lock.tryLockWrite()).isTrue();
        lock.unlock();
        lock.clearRecursive();
        lock.unlock();
      });
      b.does(() -> assertThat(lock.tryLockWrite()).isTrue()).does(lock::unlock);
    }

    @Test
    void passesAQueuedWriter_afterADowngrade() {
      a.does(() -> {
        lock.lockWrite();
        lock.setRecursive();
        lock.downgrade();
      });
      b.blocksIn(lock::lockWrite, "thrd_write");
      a.does(lock::lockRead);
      a.does(() -> assertThat(lock.tryLockRead()).isTrue());
      a.does(lock::unlock);
      a.does(lock::unlock);
      assertThat(b.isBlocked()).isTrue();
      a.does(() -> {
        lock.clearRecursive();
        lock.unlock();
      });
      b.returns().does(lock::unlock);
    }

    @Test
    void upgradesWithoutWaitingForOtherReaders() {
      a.does(() -> {
        lock.lockWrite();
        lock.setRecursive();
        lock.downgrade();
      });
      b.does(lock::lockRead);
      a.does(() -> {
        lock.lockRead();
        assertThat(lock.upgrade()).isFalse();
        lock.downgrade();
        lock.unlock();
      });
      b.does(lock::unlock);
      a.does(() -> {
        lock.clearRecursive();
        lock.unlock();
      });
    }

    @Test
    void needsTheWriteHold() {
      a.does(() -> assertThatThrownBy(lock::setRecursive).isInstanceOf(KernelPanic.class));
    }
  }

  @Test
  void unlockOfAFreeLock_panics() {
    a.does(() -> assertThatThrownBy(lock::unlock).isInstanceOf(KernelPanic.class));
  }

  @Test
  void underAStorm_readersSeeNoWriterAndWritersNobody() {
    AtomicInteger readers = new AtomicInteger();
    AtomicInteger writers = new AtomicInteger();
    AtomicInteger failedUpgrades = new AtomicInteger();
    List<Strand> storm = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int seed = i;
      storm.add(strands.start("storm" + i, () -> {
        KThread t = new KThread(domain, "storm" + seed, false);
        java.util.Random random = new java.util.Random(seed);
        for (int n = 0; n < 20_000; n++) {
          switch (random.nextInt(5)) {
            case 0 -> {
              lock.lockWrite();
              alone(readers, writers);
              if (random.nextBoolean()) {
                lock.downgrade();
                together(readers, writers);
              }
              lock.unlock();
            }
            case 1 -> {
              lock.lockRead();
              together(readers, writers);
              if (lock.upgrade()) {
                failedUpgrades.incrementAndGet();
              } else {
                alone(readers, writers);
                lock.unlock();
              }
            }
            case 2 -> {
              if (lock.tryLockRead()) {
                together(readers, writers);
                lock.unlock();
              }
            }
            case 3 -> {
              if (lock.tryLockWrite()) {
                alone(readers, writers);
                lock.unlock();
              }
            }
            default -> {
              lock.lockRead();
              together(readers, writers);
              lock.unlock();
            }
          }
        }
        assertThat(t.mapLocksHeld).isZero();
        t.end();
      }));
    }
    for (Strand s : storm) {
      boolean ended = strands.join(s, TimeUnit.SECONDS.toNanos(60));
      assertThat(death.get()).isNull();
      assertThat(ended).as("%s ends; %s", s, lock).isTrue();
    }
  }

  private static void alone(AtomicInteger readers, AtomicInteger writers) {
    assertThat(writers.incrementAndGet()).isEqualTo(1);
    assertThat(readers.get()).isZero();
    writers.decrementAndGet();
  }

  private static void together(AtomicInteger readers, AtomicInteger writers) {
    readers.incrementAndGet();
    assertThat(writers.get()).isZero();
    readers.decrementAndGet();
  }
}
