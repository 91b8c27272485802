package dev.faultline.stress.soak;

import dev.faultline.hw.FaultMode;
import dev.faultline.hw.strand.SerialStrands;
import dev.faultline.hw.strand.Standstill;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.hw.strand.WatchedTime;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.HangDetector;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.ProgramException;
import dev.faultline.vm.program.RunChecks;
import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.program.random.RacingOptions;
import dev.faultline.vm.program.random.RacingPrograms;
import dev.faultline.vm.program.random.RandomOptions;
import dev.faultline.vm.program.random.RandomPrograms;
import dev.faultline.vm.program.reference.Reference;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Runs one world of a soak to its end, or to its first finding, and says what was seen. */
public final class SoakRun {
  private static final long LOOK_NANOS = 2_000_000;
  private static final long GIVE_UP_NANOS = 5_000_000_000L;
  private static final long WORLD_NANOS = 300_000_000_000L; // the slowest takes a few seconds, on a quiet machine

  /**
   * What a world did.
   *
   * @param judged accesses that the content oracle judged
   * @param compared lines of output compared with the reference
   * @param trials how often a scenario ran to its end
   * @param swappedOut how often a process was swapped out
   * @param nanos how long it took
   */
  public record Outcome(
      SoakWorld world,
      Findings findings,
      long judged,
      long compared,
      long trials,
      long faults,
      long killed,
      long swappedOut,
      long nanos) {}

  private final ThreadStrands threads = new ThreadStrands();
  private volatile boolean stopping;
  private volatile @Nullable KernelRun running;

  /** Ends the world that runs, if any, and every later one at once. Any thread may call it. */
  public void stop() {
    stopping = true;
    KernelRun r = running;
    if (r != null) {
      r.stop();
    }
  }

  /** Runs {@code world}. The caller is no strand. */
  public Outcome run(SoakWorld world) throws ProgramException, IOException {
    long began = System.nanoTime();
    if (world.load() == Load.SCENARIO) {
      return new SoakTrials(threads, () -> stopping).run(world, began);
    }
    try (VmProgram program = program(world)) {
      Findings findings = new Findings();
      Unrest unrest = world.unrest();
      SoakProbe probe = new SoakProbe(
          world.programSeed(), unrest.holdShare(), 1000 * unrest.holdMicros() + 1, world.mode(), findings);
      long fileBlocks = KernelRun.fileBlocks(program, VmProgram.PAGE_SIZE);
      Strands strands = unrest.strands(threads, world.mode(), world.programSeed());
      Kernel kernel = new Kernel(
          world.config(fileBlocks, KernelRun.deviceFrames(program, VmProgram.PAGE_SIZE), probe).build(), strands);
      findings.context(FindingContext.of(kernel, world.command()));
      probe.watch(kernel);
      plantDiskFaults(kernel, world);
      plantTableFaults(kernel, world);
      kernel.domain().strands().attach("soak");
      try {
        return run(world, program, kernel, findings, began);
      } finally {
        kernel.domain().strands().detach();
        if (strands instanceof SerialStrands serial) {
          serial.close(); // whoever hangs
        }
      }
    }
  }

  private Outcome run(SoakWorld world, VmProgram program, Kernel kernel, Findings findings, long began) {
    RunChecks checks = new RunChecks(kernel, findings, world.programSeed());
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    KernelRun run = new KernelRun(kernel, program, printed::write);
    running = run;
    run.start();
    checks.start();
    IdleWakeups wakeups = world.unrest().wakeups() ? new IdleWakeups(kernel, world.programSeed()) : null;
    boolean ended = watch(kernel, run, findings);
    running = null;
    if (wakeups != null) {
      wakeups.stop();
    }
    checks.stop();
    Throwable death = kernel.death();
    if (ended && death == null && !stopping) {
      checks.atRest();
    }
    if (death != null) {
      findings.addDeath(death);
    }
    long killed = run.killed().size();
    String stuck = kernel.processes().stuck();
    if (stuck != null && killed == 0) { // who waits for a victim waits for ever, and rightly so
      findings.add(Finding.Kind.HANG, stuck);
    }
    long compared = 0;
    if (world.comparable() && killed == 0 && ended && death == null && !stopping && findings.isEmpty()) {
      String text = printed.toString(StandardCharsets.UTF_8);
      String difference = Reference.run(program).difference(text);
      compared = text.lines().count();
      if (difference != null) {
        findings.add(Finding.Kind.CONTENT, "I-61 output differs from the reference: " + difference);
      }
    }
    long faults = kernel.domain().events(Event.VM_FAULTS.ordinal());
    if (ended && death == null) {
      kernel.close();
    }
    long swappedOut = kernel.domain().events(Event.PROC_SWAPOUT.ordinal());
    return new Outcome(
        world, findings, checks.judged(), compared, 0, faults, killed, swappedOut, System.nanoTime() - began);
  }

