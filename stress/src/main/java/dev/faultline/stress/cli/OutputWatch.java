package dev.faultline.stress.cli;

import java.io.PrintWriter;

/** Notices that nobody reads any more what is printed, or that there is no room for it, and tells once. */
final class OutputWatch {
  private final PrintWriter out;
  private final Runnable onBroken;
  private boolean broken; // guarded by out

  OutputWatch(PrintWriter out, Runnable onBroken) {
    this.out = out;
    this.onBroken = onBroken;
  }

  /** Returns whether there is no use in printing. The caller has {@code out}'s monitor. */
  boolean isBroken() {
    assert Thread.holdsLock(out);
    return broken;
  }

  /** Flushes what was printed. The caller has {@code out}'s monitor. */
  void flush() {
    assert Thread.holdsLock(out);
    if (broken || !out.checkError()) {
      return;
    }
    broken = true;
    // Not from here: stopping enters the kernel, where the caller may be already.
    Thread t = new Thread(onBroken, "output-closed");
    t.setDaemon(true);
    t.start();
  }
}
