package dev.faultline.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Booting: small enough for one kernel a trial, and refused where it cannot work. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class KernelBootTest {
  private static KernelConfig tiny() {
    MachineConfig machine =
        MachineConfig.builder().cpus(2).frames(4).pageSize(64).tlbEntries(4).diskBlocks(64).build();
    return KernelConfig.builder(machine).swapPages(4).build();
  }

  @Test
  void boot_ofATinyKernelTakesLessThanTwentyKibibytes() {
    ThreadStrands strands = new ThreadStrands();
    KernelConfig config = tiny();
    for (int i = 0; i < 2000; i++) {
      new Kernel(config, strands).close();
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id = Thread.currentThread().getId();
    long before = threads.getThreadAllocatedBytes(id);
    int n = 1000;
    for (int i = 0; i < n; i++) {
      new Kernel(config, strands);
    }
    long each = (threads.getThreadAllocatedBytes(id) - before) / n;
    assertTrue(each < 20 * 1024, "a boot allocates " + each + " bytes");
  }

  @Test
  void boot_startsNoThread() {
    ThreadStrands strands = new ThreadStrands();
    int before = Thread.activeCount();
    try (Kernel k = new Kernel(tiny(), strands)) {
      assertEquals(before, Thread.activeCount(), k::toString);
    }
  }

  @Test
  void boot_isRefusedWhereTheThresholdsLeaveNothingToUse() {
    MachineConfig machine = MachineConfig.builder().frames(3).pageSize(64).diskBlocks(0).build();
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> KernelConfig.builder(machine).build());
    assertTrue(e.getMessage().contains("3 frames"), e.getMessage());
  }
}
