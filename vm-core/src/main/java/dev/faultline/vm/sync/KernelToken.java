package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;
import dev.faultline.vm.trace.Tracer;

/**
 * The one token of UP mode: who is in the kernel owns it; only a sleep and the return to user mode give it up. In the
 * other modes it does nothing.
 */
public final class KernelToken extends StrandLock implements TraceSubject {
  private final boolean real; // (C)
  private final Tracer tracer; // (C)

  KernelToken(boolean real, Tracer tracer) {
    this.real = real;
    this.tracer = tracer;
  }

  /** Enters the kernel: from user mode, or as an interrupt. Not recursive. */
  public void enter() {
    if (real) {
      acquire(Strand.current());
      tracer.event(TraceEvent.LOCK, this);
    }
  }

  /** Leaves the kernel. */
  public void leave() {
    if (real) {
      tracer.event(TraceEvent.UNLOCK, this);
      release(Strand.current());
    }
  }

  /** Returns whether the caller may be in the kernel. For assertions. */
  public boolean isHeld() {
    return !real || isOwnedBy(Strand.current());
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.TOKEN;
  }

  @Override
  public long traceId() {
    return 0;
  }

  @Override
  public String toString() {
    return "kernel token";
  }
}
