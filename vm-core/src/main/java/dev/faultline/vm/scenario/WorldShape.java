package dev.faultline.vm.scenario;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.trace.TraceOptions;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How large a scenario's world is. Pages have 64 bytes.
 *
 * @param cpus processors; each user of the scenario has one of its own
 * @param frames frames of memory
 * @param swapPages pages of swap
 * @param filePages room for files, in pages
 */
public record WorldShape(int cpus, int frames, int swapPages, int filePages) {
  private static final int PAGE = 64;
  private static final long POISON = 0xdeadf4a3e5L;

  /** Two processors, so many frames, eight pages of swap, no files. */
  public static WorldShape ofFrames(int frames) {
    return new WorldShape(2, frames, 8, 0);
  }

  /** The same with so many pages of swap. */
  public WorldShape withSwap(int pages) {
    return new WorldShape(cpus, frames, pages, filePages);
  }

  /** The same with room for files of so many pages. */
  public WorldShape withFiles(int pages) {
    return new WorldShape(cpus, frames, swapPages, pages);
  }

  /**
   * Returns the options of a kernel of this shape, its witness on.
   *
   * @param trace what the kernel records
   * @param probe hears of the fault handler's decisions, or null
   */
  KernelConfig config(Mode mode, Set<Defect> defects, TraceOptions trace, @Nullable FaultProbe probe) {
    EnumSet<Defect> all = EnumSet.copyOf(Defect.defaults());
    all.addAll(defects);
    MachineConfig machine =
        MachineConfig.builder()
            .cpus(cpus)
            .frames(frames)
            .pageSize(PAGE)
            .diskBlocks(8L * (swapPages + filePages))
            .disk(DiskProfile.ZERO)
            .tickNanos(1_000_000)
            .stamps(true)
            .build();
    return KernelConfig.builder(machine)
        .mode(mode)
        .defects(all)
        .swapPages(swapPages)
        .cacheMax(4)
        .daemons(DaemonOptions.NONE) // the fewer strands, the fewer schedules
        .witness(true)
        .ownership(true)
        .poison(POISON)
        .trace(trace)
        .probe(probe)
        .build();
  }
}
