package dev.faultline.vm.program;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.proc.ResourceLimits.Limit;

/**
 * What one process of a program can do: its memory accesses and system calls. The kernel implements it, one for each
 * process; all methods are called by the process's own thread, any may sleep in the kernel, and those that are refused
 * have changed nothing unless it is said otherwise.
 *
 * <p>Every method may answer {@link Reply#SIGKILL}: the process is to end now. Whatever was answered before, the last
 * call is {@link #exit}.
 *
 * <p>Addresses and lengths are in bytes, checked as far as the language goes: addresses of ranges are multiples of
 * {@link VmProgram#PAGE_SIZE}, lengths are 1 or more, ranges end at or below {@link VmProgram#USER_END}. Lengths of
 * ranges of pages are not rounded yet. Protections come as written; widening them as the i386 does is the kernel's
 * part. Files, processes and barriers are named by their index in the program's lists.
 */
public interface ProcessCalls {
  /** Maps zero-filled memory at {@code address} instead of what is there. */
  Reply mmapAnon(long address, long length, int prot, boolean shared);

  /**
   * Maps {@code file} at {@code address} instead of what is there.
   *
   * @param offset page-aligned byte offset in the file; the range may reach beyond the file's end
   */
  Reply mmapFile(long address, long length, int prot, boolean shared, int file, long offset);

  /** Maps {@code device}, shared, at {@code address} instead of what is there; EINVAL beyond the device's end. */
  Reply mmapDevice(long address, long length, int prot, int device, long offset);

  /** Removes what is mapped in the range; holes are fine. */
  Reply munmap(long address, long length);

  /** Changes the protection of what is mapped in the range; holes are skipped. */
  Reply mprotect(long address, long length, int prot);

  /** Says what a later fork does with what is mapped in the range; holes are skipped. */
  Reply minherit(long address, long length, Inheritance inheritance);

  /** Advises; changes no content. */
  Reply madvise(long address, long length, Advice advice);

  /** Wires the range. */
  Reply mlock(long address, long length);

  /** Unwires the range. */
  Reply munlock(long address, long length);

  /** Writes dirty pages of shared file mappings in the range to the disk. */
  Reply msync(long address, long length, SyncMode mode);

  /**
   * Tells which pages are resident.
   *
   * @param pages how many pages of {@link VmProgram#PAGE_SIZE}, the last one perhaps in part beyond the range
   * @param resident is filled from the front with 1 for a page that is resident, 0 for one that is not, wholly or at
   *     all
   */
  Reply mincore(long address, int pages, byte[] resident);

  /** Stores a word. */
  Reply store(long address, long value);

  /** Loads a word; {@link #value()} is it. */
  Reply load(long address);

  /** Adds to a word atomically; {@link #value()} is what it was. */
  Reply add(long address, long value);

  /**
   * Stores {@code value}, {@code value + 1}, … in the words of the range in order; when refused, has stored those
   * before.
   */
  Reply fill(long address, long length, long value);

  /** Adds up the words of the range in order; {@link #value()} is the sum, when refused that of the words before. */
  Reply sum(long address, long length);

  /**
   * Accesses the page of {@code address} once, leaving its content as it is.
   *
   * @param address any address, to be aligned down to its word; WRITE is an atomic add of 0, EXECUTE a fetch, for the
   *     i386 a read
   */
  Reply touch(Access access, long address);

  /** Returns what the last load, add or sum that was OK found, or how many bytes the last read or write has moved. */
  long value();

  /**
   * Starts {@code child} with a copy of this address space as its inheritance says; the child runs {@link
   * ProgramRunner#run}.
   */
  Reply fork(int child);

  /** Starts {@code child} in this address space and sleeps until its exec or exit. */
  Reply vfork(int child);

  /** Drops the whole address space, for an empty one of its own. */
  Reply exec();

  /**
   * Drops the whole address space for one with a stack below {@code stackTop}, which grows where it is used, and an
   * empty data segment. EINVAL if the machine's pages are so large that the addresses are not aligned to them.
   */
  Reply image(long dataStart, long stackTop);

  /** Moves the end of the data segment to {@code end}, rounded up to a page. */
  Reply brk(long end);

  /** Sets what this process and its children to come may have of something; bytes. */
  Reply limit(Limit what, long bytes);

  /** Sleeps until {@code child} has exited; ECHILD if it was never started. */
  Reply waitFor(int child);

  /** Sleeps until as many processes have come to {@code barrier} as it has parties. */
  Reply barrier(int barrier);

  /** Sleeps for {@code ticks}. */
  Reply sleep(long ticks);

  /** Changes the length of {@code file}. */
  Reply truncate(int file, long length);

  /**
   * Reads bytes of {@code file} from {@code offset} on into memory; {@link #value()} is how many, fewer at the file's
   * end, or where it is refused after the first byte.
   */
  Reply read(int file, long offset, long address, long length);

  /** Writes bytes of memory to {@code file}, which grows if need be; {@link #value()} as for {@link #read}. */
  Reply write(int file, long offset, long address, long length);

  /** Ends the process. Called once, last; by a process that was killed, too. */
  void exit();
}
