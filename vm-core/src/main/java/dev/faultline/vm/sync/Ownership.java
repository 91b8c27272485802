package dev.faultline.vm.sync;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The registry of who holds what besides locks: each busy page, soft busy, pip, temporary reference and hold, with its
 * holder and the reason (I-12, I-15, I-19, I-22, I-23, I-31, I-57).
 *
 * <p>A detector that boots with the kernel: {@code KernelConfig.ownership}. Off, it costs one branch at each such
 * step. What it finds it tells at once, on the thread that did wrong, by a panic that begins with "ownership: I-".
 */
public final class Ownership {
  /*
   * Implementation overview
   *
   * Where       Each page and each object carries its list of holders (Holders), each thread the list of lists that it
   *             is in (HoldTable). The first is for whoever asks about the thing, the second for the thread's return
   *             to user mode.
   * Locks       None. A list is immutable and is replaced by one compare-and-set, so it is right in every mode, and
   *             no schedule point is added to what an engine explores. Who changes the thing itself holds O.
   * Transfers   Pages and pip of an asynchronous pageout are handed to its control block by the thread that began it;
   *             who finishes it, any thread, releases them in its name.
   */
  private final AtomicLong numbers = new AtomicLong(); // (A)

  Ownership() {}

  /** Returns an empty list of holders for a page or an object. */
  Holders listOf(Object subject) {
    return new Holders(this, subject);
  }

  long nextNumber() {
    return numbers.incrementAndGet();
  }

  /** Checks that {@code t} holds nothing: it returns to user mode, ends an interrupt, or ends (I-57). */
  void nothingHeld(KThread t) {
    t.holdTable().checkEmpty();
  }

  @Override
  public String toString() {
    return "ownership of " + numbers.get() + " holds";
  }
}
