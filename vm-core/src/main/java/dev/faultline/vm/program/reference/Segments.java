package dev.faultline.vm.program.reference;

import dev.faultline.vm.proc.ResourceLimits;
import dev.faultline.vm.proc.ResourceLimits.Limit;
import dev.faultline.vm.program.Reply;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The data segment and the stack of an address space, by the rules of vm-semantics 3.8 and docs/corrections.md. */
final class Segments {
  private static final long GROWTH = 128L << 10;

  private final AddressSpace space;
  private final long dataStart;
  private final long stackTop;
  private long dataEnd;
  private long stackBottom;

  /** Without a stack, and with a data segment that begins at 0. */
  Segments(AddressSpace space) {
    this(space, 0, 0);
  }

  Segments(AddressSpace space, long dataStart, long stackTop) {
    this.space = space;
    this.dataStart = dataStart;
    this.stackTop = stackTop;
    dataEnd = dataStart;
    stackBottom = stackTop;
  }

  /** Returns the same of a child. */
  Segments fork(AddressSpace child) {
    Segments s = new Segments(child, dataStart, stackTop);
    s.dataEnd = dataEnd;
    s.stackBottom = stackBottom;
    return s;
  }

  Reply setBreak(long end, long limit) {
    if (end < dataStart) {
      return Reply.EINVAL;
    }
    long newEnd = Math.addExact(end, Memory.PAGE - 1) & -Memory.PAGE;
    if (newEnd > dataEnd) {
      if (newEnd - dataStart > limit || !space.isFree(dataEnd, newEnd)) {
        return Reply.ENOMEM;
      }
      space.mapZeroes(dataEnd, newEnd);
    } else {
      space.unmap(newEnd, dataEnd);
    }
    dataEnd = newEnd;
    return Reply.OK;
  }

  /** Makes the stack reach down to an address, if it is one of the stack's. Returns false if it must not. */
  boolean grow(long address, long limit) {
    long page = address & -Memory.PAGE;
    long min = stackTop - ResourceLimits.STACK_MAX;
    if (stackTop == 0 || page < min || page >= stackBottom || space.find(page) != null) {
      return true;
    }
    if (stackTop - page > limit) {
      return false;
    }
    long low = stackBottom - (stackBottom - page + GROWTH - 1) / GROWTH * GROWTH;
    low = Math.max(low, Math.max(min, space.endBefore(page)));
    if (stackTop - low > limit) {
      low = (stackTop - limit + Memory.PAGE - 1) & -Memory.PAGE;
    }
    if (!space.isFree(low, stackBottom)) {
      return false;
    }
    space.mapZeroes(low, stackBottom);
    stackBottom = low;
    return true;
  }

  /** What a process may have, of each kind; a child has its parent's. */
  static final class Limits {
    private final Map<Limit, Long> soft = new EnumMap<>(Limit.class);

    /** Takes over a parent's, or the defaults. */
    Limits(@Nullable Limits parent) {
      for (Limit l : Limit.values()) {
        soft.put(l, parent == null ? ResourceLimits.defaults().soft(l) : parent.of(l));
      }
    }

    long of(Limit l) {
      Long bytes = soft.get(l);
      return bytes == null ? ResourceLimits.INFINITY : bytes;
    }

    void set(Limit l, long bytes) {
      soft.put(l, Math.min(bytes, ResourceLimits.defaults().hard(l)));
    }
  }
}
