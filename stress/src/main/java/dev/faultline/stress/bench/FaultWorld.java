package dev.faultline.stress.bench;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.map.Vmspace;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The kernel that the fault benchmarks share: two processors, plenty of memory, a disk without latency. */
@State(Scope.Benchmark)
public class FaultWorld {
  /** Bytes of a page. */
  @Param("4096")
  public int pageSize;

  /** Frames of the machine; 2048 of 4096 bytes are 8 MiB, a machine of 1995, which the caches of a later one hold. */
  @Param("2048")
  public int frames;

  /** FIXED or UP. */
  @Param("FIXED")
  public Mode mode;

  /** Pages of the shared object: enough for four threads. */
  private static final int MAPPED_PAGES = 4 * FaultThread.PAGES;

  final ThreadStrands strands = new ThreadStrands();
  Kernel kernel;
  Vmspace sharedSpace; // what the threads of the shared benchmarks use together
  int swapPages = 4096;

  @Setup(Level.Trial)
  public void boot() {
    MachineConfig machine =
        MachineConfig.builder().cpus(2).frames(frames).pageSize(pageSize).diskBlocks(8L * (swapPages + 4096)).build();
    kernel = new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(swapPages).build(), strands);
    sharedSpace = kernel.call("boot", () -> kernel.processes().newVmspace("shared"));
    FaultThread.mapFor(this, sharedReference(), MAPPED_PAGES);
  }

  /** Returns a reference of the caller's own to the shared address space. */
  Vmspace sharedReference() {
    return kernel.call("share", sharedSpace::share);
  }

  @TearDown(Level.Trial)
  public void shutdown() {
    kernel.close();
  }
}
