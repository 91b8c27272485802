package dev.faultline.vm.proc;

import dev.faultline.hw.Cpu;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.fault.VmFault;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.Segments;
import dev.faultline.vm.proc.ResourceLimits.Limit;
import org.jspecify.annotations.Nullable;

/**
 * A process's memory accesses, made on the processor that it holds, and the trap handler that mends those that fault.
 * For the process's own thread in user mode; addresses are multiples of 8.
 *
 * @see "vm-semantics 3.8 page fault trap, 6.1, 6.2; trap.c"
 */
public final class UserAccess {
  /*
   * Implementation overview
   *
   * An access that faults has done nothing; the trap handler has the kernel mend the fault and the access is made
   * again, on the processor that the thread then has. Spurious faults (HW4) go the same way: the processor has dropped
   * the entry that refused, so the second try walks, and the fault handler finds nothing to do. The fault counts as a
   * write if the access would have stored, whatever the processor said was missing.
   */
  private final ProcThread thread; // (C)
  private final VmFault fault; // (C)
  private final long pageMask; // (C)
  private long value;
  private long done;

  UserAccess(ProcThread thread, VmFault fault, int pageSize) {
    this.thread = thread;
    this.fault = fault;
    this.pageMask = -(long) pageSize;
  }

  /** Returns what the last load, add or sum found; after one that was refused, the sum of the words before. */
  public long value() {
    return value;
  }

  /** Returns the words that the last fill or sum got through. */
  public long done() {
    return done;
  }

  void setValue(long v) {
    value = v;
  }

  void setDone(long n) {
    done = n;
  }

  /** Loads a word; {@link #value} is it. */
  public CallResult load(long va) {
    if (thread.countAccess() && thread.quantumEnded()) {
      return CallResult.SIGKILL;
    }
    Cpu cpu = thread.cpu;
    while (cpu != null) {
      long v = cpu.load(va);
      if (cpu.trap() == Cpu.NONE) {
        value = v;
        return CallResult.OK;
      }
      CallResult r = trap(cpu, va, VmProt.READ);
      if (r != CallResult.OK) {
        return r;
      }
      cpu = thread.cpu;
    }
    return CallResult.SIGKILL;
  }

  /** Stores a word. */
  public CallResult store(long va, long v) {
    if (thread.countAccess() && thread.quantumEnded()) {
      return CallResult.SIGKILL;
    }
    Cpu cpu = thread.cpu;
    while (cpu != null) {
      cpu.store(va, v);
      if (cpu.trap() == Cpu.NONE) {
        return CallResult.OK;
      }
      CallResult r = trap(cpu, va, VmProt.READ | VmProt.WRITE);
      if (r != CallResult.OK) {
        return r;
      }
      cpu = thread.cpu;
    }
    return CallResult.SIGKILL;
  }

  /** Stores the bits of a word that {@code mask} names; whoever stores to the others does so unharmed. */
  CallResult storeBytes(long va, long v, long mask) {
    if (thread.countAccess() && thread.quantumEnded()) {
      return CallResult.SIGKILL;
    }
    Cpu cpu = thread.cpu;
    while (cpu != null) {
      cpu.storeBytes(va, v, mask);
      if (cpu.trap() == Cpu.NONE) {
        return CallResult.OK;
      }
      CallResult r = trap(cpu, va, VmProt.READ | VmProt.WRITE);
      if (r != CallResult.OK) {
        return r;
      }
      cpu = thread.cpu;
    }
    return CallResult.SIGKILL;
  }

  /** Adds to a word atomically; {@link #value} is what it was. */
  public CallResult add(long va, long delta) {
    if (thread.countAccess() && thread.quantumEnded()) {
      return CallResult.SIGKILL;
    }
    Cpu cpu = thread.cpu;
    while (cpu != null) {
      long old = cpu.getAndAdd(va, delta);
      if (cpu.trap() == Cpu.NONE) {
        value = old;
        return CallResult.OK;
      }
      CallResult r = trap(cpu, va, VmProt.READ | VmProt.WRITE);
      if (r != CallResult.OK) {
        return r;
      }
      cpu = thread.cpu;
    }
    return CallResult.SIGKILL;
  }

