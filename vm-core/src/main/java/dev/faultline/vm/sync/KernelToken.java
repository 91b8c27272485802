package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;

/**
 * The one token of UP mode: who is in the kernel owns it; only a sleep and the return to user mode give it up. In the
 * other modes it does nothing.
 */
public final class KernelToken extends StrandLock {
  private final boolean real; // (C)

  KernelToken(boolean real) {
    this.real = real;
  }

  /** Enters the kernel: from user mode, or as an interrupt. Not recursive. */
  public void enter() {
    if (real) {
      acquire(Strand.current());
    }
  }

  /** Leaves the kernel. */
  public void leave() {
    if (real) {
      release(Strand.current());
    }
  }

  /** Returns whether the caller may be in the kernel. For assertions. */
  public boolean isHeld() {
    return !real || isOwnedBy(Strand.current());
  }

  @Override
  public String toString() {
    return "kernel token";
  }
}
