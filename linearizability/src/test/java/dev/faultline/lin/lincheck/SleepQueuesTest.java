package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.CounterSpec;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SleepLock;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** tsleep and wakeup: sections that exclude each other by a busy flag and by a sleep lock. */
class SleepQueuesTest {
  /** A plain field behind a busy flag, the way a page is behind PG_BUSY: whoever finds it set sleeps. */
  public static class BusyFlag {
    final World world = World.boot(8);
    final KMutex mutex = new KMutex(world.kernel.domain(), LockRank.VNODE_INTERLOCK, "flag");
    final NamedChannel channel = new NamedChannel("flag", 3);
    final SleepLock sleepLock = new SleepLock(world.kernel.domain(), "other", 3); // same bucket
    boolean busy; // guarded by mutex
    boolean wanted; // guarded by mutex
    int value; // its busy owner's, who holds the sleep lock too

    void claim() {
      mutex.lock();
      while (busy) {
        wanted = true;
        world.kernel.domain().sleepQueues().sleepOn(channel, mutex, "busy");
        mutex.lock();
      }
      busy = true;
      mutex.unlock();
    }

    void release() {
      mutex.lock();
      busy = false;
      boolean wake = wanted;
      wanted = false;
      mutex.unlock();
      if (wake) {
        world.kernel.domain().sleepQueues().wakeup(channel);
      }
    }

    private int next() {
      claim();
      int v = value + 1;
      value = v;
      release();
      return v;
    }

    @Operation
    public int add() {
      return world.count(this::next);
    }

    @Operation
    public int addAnotherWay() {
      return world.count(
          () -> {
            sleepLock.lock();
            sleepLock.lock(); // recursive
            int v = next();
            sleepLock.unlock();
            Check.holds(sleepLock.isHeld(), "a recursive hold given back is none", sleepLock);
            sleepLock.unlock();
            return v;
          });
    }

    @Operation
    public int get() {
      return world.count(
          () -> {
            claim();
            int v = value;
            release();
            return v;
          });
    }

    /** Nothing is held or wanted at the end. */
    @Validate
    public void quiet() {
      Check.holds(!busy && !wanted && sleepLock.isIdle(), "left held", busy, wanted, sleepLock);
    }
  }

  /** Lets go of the mutex between its look at the flag and its sleep: a wakeup in between is lost (R4a). */
  public static class LosesWakeups extends BusyFlag {
    @Override
    void claim() {
      mutex.lock();
      while (busy) {
        wanted = true;
        mutex.unlock();
        world.kernel.domain().sleepQueues().sleepOn(channel, null, "busy");
        mutex.lock();
      }
      busy = true;
      mutex.unlock();
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(BusyFlag.class, CounterSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(BusyFlag.class, CounterSpec.class, 5, 50);
  }

  @Test
  void aLostWakeupIsFound() {
    Lincheck.finds(LosesWakeups.class, CounterSpec.class, Script.of("", "add", "add"));
  }
}
