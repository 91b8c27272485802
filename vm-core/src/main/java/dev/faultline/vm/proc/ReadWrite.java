package dev.faultline.vm.proc;

import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.buf.FileBlocks.Outcome;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.VnodePager;

/**
 * read and write of files. Each is called by the process's own thread in user mode, and goes in and out of the kernel
 * once for each block.
 *
 * <p>A call that is refused midway has done what came before, and says how much; one that is refused at its first byte
 * says why.
 *
 * @see "vm-semantics 3.7, 3.8, R31; sys_generic.c, vfs_vnops.c, ufs_readwrite.c"
 */
final class ReadWrite {
  /*
   * Implementation overview
   *
   * A block a turn  The bytes of a block go between file and a buffer of this call's under V; between that buffer and
   *                 user memory in user mode, by accesses like any other, with nothing held (R31): they may fault, and
   *                 the fault may need V of the same file. So a word is loaded at one instant and stored at another, as
   *                 by any program that copies; reads and writes of more than a block are not atomic.
   * Length          is looked at anew in every turn, under V.
   * Open files      The first call of a process for a file opens it for the process: a reference to the file's object
   *                 until the exit, whose close cleans the object if it is the last one (VMIO).
   * Memory          is waited for with nothing held; then the turn is begun anew.
   */
  private static final long FILE_BYTES_MAX = 1L << 62;

  private final ProcessTable table; // (C)
  private final VnodePager pager; // (C)
  private final FileBlocks blocks; // (C)
  private final FreeList freeList; // (C)

  ReadWrite(ProcessTable table, VnodePager pager, FileBlocks blocks, FreeList freeList) {
    this.table = table;
    this.pager = pager;
    this.blocks = blocks;
    this.freeList = freeList;
  }

  /**
   * Reads bytes of a file into memory: as many as there are before the file's end. EINVAL for a negative offset or
   * length, EFAULT if the memory cannot be stored to, EIO if the disk fails.
   *
   * @return OK: {@link UserAccess#value} is the number of bytes
   */
  CallResult read(ProcThread t, Vnode file, long offset, long address, long length) {
    if (offset < 0 || length < 0 || address < 0) {
      return CallResult.EINVAL;
    }
    long done = 0;
    CallResult r = CallResult.OK;
    long[] words = new long[blocks.turnWords()];
    while (done < length && r == CallResult.OK) {
      long from = offset + done;
      long n = turn(from, length - done);
      t.enterKernel("read");
      VmObject o = open(t, file);
      r = CallResult.OK;
      n = readTurn(t, o, file, from, n, words);
      if (n < 0) {
        r = CallResult.EIO;
      }
      r = t.leaveKernel(r);
      if (r != CallResult.OK || n == 0) {
        break; // n is 0 at the end of the file
      }
      UserAccess access = t.access();
      r = copyOut(access, address + done, n, words, from & 7);
      done += access.done();
    }
    return end(t, done, r);
  }

  /**
   * Writes bytes from memory to a file, which becomes longer if need be; what lies between its old end and the first
   * byte reads as zeros. EFBIG if the first byte lies where no file reaches, ENOSPC if the disk is full; EINVAL,
   * EFAULT, EIO as {@link #read}.
   *
   * @return OK: {@link UserAccess#value} is the number of bytes
   */
  CallResult write(ProcThread t, Vnode file, long offset, long address, long length) {
    if (offset < 0 || length < 0 || address < 0) {
      return CallResult.EINVAL;
    }
    if (length > 0 && offset >= FILE_BYTES_MAX) {
      return CallResult.EFBIG;
    }
    long most = Math.min(length, FILE_BYTES_MAX - offset);
    long done = 0;
    CallResult r = CallResult.OK;
    long[] user = new long[blocks.turnWords()];
    long[] words = new long[blocks.turnWords()];
    while (done < most && r == CallResult.OK) {
      long from = offset + done;
      long n = turn(from, most - done);
      r = copyIn(t.access(), address + done, n, user);
      if (r == CallResult.SIGKILL) {
        break;
      }
      n = t.access().done();
      if (n > 0) {
        shift(user, address + done & 7, n, words, from & 7);
        t.enterKernel("write");
        VmObject o = open(t, file);
        CallResult w = t.leaveKernel(writeTurn(t, o, file, from, n, words));
        if (w != CallResult.OK) {
          r = w;
          break;
        }
        done += n;
      }
    }
    return end(t, done, r);
  }

  private long turn(long from, long left) {
    return Math.min(left, blocks.turnEnd(from) - from);
  }

  private static CallResult end(ProcThread t, long done, CallResult r) {
    t.access().setValue(done);
    return done > 0 && r != CallResult.SIGKILL ? CallResult.OK : r;
  }

  // ----------------------------------------------------------------------------------------------------- in the kernel

