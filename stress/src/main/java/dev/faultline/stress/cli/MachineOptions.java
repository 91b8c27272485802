package dev.faultline.stress.cli;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that say what machine boots, in what mode, with which daemons. */
final class MachineOptions {
  private static final int BLOCKS_PER_PAGE = 8;
  private static final int BURST_MAX = 1 << 10; // steps: long enough that handing over does not cost more than they do
  /** Half of the largest disk; the other half is left to files. */
  private static final long SWAP_PAGES_MAX = 1L << 29;

  /** The modes that a program can be run in. */
  enum RunMode {
    /** Real threads with real locks. */
    FIXED(Mode.FIXED),
    /** One kernel token, as on the one processor of 1995. */
    UP(Mode.UP),
    /** Real threads and no locks but the maps' and the files': expected to fail. */
    NAIVE(Mode.NAIVE);

    final Mode mode;

    RunMode(Mode mode) {
      this.mode = mode;
    }
  }

  static final class DiskName implements ITypeConverter<DiskProfile> {
    @Override
    public DiskProfile convert(String text) {
      try {
        return DiskProfile.parse(text.toLowerCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  @Option(names = "--cpus", paramLabel = "N", defaultValue = "2",
      description = "Processors, 1 to 64 (${DEFAULT-VALUE}).")
  int cpus;

  @Option(names = "--frames", paramLabel = "N", description = "Page frames of physical memory, instead of --memory.")
  @Nullable Integer frames;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description = "Physical memory (64M).")
  @Nullable Long memory;

  @Option(
      names = "--swap",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      defaultValue = "256M",
      description = "Swap area on the disk (${DEFAULT-VALUE}).")
  long swap;

  @Option(
      names = "--page-size",
      paramLabel = "BYTES",
      converter = ByteSize.class,
      defaultValue = "4096",
      description = "A power of two, 64 to 65536 (${DEFAULT-VALUE}).")
  long pageSize;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      defaultValue = "fixed",
      description = "fixed: real threads and locks; up: one kernel token, as in 1995; naive: real threads,"
          + " 1995's locks, expected to fail (${DEFAULT-VALUE}).")
  RunMode mode = RunMode.FIXED;

  @Option(
      names = "--serial",
      negatable = true,
      description = "Runs one strand at a time, in simulated time: one seed, one run. The default in mode up.")
  @Nullable Boolean serial;

  @Option(
      names = "--tlb",
      paramLabel = "N",
      defaultValue = "64",
      description = "TLB entries of each processor, a power of two (${DEFAULT-VALUE}).")
  int tlb;

  @Option(
      names = "--disk",
      paramLabel = "PROFILE",
      converter = DiskName.class,
      defaultValue = "zero",
      description = "zero, fast, ssd, hdd, slow or adversarial (${DEFAULT-VALUE}).")
  DiskProfile disk = DiskProfile.ZERO;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "What the machine's random choices are drawn from (${DEFAULT-VALUE}).")
  long seed;

  @Mixin DaemonSwitches daemons = new DaemonSwitches();

  /**
   * Refuses options with which no kernel can boot, whatever it is to run.
   *
   * @throws IllegalArgumentException says why; one line
   */
  void check() {
    kernel(0, 0, seed).build();
  }

  /** Returns whether one strand runs at a time, so that the seed says all of a run. */
  boolean isSerial() {
    return serial == null ? mode == RunMode.UP : serial;
  }

  /**
   * Returns where a kernel's strands come from.
   *
   * @param threads that run them
   */
  Strands strands(ThreadStrands threads, long runSeed) {
    return isSerial() ? threads.serial(runSeed, BURST_MAX, mode != RunMode.UP) : threads;
  }

  /**
   * Returns the kernel to boot.
   *
   * @param fileBlocks disk blocks for files, behind the swap area
   * @param deviceFrames frames of device memory, besides those of physical memory
   * @throws IllegalArgumentException if there can be no such machine or kernel; one line
   */
  KernelConfig.Builder kernel(long fileBlocks, int deviceFrames, long runSeed) {
    if (frames != null && memory != null) {
      throw new IllegalArgumentException("--frames and --memory: give one of them");
    }
    if (pageSize < 64 || pageSize > 65536 || Long.bitCount(pageSize) != 1) {
      throw new IllegalArgumentException("--page-size " + pageSize + ": must be a power of two, 64 to 65536");
    }
    long frameCount = frames != null ? frames : pages("--memory", memory == null ? 64L << 20 : memory);
    long swapPages = pages("--swap", swap);
    if (swapPages > SWAP_PAGES_MAX) {
      throw new IllegalArgumentException("--swap " + ByteSize.toString(swap) + ": must be at most "
          + ByteSize.toString(SWAP_PAGES_MAX * pageSize) + " with pages of " + pageSize + " bytes");
    }
    MachineConfig machine =
        MachineConfig.builder()
            .cpus(cpus)
            .frames(inInt("--memory: page frames", frameCount))
            .deviceFrames(deviceFrames)
            .pageSize((int) pageSize)
            .tlbEntries(tlb)
            .diskBlocks(swapPages * BLOCKS_PER_PAGE + fileBlocks)
            .disk(disk)
            .seed(runSeed)
            .build();
    return KernelConfig.builder(machine).mode(mode.mode).swapPages((int) swapPages).daemons(daemons.options());
  }

  private long pages(String option, long bytes) {
    if (bytes % pageSize != 0) {
      throw new IllegalArgumentException(option + " " + bytes + ": must be a multiple of the page size, " + pageSize);
    }
    return bytes / pageSize;
  }

  private static int inInt(String what, long n) {
    if (n > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(what + " " + n + ": must be at most " + Integer.MAX_VALUE);
    }
    return (int) n;
  }

  /** Returns these options as a command line would have them, with another seed. */
  String commandLine(long runSeed) {
    return "--cpus " + cpus
        + (frames != null ? " --frames " + frames : " --memory " + ByteSize.toString(memory == null ? 64L << 20
            : memory))
        + " --swap " + ByteSize.toString(swap)
        + (pageSize == 4096 ? "" : " --page-size " + pageSize)
        + " --mode " + mode.name().toLowerCase(Locale.ROOT)
        + (serial == null ? "" : serial ? " --serial" : " --no-serial")
        + " --tlb " + tlb
        + " --disk " + disk.name()
        + daemons.commandLine()
        + " --seed " + runSeed;
  }
}
