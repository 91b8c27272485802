package dev.faultline.vm.fuzz;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ExecImage;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.ResourceLimits;
import dev.faultline.vm.proc.ResourceLimits.Limit;
import dev.faultline.vm.proc.SystemCalls;
import dev.faultline.vm.proc.UserAccess;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * One system call, or one access, with whatever arguments a fuzzer came upon.
 *
 * @param kind which call
 * @param address first argument
 * @param length second
 * @param arg protection, advice, inheritance, ticks, which limit: what the call makes of it
 * @param offset offset in a file, or its new length, or another address
 */
record FuzzCall(Kind kind, long address, long length, int arg, long offset) {
  enum Kind {
    MMAP_ANON, MMAP_FILE, MMAP_DEVICE, MMAP_ANON_ANYWHERE, MMAP_FILE_ANYWHERE, MUNMAP, MPROTECT, MINHERIT,
    MADVISE, MLOCK, MUNLOCK, MSYNC, MINCORE, OBREAK, SETRLIMIT, GETRLIMIT, TRUNCATE, READ, WRITE,
    LOAD, STORE, ADD, FILL, SUM, FORK, VFORK, EXEC, EXEC_IMAGE, WAIT, BARRIER, SLEEP;

    /** Accesses of many words: one that is refused has done those before. */
    private static final Set<Kind> PARTIAL = EnumSet.of(FILL, SUM);

    /** What changes a file's length. */
    private static final Set<Kind> RESIZING = EnumSet.of(TRUNCATE, WRITE);

    boolean isAllOrNothing() {
      return !PARTIAL.contains(this);
    }

    /** Whether it is an access of user code, which enters the kernel only where it faults. */
    boolean isAccess() {
      return this == LOAD || this == STORE || this == ADD || this == FILL || this == SUM;
    }

    /** Whether it starts with an empty address space. */
    boolean isExec() {
      return this == EXEC || this == EXEC_IMAGE;
    }
  }

  private static final int PAGES_MAX = 64;
  private static final long MOVED_PAGES_MAX = 40;

  /**
   * Makes the call as the thread {@code t} of a process.
   *
   * @param children what a forked child does, in order; it ends by itself
   */
  CallResult make(ProcThread t, FuzzWorld w, List<FuzzCall> children) {
    SystemCalls calls = w.calls();
    int pageSize = w.pageSize();
    Vnode file = w.files().get(Math.floorMod(arg, w.files().size()));
    UserAccess user = t.access();
    long word = address & -Long.BYTES; // an unaligned word is the program's mistake, and never reaches the kernel
    boolean shared = (arg & 8) != 0;
    return switch (kind) {
      case MMAP_ANON -> calls.memory().mmapAnon(t, address, length, arg & 7, shared);
      case MMAP_FILE -> calls.memory().mmapFile(t, address, length, arg & 7, shared, file, offset);
      case MMAP_DEVICE -> {
        long from = shared ? offset & pageSize : offset;
        CallResult r = calls.memory().mmapDevice(t, address, length, arg & 7, w.device(), from);
        yield inDevice(r, from + length, (long) w.device().pages() * pageSize);
      }
      case MMAP_ANON_ANYWHERE -> calls.memory().mmapAnonAnywhere(t, hint(), length, arg & 7, shared);
      case MMAP_FILE_ANYWHERE -> calls.memory().mmapFileAnywhere(t, hint(), length, arg & 7, shared, file, offset);
      case MUNMAP -> calls.memory().munmap(t, address, length);
      case MPROTECT -> calls.memory().mprotect(t, address, length, arg & 7);
      case MINHERIT -> calls.memory().minherit(t, address, length, Inheritance.values()[Math.floorMod(arg, 3)]);
      case MADVISE -> calls.paging().madvise(t, address, length, (arg & 1) != 0);
      case MLOCK -> calls.paging().mlock(t, address, shared ? pageSize : length);
      case MUNLOCK -> calls.paging().munlock(t, address, shared ? pageSize : length);
      case MSYNC -> calls.paging().msync(t, address, length, shared ? arg & 7 : arg & 3);
      case MINCORE -> {
        int count = Math.floorMod((int) (length / pageSize), PAGES_MAX);
        int granule = shared ? 4 * pageSize : (arg & 4) != 0 ? pageSize / 4 : pageSize;
        yield calls.paging().mincore(t, address, count, granule, new byte[PAGES_MAX]);
      }
      case OBREAK -> calls.segments().obreak(t, address);
      case SETRLIMIT -> {
        Limit which = Limit.values()[arg & 3];
        long hard = shared ? offset : t.process().limits().hard(which);
        yield calls.segments().setrlimit(t, which, (arg & 4) != 0 ? Math.min(length, hard) : length, hard);
      }
      case GETRLIMIT -> calls.segments().getrlimit(t, Limit.values()[arg & 3], new long[2]);
      case TRUNCATE -> calls.files().truncate(t, file, offset);
      case READ -> moved(calls.files().read(t, file, offset, address, bytes(pageSize)), user);
      case WRITE -> moved(calls.files().write(t, file, offset, address, bytes(pageSize)), user);
      case LOAD -> user.load(word);
      case STORE -> user.store(word, offset);
      case ADD -> user.add(word, offset);
      case FILL -> user.fill(word, Math.floorMod(length, 4L * pageSize / Long.BYTES), offset);
      case SUM -> user.sum(word, Math.floorMod(length, 4L * pageSize / Long.BYTES));
      case FORK -> calls.life().fork(t, w.nextPid(), c -> run(c, w, children));
      case VFORK -> calls.life().vfork(t, w.nextPid(), c -> run(c, w, children));
      case EXEC -> calls.life().exec(t);
      case EXEC_IMAGE -> calls.life().exec(t, new ExecImage(address, shared ? offset : top(pageSize)));
      case WAIT -> calls.life().waitFor(t, t.lastChild());
      case BARRIER -> calls.life().barrier(t, w.barrier());
      case SLEEP -> calls.life().sleep(t, Math.floorMod(arg, 3));
    };
  }

