package dev.faultline.hw.strand;

import org.jspecify.annotations.Nullable;

/** A thread that runs strands, one after another. */
final class StrandThread extends Thread {
  @Nullable Strand strand; // (T) written and read by this thread only

  StrandThread(Runnable body, String name) {
    super(null, body, name, 0, false);
    setDaemon(true);
  }
}
