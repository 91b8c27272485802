package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.EventsSpec;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.sync.KThread;
import org.jetbrains.lincheck.datastructures.Operation;
import org.junit.jupiter.api.Test;

/** Event counters: each thread counts for itself, and whoever asks adds up. */
class CountersTest {
  /** One counter. */
  public static class Counter {
    private final World world = World.boot(8);

    @Operation
    public void count() {
      world.run(() -> KThread.current().count(Event.VM_FAULTS));
    }

    @Operation
    public long total() {
      return world.word(() -> world.kernel.domain().events(Event.VM_FAULTS.ordinal()));
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Counter.class, EventsSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Counter.class, EventsSpec.class, 5, 50);
  }
}