  /** Where to look for room: half of the time anywhere. */
  private long hint() {
    return (arg & 1) != 0 ? 0 : address;
  }

  /** A good place for a stack's top: above the window, or as high as can be. */
  private long top(int pageSize) {
    long above = SystemCallFuzzTest.BASE + ResourceLimits.STACK_MAX + (long) SystemCallFuzzTest.ALL_PAGES * pageSize;
    return (arg & 4) != 0 ? KernelMemory.BASE : above;
  }

  /** How much to move: whatever was drawn, but not gigabytes through memory that may well be there. */
  private long bytes(int pageSize) {
    boolean user = address >= 0 && address < KernelMemory.BASE;
    return user && length > MOVED_PAGES_MAX * pageSize && address + length > 0 ? MOVED_PAGES_MAX * pageSize : length;
  }

  /** Checks that nothing beyond the end of a device was mapped. */
  private CallResult inDevice(CallResult r, long end, long bytes) {
    if (r == CallResult.OK && end > bytes) {
      throw new AssertionError(this + " mapped what a device of " + bytes + " bytes does not have");
    }
    return r;
  }

  /** Checks that bytes were moved from and to user memory alone, and no more than were asked for. */
  private CallResult moved(CallResult r, UserAccess user) {
    long n = user.value();
    if (r == CallResult.OK
        && (n < 0 || n > length || (n > 0 && (address < 0 || address > KernelMemory.BASE - n)))) {
      throw new AssertionError(this + " says that it moved " + n + " bytes");
    }
    return r;
  }

  /** Makes calls one after the other, and ends the process; calls that start processes are left out. */
  private static void run(ProcThread t, FuzzWorld w, List<FuzzCall> list) {
    for (FuzzCall c : list) {
      if (c.kind != Kind.FORK && c.kind != Kind.VFORK && c.kind != Kind.WAIT
          && !(w.alone() && Kind.RESIZING.contains(c.kind))
          && c.make(t, w, List.of()) == CallResult.SIGKILL) {
        break;
      }
    }
    w.calls().life().exit(t);
  }
}