  /** Stores {@code first}, {@code first + 1}, … in consecutive words; {@link #done} are stored, also when refused. */
  public CallResult fill(long va, long words, long first) {
    done = 0;
    while (done < words) {
      if (thread.countAccess() && thread.quantumEnded()) {
        return CallResult.SIGKILL;
      }
      Cpu cpu = thread.cpu;
      if (cpu == null) {
        return CallResult.SIGKILL;
      }
      long at = va + 8 * done;
      int n = cpu.fill(at, (int) Math.min(words - done, Integer.MAX_VALUE), first + done);
      done += n;
      if (cpu.trap() != Cpu.NONE) {
        CallResult r = trap(cpu, at + 8L * n, VmProt.READ | VmProt.WRITE);
        if (r != CallResult.OK) {
          return r;
        }
      }
    }
    return CallResult.OK;
  }

  /** Adds up consecutive words; {@link #value} is the sum of the {@link #done} that were loaded, also when refused. */
  public CallResult sum(long va, long words) {
    done = 0;
    value = 0;
    while (done < words) {
      if (thread.countAccess() && thread.quantumEnded()) {
        return CallResult.SIGKILL;
      }
      Cpu cpu = thread.cpu;
      if (cpu == null) {
        return CallResult.SIGKILL;
      }
      long at = va + 8 * done;
      int n = cpu.sumWords(at, (int) Math.min(words - done, Integer.MAX_VALUE));
      if (n > 0) {
        value += cpu.sum();
        done += n;
      }
      if (cpu.trap() != Cpu.NONE) {
        CallResult r = trap(cpu, at + 8L * n, VmProt.READ);
        if (r != CallResult.OK) {
          return r;
        }
      }
    }
    return CallResult.OK;
  }

  /** The trap handler. Returns OK if the access is to be made again, on the processor that the thread has then. */
  private CallResult trap(Cpu cpu, long va, int type) {
    cpu.clearTrap();
    thread.enterKernel();
    SpaceWatcher w = thread.process().watcher;
    if (w != null && (type & VmProt.WRITE) != 0) {
      w.storeTrapped(va);
    }
    KernReturn r = va >= KernelMemory.BASE || va < 0
        ? KernReturn.INVALID_ADDRESS // the kernel's: not for user mode
        : mend(thread.process(), w, va, type);
    CallResult result = thread.leaveKernel(signal(r));
    if (w != null && result != CallResult.OK) {
      boolean excused = result == CallResult.SIGKILL || r == KernReturn.FAILURE;
      w.refused(va, (type & VmProt.WRITE) != 0, r, excused);
    }
    return result;
  }

  private KernReturn mend(Process p, @Nullable SpaceWatcher w, long va, int type) {
    p.lockIn();
    KernReturn r = growStack(p, w, va)
        ? fault.fault(p.vmspace().map(), va & pageMask, type, false)
        : KernReturn.FAILURE;
    p.unlockIn();
    return r;
  }

  /** Makes the stack reach down to an address that is in its window. Returns false if it must not grow so far. */
  private static boolean growStack(Process p, @Nullable SpaceWatcher w, long va) {
    Segments s = p.vmspace().segments();
    long before = s.stackBottom();
    boolean ok = s.growStack(va, p.limits().soft(Limit.STACK));
    long after = s.stackBottom();
    if (w != null && after < before) {
      w.mappedAnonymous(after, before - after, VmProt.ALL, false);
    }
    return ok;
  }

  /** vm-semantics 1.2: only PROTECTION_FAILURE gives SIGBUS. */
  private static CallResult signal(KernReturn r) {
    return switch (r) {
      case SUCCESS -> CallResult.OK;
      case PROTECTION_FAILURE -> CallResult.SIGBUS;
      case RESOURCE_SHORTAGE -> CallResult.SIGKILL;
      default -> CallResult.SIGSEGV;
    };
  }

  @Override
  public String toString() {
    return "accesses of " + thread;
  }
}
