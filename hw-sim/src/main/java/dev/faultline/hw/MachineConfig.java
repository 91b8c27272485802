package dev.faultline.hw;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What a machine consists of. Built by {@link #builder}, checked when built.
 *
 * @param cpus processors, 1..64
 * @param frames physical frames, at least 1; frames times page size at most 16 GiB less a word
 * @param deviceFrames frames of device memory, numbered after those; they count for that limit, too
 * @param pageSize bytes, a power of two, 64..65536
 * @param tlbEntries entries of each processor's TLB, a power of two, 1..65536
 * @param diskBlocks blocks of an eighth of a page each, 0..2^33
 * @param disk the disk's timing and order
 * @param diskFile a host file to hold the disk's contents, which is made (sparse) when the disk is first used, or
 *     null to hold them in memory
 * @param tickNanos length of a clock tick
 * @param seed what the hardware's random choices are drawn from
 * @param stamps whether frames carry identity stamps that every access compares (I-42); costs the fast path of loads
 * @param mmu adversarial options
 */
public record MachineConfig(
    int cpus,
    int frames,
    int deviceFrames,
    int pageSize,
    int tlbEntries,
    long diskBlocks,
    DiskProfile disk,
    @Nullable Path diskFile,
    long tickNanos,
    long seed,
    boolean stamps,
    MmuOptions mmu) {

  private static final long MAX_WORDS = Integer.MAX_VALUE;
  private static final long MAX_DISK_BLOCKS = 1L << 33;

  /** Checks that such a machine can be built. */
  public MachineConfig {
    require(cpus >= 1 && cpus <= 64, "cpus", cpus, "1 to 64");
    require(
        pageSize >= 64 && pageSize <= 65536 && powerOfTwo(pageSize),
        "page size",
        pageSize,
        "a power of two, 64 to 65536");
    require(frames >= 1, "frames", frames, "1 or more");
    require(deviceFrames >= 0, "device frames", deviceFrames, "0 or more");
    require(
        ((long) frames + deviceFrames) * (pageSize / Long.BYTES) <= MAX_WORDS,
        "frames",
        (long) frames + deviceFrames,
        "at most " + MAX_WORDS / (pageSize / Long.BYTES) + " with pages of " + pageSize + " bytes");
    require(
        tlbEntries >= 1 && tlbEntries <= 65536 && powerOfTwo(tlbEntries),
        "TLB entries",
        tlbEntries,
        "a power of two, 1 to 65536");
    require(diskBlocks >= 0 && diskBlocks <= MAX_DISK_BLOCKS, "disk blocks", diskBlocks, "0 to " + MAX_DISK_BLOCKS);
    require(tickNanos >= 1, "tick", tickNanos, "1 or more nanoseconds");
    if (diskFile != null) {
      checkDiskFile(diskFile);
    }
  }

  private static boolean powerOfTwo(int n) {
    return (n & (n - 1)) == 0;
  }

  private static void require(boolean holds, String what, long value, String right) {
    if (!holds) {
      throw new IllegalArgumentException(what + " " + value + ": must be " + right);
    }
  }

  /** Refuses what cannot be made, and what would be overwritten. */
  private static void checkDiskFile(Path file) {
    Path parent = file.toAbsolutePath().getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      throw new IllegalArgumentException("disk file " + file + ": must be in a directory that exists");
    }
    if (Files.exists(file) && !(Files.isRegularFile(file) && file.toFile().length() == 0)) {
      throw new IllegalArgumentException("disk file " + file + ": must be a new or empty file");
    }
  }

  /** Returns a builder of a machine of 2 processors and 64 MiB, with 256 MiB of disk, to be changed as needed. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a builder that starts from this configuration. */
  public Builder toBuilder() {
    Builder b = new Builder();
    b.cpus = cpus;
    b.frames = frames;
    b.deviceFrames = deviceFrames;
    b.pageSize = pageSize;
    b.tlbEntries = tlbEntries;
    b.diskBlocks = diskBlocks;
    b.disk = disk;
    b.diskFile = diskFile;
    b.tickNanos = tickNanos;
    b.seed = seed;
    b.stamps = stamps;
    b.mmu = mmu;
    return b;
  }

  /** Returns the base-two logarithm of the page size. */
  public int pageShift() {
    return Integer.numberOfTrailingZeros(pageSize);
  }

  /** Returns the seed of one part of the machine, so that its draws do not depend on what other parts draw. */
  long seedFor(int part) {
    long z = seed + 0x9e3779b97f4a7c15L * (part + 1);
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Collects the parts of a {@link MachineConfig}. */
  public static final class Builder {
    private int cpus = 2;
    private int frames = 16384;
    private int deviceFrames;
    private int pageSize = 4096;
    private int tlbEntries = 64;
    private long diskBlocks = 8L * 65536;
    private DiskProfile disk = DiskProfile.ZERO;
    private @Nullable Path diskFile;
    private long tickNanos = 10_000_000;
    private long seed;
    private boolean stamps;
    private MmuOptions mmu = MmuOptions.NONE;

    private Builder() {}

    public Builder cpus(int n) {
      cpus = n;
      return this;
    }

    public Builder frames(int n) {
      frames = n;
      return this;
    }

    /** Sets the frames of device memory, of which there are none otherwise. */
    public Builder deviceFrames(int n) {
      deviceFrames = n;
      return this;
    }

    public Builder pageSize(int bytes) {
      pageSize = bytes;
      return this;
    }

    public Builder tlbEntries(int n) {
      tlbEntries = n;
      return this;
    }

    public Builder diskBlocks(long n) {
      diskBlocks = n;
      return this;
    }

    public Builder disk(DiskProfile profile) {
      disk = profile;
      return this;
    }

    public Builder diskFile(@Nullable Path file) {
      diskFile = file;
      return this;
    }

    public Builder tickNanos(long nanos) {
      tickNanos = nanos;
      return this;
    }

    public Builder seed(long s) {
      seed = s;
      return this;
    }

    public Builder stamps(boolean on) {
      stamps = on;
      return this;
    }

    public Builder mmu(MmuOptions options) {
      mmu = options;
      return this;
    }

    /**
     * Returns the configuration.
     *
     * @throws IllegalArgumentException if there can be no such machine; one line with the value and what would be right
     */
    public MachineConfig build() {
      return new MachineConfig(
          cpus, frames, deviceFrames, pageSize, tlbEntries, diskBlocks, disk, diskFile, tickNanos, seed, stamps, mmu);
    }
  }
}
