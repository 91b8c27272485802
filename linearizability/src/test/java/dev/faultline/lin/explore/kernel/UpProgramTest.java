package dev.faultline.lin.explore.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strands;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Session;
import dev.faultline.lin.explore.engine.Trial;
import dev.faultline.lin.explore.strategy.RandomWalk;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.trace.EventRings;
import dev.faultline.vm.trace.TextRenderer;
import dev.faultline.vm.trace.TraceOptions;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whole programs in UP mode: processes, daemons and the disk one strand at a time, by a seeded choice. House style 7:
 * two runs of one seed give byte-identical traces.
 */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class UpProgramTest {
  private static final int SWAP_PAGES = 256;

  /** Runs a VM program on a small machine; keeps what came of it. */
  private static final class UpRun implements Program {
    final VmProgram program;
    String result = "";

    UpRun(VmProgram program) {
      this.program = program;
    }

    @Override
    public Trial begin(Strands strands) {
      MachineConfig machine = MachineConfig.builder().frames(48)
          .diskBlocks(8L * SWAP_PAGES + KernelRun.fileBlocks(program, VmProgram.PAGE_SIZE)).build();
      Kernel kernel = new Kernel(
          KernelConfig.builder(machine).mode(Mode.UP).swapPages(SWAP_PAGES).trace(TraceOptions.rings(1 << 15)).build(),
          strands);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      KernelRun run = new KernelRun(kernel, program, out::write);
      return new Trial() {
        @Override
        public List<Actor> actors() {
          return List.of(new Actor("run", () -> {
            kernel.tracer().silence();
            run.start();
            while (!run.await(1_000_000_000L)) {
              assertThat(kernel.death()).isNull();
            }
          }));
        }

        @Override
        public void check() {
          EventRings rings = kernel.tracer().rings();
          assertThat(rings).isNotNull();
          result = out.toString(StandardCharsets.UTF_8) + TextRenderer.render(rings.trace(), "trace");
          kernel.close();
        }
      };
    }
  }

  private static String run(VmProgram program, long seed) {
    UpRun p = new UpRun(program);
    @Nullable Outcome[] outcome = new @Nullable Outcome[1];
    Session.Options options = new Session.Options(false, 5_000_000, 0, 20_000_000_000L);
    try (Session s = new Session(p, new RandomWalk(seed), options)) {
      assertThat(s.run(
          (e, o) -> {
            outcome[0] = o;
            return false;
          })).isNull();
    }
    assertThat(outcome[0]).isEqualTo(Outcome.DONE);
    return p.result;
  }

  @ParameterizedTest
  @ValueSource(strings = {"fork-cow", "shared-counter", "file-map"})
  void oneSeed_givesTheSameTrace_byteForByte(String name) throws Exception {
    try (VmProgram program = VmProgram.open("../samples/" + name + ".vm", lines -> {})) {
      String first = run(program, 1);
      assertThat(first).contains("fault at 0x", "token");
      assertThat(run(program, 1)).isEqualTo(first);
      assertThat(run(program, 2)).as("another seed, another order").isNotEqualTo(first);
    }
  }
}
