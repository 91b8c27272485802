package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.DaemonSleepSpec;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** The page daemon's sleep: it sleeps through no pageout that has completed. In a scenario written out. */
class DaemonSleepTest {
  private static final Script SCRIPT = Script.of("", "finish; finish", "complete; complete");

  /** The daemon's wait for pageouts, and their completions; memory is fine. */
  public static class Pageouts {
    private final World world = World.boot(8);
    private final FreeList freeList = world.kernel.pages().freeList();
    private final KMutex doneLock = new KMutex(world.kernel.domain(), LockRank.SWAP, "done list");
    private int done; // guarded by doneLock

    /** Boots; the daemon has been started, and would be by no completion. */
    public Pageouts() {
      world.run(freeList::wakeDaemonForCompletion);
    }

    private boolean anyDone() {
      doneLock.lock();
      try {
        return done > 0;
      } finally {
        doneLock.unlock();
      }
    }

    /** As the daemon's loop, of one thread, begins. */
    @Operation
    public void finish() {
      world.run(
          () -> {
            freeList.daemonSleep(this::anyDone);
            doneLock.lock();
            done--;
            doneLock.unlock();
          });
    }

    /** As iodone: the list first, then the daemon. */
    @Operation
    public void complete() {
      world.run(
          () -> {
            doneLock.lock();
            done++;
            doneLock.unlock();
            freeList.wakeDaemonForCompletion();
          });
    }

    /** As many have been finished as have completed. */
    @Validate
    public void nothingIsLeft() {
      Check.holds(done == 0, "I-46 done list", done);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.check(Pageouts.class, DaemonSleepSpec.class, SCRIPT, 100);
  }
}
