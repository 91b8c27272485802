package dev.faultline.stress.bench;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What it costs to boot and end the smallest kernel: what an engine pays for each world that it makes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BootCost {
  private final ThreadStrands strands = new ThreadStrands();
  private final KernelConfig config =
      KernelConfig.builder(
              MachineConfig.builder().cpus(2).frames(4).pageSize(64).tlbEntries(4).diskBlocks(64).build())
          .swapPages(4)
          .build();

  /** Boots 2 processors, 4 frames of 64 bytes and a disk, and shuts them down. */
  @Benchmark
  public Kernel bootTiny() {
    Kernel kernel = new Kernel(config, strands);
    kernel.close();
    return kernel;
  }
}
