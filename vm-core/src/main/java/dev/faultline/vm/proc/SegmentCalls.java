package dev.faultline.vm.proc;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Segments;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.proc.ResourceLimits.Limit;

/**
 * The calls about the data segment's end and about limits.
 *
 * @see SystemCalls
 * @see "vm-semantics 3.8 obreak; vm_unix.c, kern_resource.c"
 */
public final class SegmentCalls {
  private final SwapPager swapPager; // (C)
  private final int pageSize; // (C)

  SegmentCalls(VmObjects objects) {
    this.swapPager = (SwapPager) objects.pager(ObjectType.SWAP);
    this.pageSize = objects.pageSize();
  }

  /**
   * Moves the end of the data segment, rounded up to a page. What is added is zero-filled; what is taken off is
   * unmapped.
   *
   * @return EINVAL below the beginning of the segment; ENOMEM, when it would grow, beyond its limit or the address
   *     space, over something mapped, or while swap is full
   */
  public CallResult obreak(ProcThread t, long end) {
    t.enterKernel("obreak");
    Process p = t.process();
    Segments s = p.vmspace().segments();
    long before = s.dataEnd(); // told to the watcher, whose space only this thread uses
    KernReturn r = s.setBreak(end, p.limits().soft(Limit.DATA), swapPager.isFull());
    SpaceWatcher w = p.watcher;
    if (w != null && r == KernReturn.SUCCESS) {
      long after = s.dataEnd();
      if (after > before) {
        w.mappedAnonymous(before, after - before, VmProt.ALL, false);
      } else if (after < before) {
        w.unmapped(after, before - after);
      }
    }
    return t.leaveKernel(
        switch (r) {
          case SUCCESS -> CallResult.OK;
          case INVALID_ARGUMENT -> CallResult.EINVAL;
          default -> CallResult.ENOMEM;
        });
  }

  /** Returns a limit as {soft, hard} in {@code value}, bytes. */
  public CallResult getrlimit(ProcThread t, Limit which, long[] value) {
    t.enterKernel("getrlimit");
    ResourceLimits limits = t.process().limits();
    value[0] = limits.soft(which);
    value[1] = limits.hard(which);
    return t.leaveKernel(CallResult.OK);
  }

  /**
   * Sets a limit. Beyond what there can be of a thing it is that. What the process has already stays, except that of
   * resident memory it is trimmed to the limit when memory is short.
   *
   * @return EINVAL for a negative limit or a soft one above the hard one; EPERM to raise the hard one
   */
  public CallResult setrlimit(ProcThread t, Limit which, long soft, long hard) {
    t.enterKernel("setrlimit");
    return t.leaveKernel(doSetrlimit(t.process(), which, soft, hard));
  }

  private CallResult doSetrlimit(Process p, Limit which, long soft, long hard) {
    if (soft < 0 || hard < 0 || soft > hard) {
      return CallResult.EINVAL;
    }
    long ceiling = ResourceLimits.ceiling(which);
    long newHard = Math.min(hard, ceiling);
    if (newHard > p.limits().hard(which)) {
      return CallResult.EPERM;
    }
    p.setLimits(p.limits().with(which, Math.min(soft, ceiling), newHard));
    if (which == Limit.RSS) {
      p.setResidentLimit((int) Math.min(soft / pageSize, Integer.MAX_VALUE)); // as many as any machine has: no limit
    }
    return CallResult.OK;
  }

  @Override
  public String toString() {
    return "segment calls";
  }
}
