package dev.faultline.stress.cli;

import dev.faultline.hw.strand.SerialStrands;
import dev.faultline.hw.strand.Standstill;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.HangDetector;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.ProgramException;
import dev.faultline.vm.program.RunChecks;
import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.trace.TraceOptions;
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
  private static final int LAST_EVENTS = 64; // of each strand, for findings
  private static final long LOOK_NANOS = 2_000_000;
  private static final int LOOKS_SHOWN = 100; // progress is shown at every so manieth look
  private static final long STOP_NANOS = 8_000_000_000L;

  @Parameters(
      index = "0",
      paramLabel = "PROGRAM",
      description = "A .vm file, plain or gzipped; - reads standard input.")
  String source = "";

  @Mixin MachineOptions machine = new MachineOptions();

  @Mixin TraceFile trace = new TraceFile();

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

  @Option(names = Main.JSON, description = "Prints one JSON document on standard output instead.")
  boolean json;

  @Option(names = "--stats", description = "Prints all statistics.")
  boolean stats;

  @Spec CommandSpec spec;

  private final ThreadStrands threads = new ThreadStrands();
  private volatile @Nullable KernelRun running;
  private volatile boolean stopping;
  private boolean begun;

  @Override
  public Integer call() {
    if (repeat < 1) {
      throw refused("--repeat " + repeat + ": must be 1 or more");
    }
    try {
      machine.check();
      trace.options(TraceOptions.NONE);
      // Whoever interrupts the reading has nothing to lose: the virtual machine's own way to end is the quickest.
      try (VmProgram program = read();
          Interrupt interrupt = new Interrupt(this::stop)) {
        return runAll(program, interrupt);
      }
    } catch (ProgramException | IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw refused(source + ": " + e.getMessage());
    } catch (OutOfMemoryError e) {
      if (begun) {
        throw e; // the output has its end
      }
      throw refused(RunResult.hostLimit(e));
    }
  }

  private VmProgram read() throws ProgramException {
    Progress progress = progress();
    try {
      return VmProgram.open(source, lines -> progress.show(Progress.reading(source, lines)));
    } finally {
      progress.clear();
    }
  }

  private Progress progress() {
    return new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
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
    long fileBlocks = KernelRun.fileBlocks(program, machine.pageSize);
    return machine.kernel(fileBlocks, KernelRun.deviceFrames(program, machine.pageSize), seed)
        .witness(check)
        .ownership(check)
        .trace(trace.options(check ? TraceOptions.rings(LAST_EVENTS) : TraceOptions.NONE))
        .build();
  }

  private String title(VmProgram program, long seed) {
    return "run " + program.source() + " " + machine.commandLine(seed);
  }

  private int runAll(VmProgram program, Interrupt interrupt) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Progress progress = progress();
    int status = Main.OK;
    try (TraceFile tracing = trace;
        RunOutput output =
            json ? new JsonOutput(out, machine.isSerial(), this::stop) : new TextOutput(out, this::stop)) {
      for (int i = 0; i < repeat && !stopping && status == Main.OK; i++) {
        KernelConfig config = config(program, machine.seed + i);
        tracing.begin();
        Strands strands = machine.strands(threads, config.machine().seed());
        Kernel kernel = boot(config, strands);
        if (i == 0) {
          output.begin(program, config);
          begun = true;
        }
        String which = repeat == 1 ? "" : (i + 1) + " of " + repeat + ", ";
        RunResult result = runOnce(program, kernel, output, progress, which);
        if (strands instanceof SerialStrands serial) {
          serial.close();
        }
        progress.clear();
        report(err, program, result, which, interrupt.came());
        tracing.write(kernel.tracer(), title(program, result.seed()));
        status = result.hostLimit() != null ? Main.USAGE : result.findings().isEmpty() ? Main.OK : Main.FINDING;
      }
    }
    String loss = StandardOutput.loss(out);
    if (loss != null) {
      err.println(spec.qualifiedName() + ": standard output: " + loss);
      err.flush();
      return Main.USAGE;
    }
    return status;
  }

  private RunResult runOnce(VmProgram program, Kernel kernel, RunOutput output, Progress progress, String which) {
    long seed = kernel.config().machine().seed();
    Findings findings = new Findings();
    findings.context(FindingContext.of(kernel, command(program, seed)));
    RunChecks checks = check ? new RunChecks(kernel, findings, seed) : null;
    kernel.domain().strands().attach("run");
    kernel.tracer().silence(); // what starts, watches and ends the run is no part of it
    try {
      output.beginRun(seed);
      KernelRun run = new KernelRun(kernel, program, output);
      long began = kernel.domain().strands().nanoTime(); // simulated where the run is, so that it repeats
      running = run;
      run.start();
      if (checks != null) {
        checks.start();
      }
      if (stopping) {
        run.stop();
      }
      boolean ended = watch(kernel, run, findings, () -> progress.show(progressText(which, program, kernel, run)));
      long nanos = kernel.domain().strands().nanoTime() - began;
      running = null;
      if (checks != null) {
        checks.stop();
        if (ended && kernel.death() == null) {
          checks.atRest();
        }
      }
      Throwable death = kernel.death();
      if (death != null && !(death instanceof OutOfMemoryError)) {
        findings.addDeath(death);
      }
      String stuck = kernel.processes().stuck();
      if (stuck != null) {
        findings.add(Finding.Kind.HANG, stuck);
      }
      List<Long> killed = run.killed().stream().map(p -> p.pid()).toList();
      RunStatistics statistics = RunStatistics.of(kernel, nanos, run.commandsDone());
      List<Finding> found = death instanceof OutOfMemoryError ? List.of() : findings.list();
      RunResult result = new RunResult(seed, found, killed, death, stopping, statistics);
      output.endRun(result);
      if (ended && death == null) {
        kernel.close();
      }
      return result;
    } finally {
      kernel.domain().strands().detach();
    }
  }

  private Kernel boot(KernelConfig config, Strands strands) {
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
    HangDetector hang = new HangDetector(kernel, run::commandsDone);
    Strands strands = kernel.domain().strands();
    int looks = 0;
    long giveUp = Long.MAX_VALUE; // after a finding
    long giveUpOnHost = Long.MAX_VALUE; // after an interrupt, which comes from outside
    try {
      while (!run.await(LOOK_NANOS)) {
        if (looks++ % LOOKS_SHOWN == 0) {
          show.run();
        }
        long now = strands.nanoTime();
        if (giveUp == Long.MAX_VALUE && !findings.isEmpty()) {
          giveUp = now + STOP_NANOS;
          strands.start("stop", run::stop); // of a kernel that hangs it may never return
        }
        if (stopping && giveUpOnHost == Long.MAX_VALUE) {
          giveUpOnHost = System.nanoTime() + STOP_NANOS;
        }
        Finding f = hang.look(now);
        if (f != null) {
          findings.add(f);
          return false;
        }
        if (now >= giveUp || (stopping && System.nanoTime() >= giveUpOnHost)) {
          return false;
        }
      }
    } catch (Standstill e) {
      findings.add(Finding.Kind.HANG, "I-58 " + e.getMessage());
      return false;
    }
    return true;
  }

  private static String progressText(String which, VmProgram program, Kernel kernel, KernelRun run) {
    long faults = kernel.domain().events(Event.VM_FAULTS.ordinal());
    return which + Progress.text(program.source(), run.commandsDone(), program.commands(), faults);
  }

  private void report(PrintWriter err, VmProgram program, RunResult result, String which, boolean interrupted) {
    for (long pid : result.killed()) {
      err.println("pid " + Long.toUnsignedString(pid) + " killed: out of memory");
    }
    for (Finding f : result.findings()) {
      err.println("finding: " + f.kind() + " " + f.message());
      f.details().forEach((k, v) -> err.println("  " + k + ": " + shown(k, v)));
    }
    Throwable death = result.death();
    if (result.hostLimit() != null) {
      err.println(spec.qualifiedName() + ": " + result.hostLimit());
    } else if (death != null) {
      death.printStackTrace(err);
    }
    if (!result.findings().isEmpty()) {
      err.println("again: " + command(program, result.seed()));
    }
    if (interrupted) {
      err.println(json ? "interrupted" : "interrupted; so far:");
    }
    if (!json) {
      statistics(err, result, which);
    }
    err.flush();
  }

  /** Returns the command that runs the program again as it ran with a seed. */
  private String command(VmProgram program, long seed) {
    return "./faultline run " + quoted(program.source()) + " " + machine.commandLine(seed) + (check ? " --check" : "");
  }

  private void statistics(PrintWriter err, RunResult result, String which) {
    String head = which + "seed " + result.seed() + ": ";
    if (repeat > 1 && !stats && result.word().equals("ended")) {
      err.println(head + result.statistics().oneLine());
      return;
    }
    if (repeat > 1) {
      err.println(head + result.word());
    }
    result.statistics().print(err, stats);
  }

  /** Pictures are for the JSON. */
  private static String shown(String name, String text) {
    return name.equals("picture") ? "in the JSON (--json), an SVG of " + text.length() + " bytes" : text;
  }

  /** Returns {@code word} as a shell would have to be given it. */
  private static String quoted(String word) {
    return word.matches("[A-Za-z0-9@%_+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
