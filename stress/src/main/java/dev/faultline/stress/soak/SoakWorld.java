package dev.faultline.stress.soak;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import dev.faultline.vm.trace.TraceOptions;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * One world of a soak: a program, a machine, and what misbehaves on it. Its plan's seed and its number say all of it.
 *
 * @param planSeed seed of the plan that it belongs to
 * @param index number in the plan, from 0
 * @param load what runs
 * @param scenario which scenario, if that is the load: a number that grows from one such world to the next
 * @param runs how often a scenario runs
 * @param programSeed what a random program is made from, and the machine's own seed
 * @param cpus processors
 * @param frames page frames
 * @param swapPages pages of swap
 * @param tlb TLB entries a processor
 * @param mmu what the MMU and the shootdowns do beyond the plain rules
 * @param diskFaults places of the disk that fail once
 * @param allocFail refuse one in so many allocations of pages, 0 for none
 * @param daemons what runs besides the page daemon, and how much a process has wired
 * @param unrest what disturbs the threads
 */
public record SoakWorld(
    long planSeed,
    int index,
    Load load,
    int scenario,
    int runs,
    long programSeed,
    Mode mode,
    int cpus,
    int frames,
    int swapPages,
    int tlb,
    DiskProfile disk,
    MmuOptions mmu,
    int diskFaults,
    int allocFail,
    DaemonOptions daemons,
    Unrest unrest,
    Set<Defect> defects) {

  private static final int[] FRAMES = {4096, 512, 128, 96, 64, 48, 40};
  private static final int[] TLBS = {64, 16, 4, 1};
  private static final int[] SWAPS = {8192, 8192, 8192, 256, 32, 8}; // the last are too small for many programs
  private static final DiskProfile[] DISKS =
      {DiskProfile.ZERO, DiskProfile.ZERO, DiskProfile.FAST, DiskProfile.ADVERSARIAL, DiskProfile.ADVERSARIAL};
  private static final int TRACE_SHARE = 12; // one world in so many runs a trace: it takes as long as many programs
  private static final int FAMILY_SHARE = 4;
  private static final int SCENARIO_SHARE = 3; // every third world, so that a plan comes by all of them in turn
  private static final int[] RUNS = {20, 20, 50, 300};
  private static final int[] FAMILY_FRAMES = {256, 96, 64, 64, 48};
  private static final int RECORDED_SHARE = 4; // recording slows threads down, and brings them into step
  private static final int LAST_EVENTS = 64; // of each strand, for findings
  private static final int POISON = 0x5eadbee5;

  /**
   * Draws world number {@code index} of the plan.
   *
   * @param modes the modes to choose from
   * @param defects what every world boots with
   */
  static SoakWorld draw(long planSeed, int index, Mode[] modes, Set<Defect> defects) {
    SplittableRandom r = new SplittableRandom(mixed(mixed(planSeed) + index));
    Load load = r.nextInt(TRACE_SHARE) == 0 ? Load.trace(r.nextInt(4))
        : r.nextBoolean() ? Load.RANDOM : Load.RACING;
    int frames = FRAMES[r.nextInt(FRAMES.length)];
    if (load.isTrace()) {
      frames = r.nextInt(3) == 0 ? 4096 : load.fewFrames() * (1 + r.nextInt(2));
    }
    boolean hostile = r.nextInt(3) == 0; // failing devices leave less to compare, so most worlds have none
    MmuOptions mmu =
        new MmuOptions(r.nextBoolean(), r.nextBoolean(), r.nextBoolean(), r.nextBoolean(),
            r.nextInt(4) == 0 ? 1 + r.nextInt(20_000) : 0, r.nextInt(4) == 0, false);
    if (defects.contains(Defect.H_PTE_RMW)) {
      mmu = mmu.withPlainRmw(true);
    }
    long programSeed = r.nextLong() >>> 1;
    Mode mode = modes[(r.nextInt() >>> 1) % modes.length];
    int cpus = r.nextBoolean() ? 2 : 4;
    int swap = SWAPS[r.nextInt(SWAPS.length)];
    int tlb = TLBS[r.nextInt(TLBS.length)];
    DiskProfile disk = DISKS[r.nextInt(DISKS.length)];
    int diskFaults = hostile && r.nextBoolean() ? 1 + r.nextInt(12) : 0;
    int allocFail = hostile ? 8 + r.nextInt(100) : 0;
    Unrest unrest = Unrest.draw(r);
    if (!load.isTrace() && r.nextInt(FAMILY_SHARE) == 0) {
      load = Load.FAMILY;
      frames = FAMILY_FRAMES[r.nextInt(FAMILY_FRAMES.length)];
    }
    if (index % SCENARIO_SHARE == SCENARIO_SHARE - 1) {
      load = Load.SCENARIO;
    }
    SplittableRandom more = new SplittableRandom(mixed(programSeed));
    DaemonOptions daemons = drawDaemons(more, frames);
    return new SoakWorld(
        planSeed,
        index,
        load,
        (int) ((mixed(planSeed) >>> 40) + index / SCENARIO_SHARE),
        RUNS[more.nextInt(RUNS.length)],
        programSeed,
        mode,
        cpus,
        frames,
        swap,
        tlb,
        disk,
        mmu,
        diskFaults,
        allocFail,
        daemons,
        unrest,
        defects.isEmpty() ? Set.of() : EnumSet.copyOf(defects));
  }

  /** Half of the worlds have the daemons of a default boot; in the others processes are small, and swapped early. */
  private static DaemonOptions drawDaemons(SplittableRandom r, int frames) {
    if (r.nextBoolean()) {
      return DaemonOptions.DEFAULT;
    }
    return DaemonOptions.DEFAULT
        .withUPages(frames < 64 ? r.nextInt(2) : r.nextInt(3))
        .withSwapSleepTicks(r.nextInt(4))
        .withResidentPages(r.nextBoolean() ? -1 : 4 + r.nextInt(frames / 2))
        .withZeroIdle(r.nextBoolean())
        .withSyncTicks(r.nextInt(3) == 0 ? 1 + r.nextInt(20) : 0);
  }

  /** Scatters a number, so that neighbouring seeds have nothing in common (the finalizer of MurmurHash3). */
  private static long mixed(long z) {
    long y = (z ^ (z >>> 33)) * 0xff51afd7ed558ccdL;
    y = (y ^ (y >>> 33)) * 0xc4ceb9fe1a85ec53L;
    return y ^ (y >>> 33);
  }

  /** Returns the scenario that runs, if that is the load. */
  Scenario theScenario() {
    List<Scenario> all = Scenarios.all();
    return all.get(scenario % all.size());
  }

  /** Returns whether what a random program prints has one right answer here: no disk reports errors to it. */
  boolean comparable() {
    return load == Load.RANDOM && diskFaults == 0;
  }

  /** Returns whether the last events of each strand are kept, to be told with a finding. */
  boolean recorded() {
    return index % RECORDED_SHARE == 0;
  }

  KernelConfig.Builder config(long fileBlocks, int deviceFrames, SoakProbe probe) {
    MachineConfig machine =
        MachineConfig.builder()
            .cpus(cpus)
            .frames(frames)
            .deviceFrames(deviceFrames)
            .tlbEntries(tlb)
            .diskBlocks(8L * swapPages + fileBlocks)
            .disk(disk)
            .mmu(mmu)
            .seed(programSeed)
            .stamps(true)
            .build();
    KernelConfig.Builder b =
        KernelConfig.builder(machine)
            .mode(mode)
            .swapPages(swapPages)
            .daemons(daemons)
            .witness(true)
            .ownership(true)
            .poison(POISON)
            .trace(recorded() ? TraceOptions.rings(LAST_EVENTS) : TraceOptions.NONE)
            .probe(probe);
    for (Defect d : defects) {
      b.defect(d);
    }
    if (allocFail > 0) {
      b.allocationFaults(new Refusals(programSeed, allocFail));
    }
    return b;
  }

  /** Returns the command that runs this world alone. */
  public String command() {
    StringBuilder s = new StringBuilder("./faultline soak --seed ");
    s.append(planSeed).append(" --world ").append(index);
    s.append(" --mode ").append(mode.name().toLowerCase(Locale.ROOT));
    Set<Defect> others = defects.isEmpty() ? Set.of() : EnumSet.copyOf(defects);
    if (others.containsAll(Defect.historical())) {
      s.append(" --defect ").append(Defect.HISTORICAL);
      others.removeAll(Defect.historical());
    }
    for (Defect d : others) {
      s.append(" --defect ").append(d.label());
    }
    return s.toString();
  }

  private static String text(DaemonOptions d) {
    return "u-area of " + d.uPages() + ", swapped after " + d.swapSleepTicks() + " ticks"
        + (d.residentPages() < 0 ? "" : ", at most " + d.residentPages() + " pages resident")
        + (d.zeroIdle() ? ", zeroing in advance" : "")
        + (d.syncTicks() > 0 ? ", sync every " + d.syncTicks() + " ticks" : "");
  }

  @Override
  public String toString() {
    if (load == Load.SCENARIO) {
      return "world " + index + ": " + theScenario().name() + ", a scenario, " + mode.name().toLowerCase(Locale.ROOT)
          + ", " + runs + " runs" + unrest;
    }
    return String.format(Locale.ROOT,
        "world %d: %s, %s, %d processors, %d frames, %d pages of swap, tlb %d, disk %s%s%s%s%s%s",
        index,
        load.label(),
        mode.name().toLowerCase(Locale.ROOT),
        cpus,
        frames,
        swapPages,
        tlb,
        disk.name(),
        mmu.shootDelay() > 0 || mmu.shootMerge() ? ", late shootdowns" : "",
        diskFaults > 0 ? ", " + diskFaults + " disk faults" : "",
        allocFail > 0 ? ", one allocation in " + allocFail + " refused" : "",
        daemons.equals(DaemonOptions.DEFAULT) ? "" : ", " + text(daemons),
        unrest);
  }
}
