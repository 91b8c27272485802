package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.CounterSpec;
import dev.faultline.lin.spec.HoldsSpec;
import dev.faultline.vm.sync.MapLock;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** The map lock: sections that exclude each other, with upgrade and downgrade; and who gets it without waiting. */
class MapLockTest {
  /** A plain field, read and written under the lock. */
  public static class Sections {
    final World world = World.boot(8);
    final MapLock lock = new MapLock(world.kernel.domain(), "map", 1);
    int value;

    @Operation
    public int add() {
      return world.count(
          () -> {
            lock.lockWrite();
            int v = value + 1;
            value = v;
            lock.unlock();
            return v;
          });
    }

    /** Reads, becomes a writer, adds, becomes a reader again. */
    @Operation
    public int addAnotherWay() {
      return world.count(
          () -> {
            while (true) {
              lock.lockRead();
              int v = value + 1;
              if (upgradeFailed()) {
                continue; // another upgrade was pending; we hold nothing
              }
              value = v; // what was read is still true
              lock.downgrade();
              Check.holds(value == v, "changed under a read hold that was a write hold", v, value);
              lock.unlock();
              return v;
            }
          });
    }

    boolean upgradeFailed() {
      return lock.upgrade();
    }

    @Operation
    public int get() {
      return world.count(
          () -> {
            lock.lockRead();
            int v = value;
            Check.holds(value == v, "changed under a read hold", v);
            lock.unlock();
            return v;
          });
    }

    @Validate
    public void free() {
      world.check(() -> Check.holds(lock.isIdle(), "map lock left held", lock));
    }
  }

  /** Upgrades by letting go and taking the lock again. */
  public static class LetsGoToUpgrade extends Sections {
    @Override
    boolean upgradeFailed() {
      lock.unlock();
      lock.lockWrite();
      return false;
    }
  }

  /** Holds that outlive the operation that took them. */
  @Param(name = "thread", gen = ThreadIdGen.class)
  public static class Holds {
    private static final int THREADS = 8;
    final World world = World.boot(8);
    final MapLock lock = new MapLock(world.kernel.domain(), "map", 1);
    private final int[] reads = new int[THREADS]; // element: its thread's
    private final boolean[] writes = new boolean[THREADS]; // element: its thread's

    @Operation(params = "thread")
    public boolean tryRead(int thread) {
      return world.test(
          () -> {
            boolean ok = lock.tryLockRead();
            reads[thread] += ok ? 1 : 0;
            return ok;
          });
    }

    @Operation(params = "thread")
    public boolean tryWrite(int thread) {
      return world.test(
          () -> {
            boolean ok = takeForWriting();
            writes[thread] |= ok;
            return ok;
          });
    }

    boolean takeForWriting() {
      return lock.tryLockWrite();
    }

    @Operation(params = "thread")
    public boolean downgrade(int thread) {
      return world.test(
          () -> {
            if (!writes[thread]) {
              return false;
            }
            writes[thread] = false;
            reads[thread]++;
            lock.downgrade();
            return true;
          });
    }

    @Operation(params = "thread")
    public boolean release(int thread) {
      return world.test(
          () -> {
            if (reads[thread] > 0) {
              reads[thread]--;
            } else if (writes[thread]) {
              writes[thread] = false;
            } else {
              return false;
            }
            lock.unlock();
            return true;
          });
    }
  }

  /** Asks whether the lock is idle first, and takes it for reading and on to writing later. */
  public static class AsksFirst extends Holds {
    @Override
    boolean takeForWriting() {
      return lock.isIdle() && lock.tryLockRead() && !lock.upgrade();
    }
  }

  @Test
  void sectionsModelChecked() {
    Lincheck.modelCheck(Sections.class, CounterSpec.class, 5, 50);
  }

  @Test
  void sectionsStressed() {
    Lincheck.stress(Sections.class, CounterSpec.class, 5, 50);
  }

  @Test
  void holdsModelChecked() {
    Lincheck.modelCheck(Holds.class, HoldsSpec.class, 5, 50);
  }

  @Test
  void holdsStressed() {
    Lincheck.stress(Holds.class, HoldsSpec.class, 5, 50);
  }

  @Test
  void lettingGoToUpgradeIsFound() {
    Lincheck.finds(LetsGoToUpgrade.class, CounterSpec.class, Script.of("", "addAnotherWay", "add"));
  }

  @Test
  void askingFirstIsFound() {
    Lincheck.finds(AsksFirst.class, HoldsSpec.class, Script.of("", "tryWrite 1", "tryRead 2"));
  }
}
