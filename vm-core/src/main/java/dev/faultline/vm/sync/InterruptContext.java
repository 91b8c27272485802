package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;

/**
 * Brackets kernel code that runs on an interrupt strand (a disk completion, a callout): makes the strand a kernel
 * thread on its first interrupt, and holds the kernel token in UP mode (vm-semantics 6.4).
 */
public final class InterruptContext {
  private InterruptContext() {}

  /** Enters the kernel as an interrupt. Interrupt code may take O and below and may wake; it never sleeps. */
  public static KThread enter(SyncDomain domain, String name) {
    Strand s = Strand.current();
    KThread t = KThread.of(s);
    if (t == null) {
      t = new KThread(domain, name, false, true);
    }
    t.inInterrupt(true);
    domain.token().enter();
    return t;
  }

  /** Leaves the kernel. */
  public static void leave(SyncDomain domain) {
    KThread t = KThread.current();
    t.checkNothingHeld();
    domain.token().leave();
    t.inInterrupt(false);
  }
}
