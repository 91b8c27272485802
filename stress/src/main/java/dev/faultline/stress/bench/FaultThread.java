package dev.faultline.stress.bench;

import static java.util.Objects.requireNonNull;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.UserAccess;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One benchmark thread as a process of the simulated kernel, with a range of memory of its own in the middle of one
 * object.
 */
final class FaultThread implements AutoCloseable {
  /** Pages a thread works on. */
  static final int PAGES = 256;

  private static final long MAPPED = 0x10_0000L;

  private static final AtomicInteger NEXT_PID = new AtomicInteger(1);

  final FaultWorld world;
  final ProcThread thread;
  final UserAccess access;
  final long base;
  final int pageSize;
  final Vmspace space;
  final int index;

  /**
   * Makes the calling thread a process.
   *
   * @param shared whether it uses the world's shared address space, where all threads' ranges lie in one object
   */
  FaultThread(FaultWorld world, int index, boolean shared) {
    this.world = world;
    this.index = index;
    this.pageSize = world.pageSize;
    this.thread =
        world.kernel.processes().adopt(NEXT_PID.getAndIncrement(), shared ? world.sharedReference() : null);
    this.access = thread.access();
    this.space = thread.process().vmspace();
    this.base = MAPPED + (shared ? (long) index * PAGES * pageSize : 0);
    if (!shared) {
      must(mmap(world, thread, PAGES));
    }
  }

  /** Maps anonymous memory in an address space, by a process that comes and goes; takes over the reference. */
  static void mapFor(FaultWorld world, Vmspace space, int pages) {
    ProcThread t = world.kernel.processes().adopt(NEXT_PID.getAndIncrement(), space);
    must(mmap(world, t, pages));
    world.kernel.processes().systemCalls().life().exit(t);
    world.kernel.processes().abandon(t);
  }

  private static CallResult mmap(FaultWorld world, ProcThread t, int pages) {
    return world.kernel.processes().systemCalls().memory().mmapAnon(
        t, MAPPED, (long) pages * world.pageSize, VmProt.READ | VmProt.WRITE, false);
  }

  static void must(CallResult r) {
    if (r != CallResult.OK) {
      throw new IllegalStateException("refused: " + r);
    }
  }

  long page(int i) {
    return base + (long) i * pageSize;
  }

  /** Stores to every page. */
  void touchAll() {
    for (int i = 0; i < PAGES; i++) {
      must(access.store(page(i), i));
    }
  }

  /** Loads the first word of a page. */
  long load(int i) {
    must(access.load(page(i)));
    return access.value();
  }

  /** Runs kernel code on this thread, as a system call would. */
  void inKernel(Runnable body) {
    must(thread.inKernel(body));
  }

  /** Forks this thread's address space; the caller frees the child's with {@link #free}. */
  Vmspace fork() {
    AtomicReference<@Nullable Vmspace> child = new AtomicReference<>();
    inKernel(() -> child.set(space.fork("child")));
    return requireNonNull(child.get());
  }

  /** Frees an address space that {@link #fork} made. */
  void free(@Nullable Vmspace child) {
    inKernel(() -> requireNonNull(child).free());
  }

  /** Returns the object under this thread's range; kernel side. */
  VmObject object() {
    MapLookup l = new MapLookup();
    if (space.map().lookup(l, base, VmProt.READ) != KernReturn.SUCCESS) {
      throw new IllegalStateException("no mapping");
    }
    VmObject o = l.object();
    space.map().lookupDone(l);
    return o;
  }

  /** Returns where this thread's range begins in {@link #object}. */
  long objectOffset() {
    MapLookup l = new MapLookup();
    if (space.map().lookup(l, base, VmProt.READ) != KernReturn.SUCCESS) {
      throw new IllegalStateException("no mapping");
    }
    long offset = l.offset;
    space.map().lookupDone(l);
    return offset;
  }

  /** Drops the resident pages of this thread's range, so that they are zero-filled or paged in again. */
  void dropPages() {
    inKernel(
        () -> {
          long offset = objectOffset();
          world.kernel.objects().ranges().remove(object(), offset, offset + (long) PAGES * pageSize, false);
        });
  }

  /** Writes this thread's resident pages to swap, where they stay valid. */
  void writeToSwap() {
    inKernel(
        () -> {
          VmObject o = object();
          long offset = objectOffset();
          PageoutClean cleaner = new PageoutClean(world.kernel.objects());
          for (int i = 0; i < PAGES; i++) {
            o.lock.lock();
            VmPage m = world.kernel.pages().lookup(o, offset + (long) i * pageSize);
            if (m == null) {
              o.lock.unlock();
              continue;
            }
            world.kernel.pages().mappings().protect(m, VmProt.READ);
            world.kernel.pages().testDirty(m);
            if (m.dirty() == 0 || m.isBusyAnyway()) {
              o.lock.unlock();
            } else {
              cleaner.clean(o, m, Cleaner.How.FORCE); // lets go of O
            }
          }
        });
  }

  @Override
  public void close() {
    world.kernel.processes().systemCalls().life().exit(thread);
    world.kernel.processes().abandon(thread);
  }
}
