package dev.faultline.vm;

import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.page.ResidentPages.AllocationFaults;
import dev.faultline.vm.trace.TraceOptions;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The options of one boot. Made with {@link #builder}.
 *
 * @param machine the hardware
 * @param mode how threads exclude each other
 * @param defects what deviates from the correct kernel
 * @param swapPages pages of swap at the front of the disk
 * @param thresholds memory thresholds
 * @param buffers buffers of the buffer cache
 * @param blockChunks chunks of a buffer's block: 1, 2, 4, 8 or 16
 * @param cacheMax vm_object_cache_max: objects without references that are kept
 * @param daemons what there is besides the page daemon, and what a process costs
 * @param witness whether lock order is checked
 * @param ownership whether it is registered who holds pages and objects
 * @param poison what freed frames are filled with; 0 for nothing
 * @param probe sees the fault handler's decisions, or null
 * @param allocationFaults refuses allocations for a test, or null
 * @param trace what is recorded of its strands
 */
public record KernelConfig(
    MachineConfig machine,
    Mode mode,
    Set<Defect> defects,
    int swapPages,
    Thresholds thresholds,
    int buffers,
    int blockChunks,
    int cacheMax,
    DaemonOptions daemons,
    boolean witness,
    boolean ownership,
    long poison,
    @Nullable FaultProbe probe,
    @Nullable AllocationFaults allocationFaults,
    TraceOptions trace) {

  /** Checks that such a kernel can boot on the machine. */
  public KernelConfig {
    if (swapPages < 0 || swapPages * 8L > machine.diskBlocks()) {
      throw new IllegalArgumentException(
          "swap of " + swapPages + " pages: must be 0 to " + machine.diskBlocks() / 8 + " pages, the size of the disk");
    }
    thresholds.check(machine.frames());
    if (daemons.uPages() >= machine.frames() - thresholds.freeMin()) {
      throw new IllegalArgumentException(
          "u-area of " + daemons.uPages() + " pages on a machine of " + machine.frames()
              + " frames: not even one process would fit");
    }
    defects = defects.isEmpty() ? EnumSet.noneOf(Defect.class) : EnumSet.copyOf(defects);
    if (mode == Mode.NAIVE) {
      defects.add(Defect.H_SPL); // vm-semantics 5.6
    }
  }

  /** Returns a builder for a kernel on {@code machine}, in FIXED mode, with no swap. */
  public static Builder builder(MachineConfig machine) {
    return new Builder(machine);
  }

  /** Returns vm_object_cache_max for a machine of so many frames (vm-semantics 1.6). */
  static int defaultCacheMax(int frames) {
    return 84 + (frames > 1000 ? (frames - 1000) / 4 : 0);
  }

  /** Returns the number of buffers: one for eight frames, at least 1 and at most 64. */
  static int defaultBuffers(int frames) {
    return Math.max(1, Math.min(64, frames / 8));
  }

  /** Collects options. */
  public static final class Builder {
    private final MachineConfig machine;
    private Mode mode = Mode.FIXED;
    private Set<Defect> defects = Defect.defaults();
    private int swapPages;
    private @Nullable Thresholds thresholds;
    private int buffers = -1;
    private int blockChunks = 2;
    private int cacheMax = -1;
    private DaemonOptions daemons = DaemonOptions.DEFAULT;
    private boolean witness;
    private boolean ownership;
    private long poison;
    private @Nullable FaultProbe probe;
    private @Nullable AllocationFaults allocationFaults;
    private TraceOptions trace = TraceOptions.NONE;

    private Builder(MachineConfig machine) {
      this.machine = machine;
    }

    public Builder mode(Mode m) {
      mode = m;
      return this;
    }

    /** Replaces the default set of defects. */
    public Builder defects(Set<Defect> d) {
      defects = d;
      return this;
    }

    /** Adds a defect to the default set. */
    public Builder defect(Defect d) {
      EnumSet<Defect> s = EnumSet.of(d);
      s.addAll(defects);
      defects = s;
      return this;
    }

    public Builder swapPages(int n) {
      swapPages = n;
      return this;
    }

    public Builder thresholds(Thresholds t) {
      thresholds = t;
      return this;
    }

    public Builder buffers(int n) {
      buffers = n;
      return this;
    }

    public Builder blockChunks(int n) {
      blockChunks = n;
      return this;
    }

    public Builder cacheMax(int n) {
      cacheMax = n;
      return this;
    }

    public Builder daemons(DaemonOptions d) {
      daemons = d;
      return this;
    }

    public Builder witness(boolean on) {
      witness = on;
      return this;
    }

    /** Registers who holds pages and objects; a hold that is wrong ends the kernel. */
    public Builder ownership(boolean on) {
      ownership = on;
      return this;
    }

    public Builder poison(long pattern) {
      poison = pattern;
      return this;
    }

    public Builder probe(@Nullable FaultProbe p) {
      probe = p;
      return this;
    }

    public Builder allocationFaults(@Nullable AllocationFaults f) {
      allocationFaults = f;
      return this;
    }

    /** Replaces what is recorded: nothing, unless this says otherwise. */
    public Builder trace(TraceOptions t) {
      trace = t;
      return this;
    }

    /**
     * Returns the options.
     *
     * @throws IllegalArgumentException if such a kernel cannot boot on the machine
     */
    public KernelConfig build() {
      Thresholds t = thresholds == null ? Thresholds.forFrames(machine.frames()) : thresholds;
      int cache = cacheMax < 0 ? defaultCacheMax(machine.frames()) : cacheMax;
      int bufs = buffers < 0 ? defaultBuffers(machine.frames()) : buffers;
      return new KernelConfig(
          machine, mode, defects, swapPages, t, bufs, blockChunks, cache, daemons, witness, ownership, poison, probe,
          allocationFaults, trace);
    }
  }
}
