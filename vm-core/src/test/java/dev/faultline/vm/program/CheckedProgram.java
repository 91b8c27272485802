package dev.faultline.vm.program;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.FaultMode;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Runs a program on a kernel with all detectors that suit a run. Whatever it dies of is a finding, too. */
public final class CheckedProgram {
  private static final Strands STRANDS = new ThreadStrands();
  private static final long POISON = 0xdeadf4a3e5L;
  private static final long LOOK_NANOS = 5_000_000;
  private static final int BAD_PAGES = 256;

  private Mode mode = Mode.FIXED;
  private int cpus = 2;
  private int frames = 4096;
  private int tlbEntries = 8;
  private long seed;
  private long hangNanos = TimeUnit.SECONDS.toNanos(60);
  private DiskProfile disk = DiskProfile.ZERO;
  private int badPercent;
  private int badReadPercent;
  private int swapPages = 4096;
  private DaemonOptions daemons = DaemonOptions.DEFAULT;
  private long judged;
  private int killed;
  private long diskErrors;
  private MmuOptions mmu = MmuOptions.NONE;
  private final Set<Defect> defects = EnumSet.noneOf(Defect.class);

  public CheckedProgram mode(Mode m) {
    mode = m;
    return this;
  }

  public CheckedProgram cpus(int n) {
    cpus = n;
    return this;
  }

  public CheckedProgram frames(int n) {
    frames = n;
    return this;
  }

  public CheckedProgram disk(DiskProfile d) {
    disk = d;
    return this;
  }

  public CheckedProgram seed(long s) {
    seed = s;
    return this;
  }

  public CheckedProgram mmu(MmuOptions options) {
    mmu = options;
    return this;
  }

  /** Makes writes fail on so many of a hundred disk pages, half of them once, half for ever. */
  public CheckedProgram badWrites(int percent) {
    badPercent = percent;
    return this;
  }

  /** Makes reads fail on so many of a hundred disk pages, once each. */
  public CheckedProgram badReads(int percent) {
    badReadPercent = percent;
    return this;
  }

  /** Sets how much swap there is. */
  public CheckedProgram swapPages(int n) {
    swapPages = n;
    return this;
  }

  /** Sets what there is besides the page daemon. */
  public CheckedProgram daemons(DaemonOptions d) {
    daemons = d;
    return this;
  }

  /** Returns how many accesses of the last run the oracle judged. */
  public long judged() {
    return judged;
  }

  /** Returns how many processes of the last run were killed for want of memory. */
  public int killed() {
    return killed;
  }

  /** Returns how many disk requests of the last run failed. */
  public long diskErrors() {
    return diskErrors;
  }

  /** Sets how long a run may take before it counts as hanging. */
  public CheckedProgram hangNanos(long nanos) {
    hangNanos = nanos;
    return this;
  }

  public CheckedProgram defect(Defect d) {
    defects.add(d);
    return this;
  }

  /** Runs the program to its end, or to its first finding, and returns what was found. */
  public Findings run(String text) throws IOException, ProgramException {
    try (VmProgram program = VmProgram.of(text)) {
      return run(program);
    }
  }

  private Kernel boot(VmProgram program) {
    MachineConfig machine = MachineConfig.builder()
        .cpus(cpus)
        .frames(frames)
        .deviceFrames(KernelRun.deviceFrames(program, VmProgram.PAGE_SIZE))
        .tlbEntries(tlbEntries)
        .tickNanos(100_000)
        .diskBlocks(8L * swapPages + KernelRun.fileBlocks(program, VmProgram.PAGE_SIZE))
        .disk(disk)
        .seed(seed)
        .stamps(true)
        .mmu(mmu)
        .build();
    KernelConfig.Builder config =
        KernelConfig.builder(machine).mode(mode).swapPages(swapPages).daemons(daemons).witness(true).ownership(true)
            .poison(POISON);
    defects.forEach(config::defect);
    Kernel kernel = new Kernel(config.build(), STRANDS);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < BAD_PAGES && badPercent + badReadPercent > 0; i++) {
      long ofSwap = i < swapPages ? i : -1;
      for (long page : new long[] {ofSwap, swapPages + (long) i}) { // of swap, of files
        if (page >= 0 && random.nextInt(100) < badPercent) {
          FaultMode mode = random.nextBoolean() ? FaultMode.STICKY_WRITE : FaultMode.TRANSIENT_WRITE;
          kernel.machine().disk().fail(8L * page, 8, mode);
        }
        if (page >= 0 && badReadPercent > 0 && random.nextInt(100) < badReadPercent) {
          kernel.machine().disk().fail(8L * page, 8, FaultMode.TRANSIENT_READ);
        }
      }
    }
    return kernel;
  }

  private Findings run(VmProgram program) {
    Kernel kernel = boot(program);
    Findings findings = new Findings();
    RunChecks checks = new RunChecks(kernel, findings, seed);
    KernelRun run = new KernelRun(kernel, program, (bytes, from, count) -> {});
    run.start();
    checks.start();
    boolean ended = await(kernel, run, findings);
    checks.stop();
    Throwable death = kernel.death();
    if (ended && death == null && findings.isEmpty()) {
      kernel.domain().strands().attach("test");
      checks.atRest();
      kernel.domain().strands().detach();
    }
    judged = checks.judged();
    killed = run.killed().size();
    diskErrors = kernel.machine().disk().errors();
    addDeath(findings, kernel.death());
    if (ended && kernel.death() == null) {
      kernel.close();
    }
    return findings;
  }

  private boolean await(Kernel kernel, KernelRun run, Findings findings) {
    long deadline = System.nanoTime() + hangNanos;
    boolean stopped = false;
    while (!run.await(LOOK_NANOS)) {
      if (!stopped && !findings.isEmpty()) {
        stopped = true;
        deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        Thread stopper = new Thread(run::stop, "stop"); // of a kernel that hangs it may never return
        stopper.setDaemon(true);
        stopper.start();
      }
      if (System.nanoTime() > deadline) {
        if (findings.isEmpty()) {
          StringBuilder b = new StringBuilder("I-58 the program does not end");
          kernel.domain().forEachThread(t -> b.append("; ").append(t).append(' ').append(t.sleepTag()).append(' ')
              .append(t.sleepChannel()));
          findings.add(Finding.Kind.HANG, b.toString());
        }
        return false;
      }
    }
    return true;
  }

  private static void addDeath(Findings findings, @Nullable Throwable death) {
    if (death != null) {
      findings.addDeath(death);
    }
  }

  @Override
  public String toString() {
    return mode + " " + cpus + " CPUs, " + frames + " frames, " + mmu
        + ", disk " + disk.name() + ", seed " + seed + " " + defects;
  }
}
