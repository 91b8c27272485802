package dev.faultline.stress.cli;

import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.ProgramException;
import dev.faultline.vm.program.RunChecks;
import dev.faultline.vm.program.VmProgram;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Boots a machine and runs a VM program on it. */
@Command(
    name = "run",
    description = {
      "Boots a machine, runs a VM program on it, prints what the program printed.",
      "Statistics, progress and complaints go to standard error."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
  private static final long LOOK_NANOS = 200_000_000;
  private static final long STOP_NANOS = 8_000_000_000L;

  @Parameters(
      index = "0",
      paramLabel = "PROGRAM",
      description = "A .vm file, plain or gzipped; - reads standard input.")
  String source = "";

  @Mixin MachineOptions machine = new MachineOptions();

  @Option(
      names = "--check",
      description = "Checks every load against what it may return, and the kernel's invariants; slower.")
  boolean check;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "1",
      description = "Runs it N times, with seeds that count up; ends at the first finding.")
  int repeat;

  @Option(names = "--json", description = "Prints one JSON document a run on standard output instead.")
  boolean json;

  @Option(names = "--stats", description = "Prints all statistics.")
  boolean stats;

  @Spec CommandSpec spec;

  private final Strands strands = new ThreadStrands();
  private volatile @Nullable KernelRun running;
  private volatile boolean stopping;

  @Override
  public Integer call() {
    if (repeat < 1) {
      throw refused("--repeat " + repeat + ": must be 1 or more");
    }
    try (Interrupt interrupt = new Interrupt(this::stop);
        VmProgram program = VmProgram.open(source)) {
      KernelConfig config = config(program, machine.seed);
      assert config != null;
      return runAll(program, interrupt);
    } catch (ProgramException | IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw refused(source + ": " + e.getMessage());
    }
  }

  private ParameterException refused(String why) {
    return new ParameterException(spec.commandLine(), why);
  }

  private void stop() {
    stopping = true;
    KernelRun r = running;
    if (r != null) {
      r.stop();
    }
  }

  private KernelConfig config(VmProgram program, long seed) {
    return machine.kernel(KernelRun.fileBlocks(program, machine.pageSize), seed).witness(check).build();
  }

  private int runAll(VmProgram program, Interrupt interrupt) {
    PrintWriter err = spec.commandLine().getErr();
    Progress progress = new Progress(err, Terminal.isStandardError());
    for (int i = 0; i < repeat && !stopping; i++) {
      long seed = machine.seed + i;
      String which = repeat == 1 ? "" : (i + 1) + " of " + repeat + ", ";
      RunResult result = runOnce(program, seed, progress, which);
      progress.clear();
      report(err, program, result, which, interrupt.came());
      if (!result.findings().isEmpty()) {
        return Main.FINDING;
      }
    }
    return Main.OK;
  }

  private RunResult runOnce(VmProgram program, long seed, Progress progress, String which) {
    KernelConfig config = config(program, seed);
    PrintWriter out = spec.commandLine().getOut();
    Kernel kernel = boot(config);
    Findings findings = new Findings();
    RunChecks checks = check ? new RunChecks(kernel, findings, seed) : null;
    kernel.domain().strands().attach("run");
    try (RunOutput output = json ? new JsonOutput(out) : new TextOutput(out, this::stop)) {
      output.begin(program, config, seed);
      KernelRun run = new KernelRun(kernel, program, output);
      long began = System.nanoTime();
      running = run;
      run.start();
      if (checks != null) {
        checks.start();
      }
      if (stopping) {
        run.stop();
      }
      boolean ended = watch(kernel, run, findings, () -> progress.show(progressText(which, program, kernel, run)));
      long nanos = System.nanoTime() - began;
      running = null;
      if (checks != null) {
        checks.stop();
        if (ended && kernel.death() == null) {
          checks.atRest();
        }
      }
      Throwable death = kernel.death();
      if (death != null) {
        findings.add(death instanceof KernelPanic ? Finding.Kind.PANIC : Finding.Kind.INVARIANT, String.valueOf(death));
      }
      String stuck = kernel.processes().stuck();
      if (stuck != null) {
        findings.add(Finding.Kind.HANG, stuck);
      }
      List<Long> killed = run.killed().stream().map(p -> p.pid()).toList();
      RunStatistics statistics = RunStatistics.of(kernel, nanos, run.commandsDone());
      RunResult result = new RunResult(seed, findings.list(), killed, death, statistics);
      output.end(result, stopping);
      if (ended && death == null) {
        kernel.close();
      }
      return result;
    } finally {
      kernel.domain().strands().detach();
    }
  }

  private Kernel boot(KernelConfig config) {
    try {
      return new Kernel(config, strands);
    } catch (OutOfMemoryError e) {
      long need = ((long) config.machine().frames() * config.machine().pageSize()) >> 20;
      long have = Runtime.getRuntime().maxMemory() >> 20;
      throw refused("a machine of " + need + " MiB does not fit in a heap of " + have
          + " MiB: make it smaller, or set FAULTLINE_JAVA_OPTS=-Xmx" + (need + need / 2 + 256) + "m");
    }
  }

  /** Waits for the end of a run; ends it with its first finding. Gives up a kernel that makes no progress any more. */
  private boolean watch(Kernel kernel, KernelRun run, Findings findings, Runnable show) {
    Stall stall = new Stall(kernel, run);
    boolean stopped = false;
    long giveUp = Long.MAX_VALUE;
    while (!run.await(LOOK_NANOS)) {
      show.run();
      long now = System.nanoTime();
      if (!stopped && !findings.isEmpty()) {
        stopped = true;
        Thread stopper = new Thread(run::stop, "stop"); // of a kernel that hangs it may never return
        stopper.setDaemon(true);
        stopper.start();
      }
      if ((stopped || stopping) && giveUp == Long.MAX_VALUE) {
        giveUp = now + STOP_NANOS;
      }
      if (stall.isStalled(now)) {
        findings.add(Finding.Kind.HANG, stall.message(), stall.details());
        return false;
      }
      if (now >= giveUp) {
        return false;
      }
    }
    return true;
  }

  private static String progressText(String which, VmProgram program, Kernel kernel, KernelRun run) {
    long faults = kernel.domain().events(Event.VM_FAULTS.ordinal());
    return Progress.text(which + program.source(), run.commandsDone(), program.commands(), faults);
  }

  private void report(PrintWriter err, VmProgram program, RunResult result, String which, boolean interrupted) {
    for (long pid : result.killed()) {
      err.println("pid " + Long.toUnsignedString(pid) + " killed: out of memory");
    }
    for (Finding f : result.findings()) {
      err.println("finding: " + f);
    }
    Throwable death = result.death();
    if (death != null) {
      death.printStackTrace(err);
    }
    if (!result.findings().isEmpty()) {
      err.println("again: ./faultline run " + program.source() + " " + machine.commandLine(result.seed())
          + (check ? " --check" : ""));
    }
    if (interrupted) {
      err.println("interrupted; so far:");
    }
    if (json) {
      err.flush();
      return;
    }
    if (repeat > 1 && !stats && !interrupted && result.findings().isEmpty()) {
      err.println(which + "seed " + result.seed() + ": " + result.statistics().oneLine());
    } else {
      result.statistics().print(err, stats);
    }
    err.flush();
  }
}
