package dev.faultline.stress.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C (and the like) into an orderly end, while it is open: the virtual machine waits until it is closed, for
 * some seconds.
 */
final class Interrupt implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 15;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean came;

  /**
   * Waits for an interrupt from now on.
   *
   * @param stop ends the work soon; called on a thread of its own
   */
  Interrupt(Runnable stop) {
    hook = new Thread(() -> {
      came = true;
      Thread stopper = new Thread(stop, "stop"); // of a kernel that hangs it may never return
      stopper.setDaemon(true);
      stopper.start();
      try {
        if (!closed.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          System.err.println("faultline: gave up waiting for the run to stop");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }, "interrupt");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Returns whether it came. */
  boolean came() {
    return came;
  }

  @Override
  public void close() {
    if (!came) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        came = true; // it comes just now
      }
    }
    closed.countDown();
  }
}
