package dev.faultline.vm.fuzz;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.Process;
import dev.faultline.vm.proc.SystemCalls;
import dev.faultline.vm.proc.UserAccess;
import java.util.List;
import java.util.Set;

/**
 * One system call, or one access, with whatever arguments a fuzzer came upon.
 *
 * @param kind which call
 * @param address first argument
 * @param length second
 * @param arg protection, advice, inheritance, ticks: what the call makes of it
 * @param offset offset in a file, or its new length
 */
record FuzzCall(Kind kind, long address, long length, int arg, long offset) {
  enum Kind {
    MMAP_ANON, MMAP_FILE, MUNMAP, MPROTECT, MINHERIT, MADVISE, MLOCK, MUNLOCK, MSYNC, MINCORE, TRUNCATE,
    LOAD, STORE, ADD, FILL, SUM, FORK, VFORK, EXEC, WAIT, SLEEP;

    /** Kinds whose refusal may leave something done: an access of many words, and what waits for others. */
    private static final Set<Kind> PARTIAL = Set.of(FILL, SUM);

    boolean isAllOrNothing() {
      return !PARTIAL.contains(this);
    }

    /** Whether it is an access of user code, which enters the kernel only where it faults. */
    boolean isAccess() {
      return this == LOAD || this == STORE || this == ADD || this == FILL || this == SUM;
    }
  }

  private static final int PAGES_MAX = 64;

  /**
   * Makes the call as the thread {@code t} of a process.
   *
   * @param pageSize the machine's
   * @param children what a forked child does, in order; it ends by itself
   */
  CallResult make(
      ProcThread t, SystemCalls calls, List<Vnode> files, int pageSize, List<FuzzCall> children, Pids pids) {
    Vnode file = files.get(Math.floorMod(arg, files.size()));
    UserAccess user = t.access();
    long word = address & -Long.BYTES; // an unaligned word is the program's mistake, and never reaches the kernel
    return switch (kind) {
      case MMAP_ANON -> calls.memory().mmapAnon(t, address, length, arg & 7, (arg & 8) != 0);
      case MMAP_FILE -> calls.memory().mmapFile(t, address, length, arg & 7, (arg & 8) != 0, file, offset);
      case MUNMAP -> calls.memory().munmap(t, address, length);
      case MPROTECT -> calls.memory().mprotect(t, address, length, arg & 7);
      case MINHERIT -> calls.memory().minherit(t, address, length, Inheritance.values()[Math.floorMod(arg, 3)]);
      case MADVISE -> calls.paging().madvise(t, address, length, (arg & 1) != 0);
      case MLOCK -> calls.paging().mlock(t, address, length);
      case MUNLOCK -> calls.paging().munlock(t, address, length);
      case MSYNC -> calls.paging().msync(t, address, length, arg & 3);
      case MINCORE -> {
        int count = Math.floorMod((int) length, PAGES_MAX);
        yield calls.paging().mincore(t, address, count, pageSize, new byte[PAGES_MAX]);
      }
      case TRUNCATE -> calls.files().truncate(t, file, offset);
      case LOAD -> user.load(word);
      case STORE -> user.store(word, offset);
      case ADD -> user.add(word, offset);
      case FILL -> user.fill(word, Math.floorMod(length, 4L * pageSize / Long.BYTES), offset);
      case SUM -> user.sum(word, Math.floorMod(length, 4L * pageSize / Long.BYTES));
      case FORK -> calls.life().fork(t, pids.next(), c -> run(c, calls, files, pageSize, children, pids));
      case VFORK -> calls.life().vfork(t, pids.next(), c -> run(c, calls, files, pageSize, children, pids));
      case EXEC -> calls.life().exec(t);
      case WAIT -> {
        Process child = t.lastChild();
        yield calls.life().waitFor(t, child);
      }
      case SLEEP -> calls.life().sleep(t, Math.floorMod(arg, 3));
    };
  }

  /** Makes calls one after the other, and ends the process; calls that start processes are left out. */
  private static void run(
      ProcThread t, SystemCalls calls, List<Vnode> files, int pageSize, List<FuzzCall> list, Pids pids) {
    for (FuzzCall c : list) {
      if (c.kind != Kind.FORK && c.kind != Kind.VFORK && c.kind != Kind.WAIT
          && c.make(t, calls, files, pageSize, List.of(), pids) == CallResult.SIGKILL) {
        break;
      }
    }
    calls.life().exit(t);
  }

  /** Hands out process numbers. */
  interface Pids {
    long next();
  }
}
