package dev.faultline.vm.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.World;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The interlock of kmem_alloc_wait, of which 1995 loses a wakeup (3.1, 3.10). */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class SubmapRoomTest {
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void roomThatIsMade_betweenTheLookAndTheSleep_isNotSleptThrough(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      KernelMemory kmem = w.kernel().kernelMemory();
      VmMap sub = w.inKernel(() -> kmem.suballoc(kmem.kernelMap(), w.pageSize()));
      long va = w.inKernel(() -> kmem.allocWait(sub, w.pageSize()));
      long gen = w.inKernel(kmem::roomGeneration);
      w.inKernel(() -> kmem.freeWakeup(sub, va, w.pageSize()));
      World.Actor<Boolean> late = w.start("late", () -> {
        kmem.awaitRoom(sub, gen);
        return true;
      });
      assertThat(late.join()).isTrue();
    }
  }
}