  /** Waits for the end of a run; ends it at its first finding. False if the kernel had to be left as it was. */
  private boolean watch(Kernel kernel, KernelRun run, Findings findings) {
    HangDetector hang = new HangDetector(kernel, run::commandsDone);
    Victims victims = new Victims(kernel);
    WatchedTime time = new WatchedTime();
    Strands strands = kernel.domain().strands();
    boolean ending = false; // the run was told to stop
    long giveUp = Long.MAX_VALUE; // after a finding
    long giveUpOnHost = Long.MAX_VALUE; // after stop, which comes from outside
    try {
      while (!run.await(LOOK_NANOS)) {
        long now = strands.nanoTime();
        long host = System.nanoTime();
        if (!ending && (stopping || !findings.isEmpty())) {
          ending = true;
          if (stopping) {
            giveUpOnHost = host + GIVE_UP_NANOS;
          } else {
            giveUp = now + GIVE_UP_NANOS;
          }
          strands.start("stop", run::stop); // of a kernel that hangs it may never return
        }
        if (now >= giveUp || host >= giveUpOnHost) {
          return false;
        }
        Finding f = hang.look(now);
        long age = time.at(host);
        if (f == null && age >= WORLD_NANOS) {
          f = hang.overdue(age);
        }
        if (f != null) {
          findings.add(f);
          return false;
        }
        String undead = victims.look(now);
        if (undead != null) {
          findings.add(Finding.Kind.HANG, undead);
          return false;
        }
      }
    } catch (Standstill e) {
      findings.add(Finding.Kind.HANG, "I-58 " + e.getMessage());
      return false;
    }
    return true;
  }

  private static void plantDiskFaults(Kernel kernel, SoakWorld world) {
    SplittableRandom r = new SplittableRandom(world.programSeed() + 1);
    FaultMode[] modes = {FaultMode.TRANSIENT_READ, FaultMode.TRANSIENT_WRITE};
    for (int i = 0; i < world.diskFaults(); i++) {
      boolean swap = r.nextBoolean();
      long block = swap ? r.nextLong(8L * Math.min(64, world.swapPages())) : 8L * world.swapPages() + r.nextLong(1024);
      kernel.machine().disk().fail(block, 1 + r.nextInt(8), modes[r.nextInt(2)]);
    }
  }

  private static void plantTableFaults(Kernel kernel, SoakWorld world) {
    int share = world.unrest().tableShare();
    if (share > 0) {
      AtomicInteger asked = new AtomicInteger();
      kernel.swapPager().setTableFaults(() -> asked.getAndIncrement() % share == 0);
    }
  }

  private static VmProgram program(SoakWorld world) throws ProgramException, IOException {
    if (world.load().isTrace()) {
      try (InputStream in = SoakRun.class.getResourceAsStream(world.load().resource())) {
        if (in == null) {
          throw new IOException("this build lacks the trace " + world.load().resource());
        }
        return VmProgram.read(in, world.load().label());
      }
    }
    if (world.load() == Load.FAMILY) {
      return VmProgram.of(Families.generate(world.programSeed()));
    }
    SplittableRandom r = new SplittableRandom(world.programSeed());
    boolean wired = world.frames() >= 128 && r.nextBoolean();
    if (world.load() == Load.RACING) {
      RacingOptions racing = RacingOptions.DEFAULT.sized(2 + r.nextInt(6), 50 + r.nextInt(500));
      racing = wired ? racing.wired() : racing;
      racing = r.nextBoolean() ? racing.truncated() : racing;
      racing = racing.withFileCalls(r.nextBoolean()).withSegments(r.nextInt(4) == 0)
          .withDevices(r.nextInt(4) == 0);
      return VmProgram.of(RacingPrograms.generate(world.programSeed(), racing));
    }
    RandomOptions options =
        RandomOptions.DEFAULT
            .sized(1 + r.nextInt(8), 16 + r.nextInt(64), 50 + r.nextInt(500))
            .truncated(r.nextBoolean())
            .wired(wired)
            .withFileCalls(r.nextBoolean())
            .withSegments(world.swapPages() >= 2048 && r.nextInt(4) == 0); // brk is refused while swap is full
    return VmProgram.of(RandomPrograms.generate(world.programSeed(), options));
  }
}
