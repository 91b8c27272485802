package dev.faultline.stress.cli;

import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.program.LineSink;
import dev.faultline.vm.program.VmProgram;

/** Where the standard output of one command goes, and in what form; all runs of its program, one after the other. */
interface RunOutput extends LineSink, AutoCloseable {
  /** Begins, once the first machine has booted. The runs differ from {@code config} in their seeds alone. */
  void begin(VmProgram program, KernelConfig config);

  /** Begins a run. */
  void beginRun(long seed);

  /** Ends a run, when no process prints any more (or never will again). */
  void endRun(RunResult result);

  /** Ends. */
  @Override
  void close();
}
