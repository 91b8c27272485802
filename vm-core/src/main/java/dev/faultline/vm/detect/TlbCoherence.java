package dev.faultline.vm.detect;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.pmap.PmapModule;
import org.jspecify.annotations.Nullable;

/**
 * Compares the processors' TLBs with the page tables (I-36) while the kernel runs.
 *
 * <p>In UP mode a whole TLB at a time: who has the token knows that nobody is between the change of a page table word
 * and the end of its shootdown, as nobody gives the token up in between. In FIXED mode one entry at a time, with P,
 * PV of its frame and T(cpu) held, in that order. In NAIVE mode, where these exclude nobody, the comparison waits for
 * rest ({@link Invariants}).
 */
public final class TlbCoherence {
  private static final int ENTRIES = 4; // looked at each time

  private final PmapModule pmaps; // (C)
  private final Machine machine; // (C)
  private final Mode mode; // (C)
  private int next; // (T) processor to be looked at
  private int pick; // (T) entry to be looked at

  public TlbCoherence(Machine machine, PmapModule pmaps, Mode mode) {
    this.pmaps = pmaps;
    this.machine = machine;
    this.mode = mode;
  }

  /**
   * Looks at one processor, in turn. The caller is a kernel thread in the kernel.
   *
   * @return what does not hold, a line that begins with the invariant's number, or null
   */
  public @Nullable String check() {
    if (mode == Mode.NAIVE) {
      return null;
    }
    next = (next + 1) % machine.cpus();
    Cpu cpu = machine.cpu(next);
    if (mode == Mode.UP) {
      return cpu.checkTlb();
    }
    String wrong = null;
    for (int i = 0; i < ENTRIES && wrong == null; i++) {
      wrong = pmaps.checkTlb(cpu, pick++);
    }
    return wrong;
  }

  @Override
  public String toString() {
    return "TLB coherence of " + machine.cpus() + " processors, " + mode;
  }
}
