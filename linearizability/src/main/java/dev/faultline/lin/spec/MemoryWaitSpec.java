package dev.faultline.lin.spec;

/**
 * Waiting for memory, where memory is freed in the end: every wait ends.
 *
 * @see "vm-semantics 5.7 vm_wait"
 */
public class MemoryWaitSpec {
  /** Takes a frame, waiting for it if need be. */
  public void take() {}

  /** Frees all frames. */
  public void free() {}
}
