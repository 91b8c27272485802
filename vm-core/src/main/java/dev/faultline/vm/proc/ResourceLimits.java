package dev.faultline.vm.proc;

import java.util.Arrays;

/**
 * How much memory a process may use, of each kind. A value that does not change: fork hands it on to the child, and
 * setrlimit gives a process another one.
 *
 * <p>The data segment's and the stack's are those of the i386 in FreeBSD 2 (vmparam.h: DFLDSIZ 64M, MAXDSIZ 128M,
 * DFLSSIZ 8M, MAXSSIZ 64M, the stack grows by SGROWSIZ 128K). What may be resident or locked is not limited at first;
 * the original derived both from the free memory at boot.
 *
 * @see "vm-semantics 3.8 obreak, mlock, page fault trap; 3.5 vm_daemon; kern_resource.c"
 */
public final class ResourceLimits {
  /** What is limited. All are in bytes. */
  public enum Limit {
    /** The data segment, which obreak moves the end of. */
    DATA,
    /** The stack, which grows by itself. */
    STACK,
    /** Resident memory; who has more is trimmed when memory is short. */
    RSS,
    /** What may be wired by mlock. */
    MEMLOCK
  }

  /** No limit. */
  public static final long INFINITY = Long.MAX_VALUE;

  /** The largest data segment that there can be: mmap finds places above it. */
  public static final long DATA_MAX = 128L << 20;

  /** The largest stack that there can be. */
  public static final long STACK_MAX = 64L << 20;

  private static final long DATA_SOFT = 64L << 20;
  private static final long STACK_SOFT = 8L << 20;
  private static final ResourceLimits DEFAULTS = new ResourceLimits(
      new long[] {DATA_SOFT, STACK_SOFT, INFINITY, INFINITY}, new long[] {DATA_MAX, STACK_MAX, INFINITY, INFINITY});

  private final long[] soft; // (C)
  private final long[] hard; // (C)

  private ResourceLimits(long[] soft, long[] hard) {
    this.soft = soft;
    this.hard = hard;
  }

  /** Returns what a process without a parent has. */
  public static ResourceLimits defaults() {
    return DEFAULTS;
  }

  /** Returns what counts now, bytes. */
  public long soft(Limit which) {
    return soft[which.ordinal()];
  }

  /** Returns up to where the process may raise it itself, bytes. */
  public long hard(Limit which) {
    return hard[which.ordinal()];
  }

  /** Returns these with another limit. */
  ResourceLimits with(Limit which, long newSoft, long newHard) {
    ResourceLimits other = new ResourceLimits(soft.clone(), hard.clone());
    other.soft[which.ordinal()] = newSoft;
    other.hard[which.ordinal()] = newHard;
    return other;
  }

  /** Returns what no limit can be above, whatever is asked for. */
  static long ceiling(Limit which) {
    return switch (which) {
      case DATA -> DATA_MAX;
      case STACK -> STACK_MAX;
      case RSS, MEMLOCK -> INFINITY;
    };
  }

  @Override
  public String toString() {
    return "limits(soft " + Arrays.toString(soft) + " hard " + Arrays.toString(hard) + ")";
  }
}
