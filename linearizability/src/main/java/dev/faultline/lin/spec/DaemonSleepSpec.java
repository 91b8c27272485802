package dev.faultline.lin.spec;

/**
 * The page daemon's sleep, where each pageout that it waits for completes in the end: every wait ends.
 *
 * @see "vm-semantics 5.7 Daemon; I-58"
 */
public class DaemonSleepSpec {
  /** Finishes a pageout, waiting until one has completed if need be. */
  public void finish() {}

  /** A pageout completes. */
  public void complete() {}
}
