package dev.faultline.vm.proc;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.pager.VnodePager;
import java.util.Set;

/**
 * The system calls of VM programs, by subject. Each is called by the process's own thread in user mode, and enters and
 * leaves the kernel; a call that is refused has changed nothing.
 *
 * @see "vm-semantics 3.8"
 */
public final class SystemCalls {
  /*
   * Implementation overview
   *
   * Shape        call(): enterKernel, the call proper, leaveKernel, which also turns the result of a killed process
   *              into SIGKILL. A panic leaves the kernel entered: it takes the run down anyway.
   * Kills        A killed process's call ends where it waits for memory; other waits inside the kernel ignore the mark
   *              (5.7).
   */
  private final MemoryCalls memory; // (C)
  private final PagingCalls paging; // (C)
  private final SegmentCalls segments; // (C)
  private final FileCalls files; // (C)
  private final LifeCalls life; // (C)

  SystemCalls(
      ProcessTable table,
      Kinship kinship,
      VmObjects objects,
      VnodePager vnodePager,
      FileBlocks blocks,
      Set<Defect> defects) {
    UserRange range = new UserRange(objects.pageSize());
    memory = new MemoryCalls(objects, vnodePager, range, defects);
    paging = new PagingCalls(objects.pages(), range);
    segments = new SegmentCalls(objects);
    files = new FileCalls(table, vnodePager, blocks, objects.pages().freeList());
    life = new LifeCalls(table, kinship, objects.pages().freeList(), objects.pageSize(), defects);
  }

  /** Returns mmap, munmap, mprotect and minherit. */
  public MemoryCalls memory() {
    return memory;
  }

  /** Returns madvise, mlock, munlock, msync and mincore. */
  public PagingCalls paging() {
    return paging;
  }

  /** Returns obreak, getrlimit and setrlimit. */
  public SegmentCalls segments() {
    return segments;
  }

  /** Returns read, write and truncate. */
  public FileCalls files() {
    return files;
  }

  /** Returns fork, vfork, exec, exit, and what waits for other processes or for time. */
  public LifeCalls life() {
    return life;
  }

  @Override
  public String toString() {
    return "system calls";
  }
}
