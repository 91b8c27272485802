package dev.faultline.stress.cli;

import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.program.LineSink;
import dev.faultline.vm.program.VmProgram;

/** Where a run's standard output goes, and in what form. */
interface RunOutput extends LineSink, AutoCloseable {
  /** Begins a run. */
  void begin(VmProgram program, KernelConfig config, long seed);

  /** Ends a run, when no process prints any more (or never will again). */
  void end(RunResult result, boolean interrupted);

  @Override
  void close();
}
