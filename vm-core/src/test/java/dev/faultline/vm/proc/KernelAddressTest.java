package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.KernelMemory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** User code and the kernel's addresses (3.8, page fault trap). */
@Timeout(60)
final class KernelAddressTest {
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void userAccess_isRefused_withoutAFault_alsoWhereTheKernelHasMemory(Mode mode) {
    List<CallResult> results = new CopyOnWriteArrayList<>();
    try (ProcessWorld w = new ProcessWorld(mode, 2)) {
      KernelMemory kmem = w.kernel.kernelMemory();
      long va = w.kernel.call("boot", () -> kmem.alloc(kmem.kernelMap(), ProcessWorld.PAGE));
      long faults = w.events(Event.VM_FAULTS);
      w.start(1, t -> {
        results.add(t.access().load(va));
        results.add(t.access().store(va, 1));
        results.add(t.access().load(-8));
        results.add(w.calls.memory().mmapAnon(t, va, ProcessWorld.PAGE, 3, false));
        results.add(w.calls.memory().munmap(t, va, ProcessWorld.PAGE));
      });
      w.awaitEnd();
      assertThat(w.events(Event.VM_FAULTS)).isEqualTo(faults);
      long[] value = {1};
      w.kernel.run("look", () -> w.kernel.kernelAccess().load(va, value));
      assertThat(value[0]).isZero();
    }
    assertThat(results).containsExactly(CallResult.SIGSEGV, CallResult.SIGSEGV, CallResult.SIGSEGV,
        CallResult.EINVAL, CallResult.EINVAL);
  }
}