  private VmObject open(ProcThread t, Vnode file) {
    for (VmObject o : t.process().openFiles) {
      if (o.handle() == file) {
        return o;
      }
    }
    VmObject o = pager.objectOf(file);
    t.process().openFiles.add(o);
    return o;
  }

  /** Closes what a process that exits has open. In the kernel, nothing held; may sleep. */
  static void closeAll(Process p) {
    for (VmObject o : p.openFiles) {
      o.deallocate();
    }
    p.openFiles.clear();
  }

  /** Returns the bytes read, up to the end of the file; -1 if the disk failed. A killed process reads 0. */
  private long readTurn(ProcThread t, VmObject o, Vnode file, long from, long most, long[] words) {
    while (!t.isKilled()) {
      file.lock();
      long n = Math.min(most, file.size() - from);
      Outcome outcome = n <= 0 ? Outcome.DONE : blocks.read(o, file, from, from + n, words, table.watcher());
      file.unlock();
      if (outcome != Outcome.NO_MEMORY) {
        return outcome == Outcome.IO_ERROR ? -1 : Math.max(0, n);
      }
      freeList.waitForMemory(t.memoryGen, true);
    }
    return 0;
  }

  /** Returns OK, EIO if the disk failed, ENOSPC if it is full. A killed process writes nothing. */
  private CallResult writeTurn(ProcThread t, VmObject o, Vnode file, long from, long n, long[] words) {
    while (!t.isKilled()) {
      file.lock();
      Outcome outcome = blocks.write(o, file, from, from + n, words, table.watcher());
      file.unlock();
      if (outcome != Outcome.NO_MEMORY) {
        return outcome == Outcome.DONE ? CallResult.OK
            : outcome == Outcome.NO_SPACE ? CallResult.ENOSPC : CallResult.EIO;
      }
      freeList.waitForMemory(t.memoryGen, true);
    }
    return CallResult.OK;
  }

  // ---------------------------------------------------------------------------------------------------- in user mode

  /**
   * Stores bytes to user memory.
   *
   * @param skip how many bytes of word 0 come before the first
   * @return OK or EFAULT, and {@link UserAccess#done} is how many; or SIGKILL
   */
  private static CallResult copyOut(UserAccess access, long address, long n, long[] words, long skip) {
    if (wraps(access, address, n)) {
      return CallResult.EFAULT;
    }
    long end = address + n;
    for (long at = address & -8L; at < end; at += 8) {
      long value = bytes(words, skip + at - address);
      long mask = FileBlocks.mask(at, address, end);
      CallResult r = mask == -1L ? access.store(at, value) : access.storeBytes(at, value, mask);
      if (r != CallResult.OK) {
        access.setDone(Math.max(0, at - address));
        return fault(r);
      }
    }
    access.setDone(n);
    return CallResult.OK;
  }

  /** Loads the words of user memory that some bytes lie in. Otherwise as {@link #copyOut}. */
  private static CallResult copyIn(UserAccess access, long address, long n, long[] words) {
    if (wraps(access, address, n)) {
      return CallResult.EFAULT;
    }
    long end = address + n;
    int i = 0;
    for (long at = address & -8L; at < end; at += 8) {
      CallResult r = access.load(at);
      if (r != CallResult.OK) {
        access.setDone(Math.max(0, at - address));
        return fault(r);
      }
      words[i++] = access.value();
    }
    access.setDone(n);
    return CallResult.OK;
  }

  /** Returns whether the last word of some bytes has no address; then the first has none of user memory. */
  private static boolean wraps(UserAccess access, long address, long n) {
    access.setDone(0);
    return address > Long.MAX_VALUE - Long.BYTES - n;
  }

  private static CallResult fault(CallResult r) {
    return r == CallResult.SIGKILL ? r : CallResult.EFAULT;
  }

  /** Moves {@code n} bytes, {@code fromSkip} bytes into some words, to {@code toSkip} bytes into others. */
  private static void shift(long[] from, long fromSkip, long n, long[] to, long toSkip) {
    for (int i = 0; i * 8L < toSkip + n; i++) {
      to[i] = bytes(from, fromSkip - toSkip + i * 8L);
    }
  }

  /** Returns the eight bytes from byte {@code at} on, which may be before the first word or in the last; else zeros. */
  static long bytes(long[] words, long at) {
    int i = (int) Math.floorDiv(at, 8L);
    int bits = (int) (at & 7) * Byte.SIZE;
    long low = i >= 0 && i < words.length ? words[i] : 0;
    if (bits == 0) {
      return low;
    }
    long high = i + 1 >= 0 && i + 1 < words.length ? words[i + 1] : 0;
    return low >>> bits | high << (Long.SIZE - bits);
  }

  @Override
  public String toString() {
    return "read and write";
  }
}
