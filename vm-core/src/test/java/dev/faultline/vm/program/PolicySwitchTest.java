package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The switches that are policy, not damage: what a program sees of each. */
@Timeout(60)
final class PolicySwitchTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private static String output(String text, Mode mode, Defect... defects) throws Exception {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (VmProgram program = VmProgram.of("vmprogram 1\n" + text)) {
      MachineConfig machine = MachineConfig.builder().cpus(2).frames(128).diskBlocks(8L * 64).build();
      KernelConfig.Builder config = KernelConfig.builder(machine).mode(mode).swapPages(64).witness(true);
      for (Defect d : defects) {
        config.defect(d);
      }
      try (Kernel kernel = new Kernel(config.build(), STRANDS)) {
        KernelRun run = new KernelRun(kernel, program, printed::write);
        run.start();
        assertThat(run.await(TimeUnit.SECONDS.toNanos(30))).isTrue();
        assertThat(kernel.death()).isNull();
      }
    }
    return printed.toString(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void munmapHole_refusesARangeWithAHole(Mode mode) throws Exception {
    String program = "process 1\nmmap 0x10000 4096 rw- private anon\nmunmap 0x10000 8192\nload 0x10000\n";
    assertThat(output(program, mode)).doesNotContain("EINVAL").contains("load = SIGSEGV");
    assertThat(output(program, mode, Defect.H_MUNMAP_HOLE)).contains("munmap = EINVAL").contains("load = 0x0");
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void vforkCopy_hidesTheChildsStoresFromItsParent(Mode mode) throws Exception {
    String program = "process 1\nmmap 0x10000 4096 rw- private anon\nstore 0x10000 1\nvfork 2\nload 0x10000\n"
        + "process 2\nstore 0x10000 2\n";
    assertThat(output(program, mode)).contains("load = 0x2");
    assertThat(output(program, mode, Defect.H_VFORK_COPY)).contains("load = 0x1");
  }
}
