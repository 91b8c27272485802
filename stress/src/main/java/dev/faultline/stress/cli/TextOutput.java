package dev.faultline.stress.cli;

import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.program.VmProgram;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/** The program's own lines, as they come. */
final class TextOutput implements RunOutput {
  private final PrintWriter out;
  private final OutputWatch watch;

  /**
   * Prints to {@code out}.
   *
   * @param onBroken called once if nobody reads any more
   */
  TextOutput(PrintWriter out, Runnable onBroken) {
    this.out = out;
    this.watch = new OutputWatch(out, onBroken);
  }

  @Override
  public void begin(VmProgram program, KernelConfig config) {}

  @Override
  public void beginRun(long seed) {}

  @Override
  public void write(byte[] lines, int offset, int count) {
    String text = new String(lines, offset, count, StandardCharsets.US_ASCII);
    synchronized (out) {
      if (!watch.isBroken()) {
        out.write(text);
        watch.flush();
      }
    }
  }

  @Override
  public void endRun(RunResult result) {}

  @Override
  public void close() {
    out.flush();
  }
}
