package dev.faultline.vm.detect;

import dev.faultline.hw.Machine;
import dev.faultline.vm.base.Mode;
import org.jspecify.annotations.Nullable;

/**
 * Compares the processors' TLBs with the page tables (I-36) while the kernel runs.
 *
 * <p>In UP mode only: who has the token knows that nobody is between the change of a page table word and the end of its
 * shootdown, as nobody gives the token up in between. Elsewhere no instant can be had from outside, and the comparison
 * waits for rest ({@link Invariants}); stale translations show by their use, to the content oracle and to {@link
 * StaleAccesses}.
 */
public final class TlbCoherence {
  private final Machine machine; // (C)
  private final Mode mode; // (C)
  private int next; // (T) processor to be looked at

  public TlbCoherence(Machine machine, Mode mode) {
    this.machine = machine;
    this.mode = mode;
  }

  /**
   * Looks at one processor, in turn. The caller is a kernel thread in the kernel.
   *
   * @return what does not hold, a line that begins with the invariant's number, or null
   */
  public @Nullable String check() {
    if (mode != Mode.UP) {
      return null;
    }
    next = (next + 1) % machine.cpus();
    return machine.cpu(next).checkTlb();
  }

  @Override
  public String toString() {
    return "TLB coherence of " + machine.cpus() + " processors, " + mode;
  }
}
