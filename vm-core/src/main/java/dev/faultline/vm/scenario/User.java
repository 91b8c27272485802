package dev.faultline.vm.scenario;

import dev.faultline.hw.Cpu;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.trace.TraceEvent;

/**
 * User code's view: words of an address space, through a processor. An access that traps is made again once the fault
 * handler has mended it.
 */
public final class User {
  private final AddressSpace space; // (C)
  private final Cpu cpu; // (C)

  User(AddressSpace space, Cpu cpu) {
    this.space = space;
    this.cpu = cpu;
  }

  /** What an access that is not allowed gives. */
  public static final long REFUSED = Long.MIN_VALUE;

  /** Loads the first word of a page; {@link #REFUSED} if that is not allowed. */
  public long load(int page) {
    long va = space.at(page);
    while (true) {
      long v = cpu.load(va);
      if (cpu.trap() == Cpu.NONE) {
        space.tracer().event(TraceEvent.LOAD, va, v);
        return v;
      }
      if (!mend(va, VmProt.READ)) {
        return REFUSED;
      }
    }
  }

  /** Stores into the first word of a page; returns whether that was allowed. */
  public boolean store(int page, long value) {
    long va = space.at(page);
    while (true) {
      cpu.store(va, value);
      if (cpu.trap() == Cpu.NONE) {
        space.tracer().event(TraceEvent.STORE, va, value);
        return true;
      }
      if (!mend(va, VmProt.READ | VmProt.WRITE)) {
        return false;
      }
    }
  }

  private boolean mend(long va, int type) {
    cpu.clearTrap();
    return space.fault(va, type) == KernReturn.SUCCESS;
  }

  /** The address space that it runs in: for system calls. */
  public AddressSpace space() {
    return space;
  }

  @Override
  public String toString() {
    return "user of " + space + " on " + cpu;
  }
}
