package dev.faultline.stress.cli;

import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.program.VmProgram;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/** The program's own lines, as they come. */
final class TextOutput implements RunOutput {
  private final PrintWriter out;
  private final Runnable onBroken;
  private boolean broken; // guarded by out

  /**
   * Prints to {@code out}.
   *
   * @param onBroken called once if nobody reads any more
   */
  TextOutput(PrintWriter out, Runnable onBroken) {
    this.out = out;
    this.onBroken = onBroken;
  }

  @Override
  public void begin(VmProgram program, KernelConfig config, long seed) {}

  @Override
  public void write(byte[] lines, int offset, int count) {
    String text = new String(lines, offset, count, StandardCharsets.US_ASCII);
    synchronized (out) {
      if (broken) {
        return;
      }
      out.write(text);
      if (!out.checkError()) {
        return;
      }
      broken = true;
    }
    // Not from here: stopping enters the kernel, where the caller may be already.
    Thread t = new Thread(onBroken, "output-closed");
    t.setDaemon(true);
    t.start();
  }

  @Override
  public void end(RunResult result, boolean interrupted) {
    out.flush();
  }

  @Override
  public void close() {
    out.flush();
  }
}
