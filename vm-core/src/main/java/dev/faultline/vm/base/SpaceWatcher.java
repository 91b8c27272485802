package dev.faultline.vm.base;

import org.jspecify.annotations.Nullable;

/**
 * Follows what one address space holds, beside the kernel: told by the process layer what the calls of the process that
 * uses it did.
 *
 * <p>One process at a time uses an address space (after vfork the parent waits), so the calls here are made by one
 * thread at a time, in program order with the accesses, and none is made while an access is under way. Addresses and
 * lengths are whole pages. A call that was refused is not told, except where a method says so.
 *
 * @see MemoryWatcher
 */
public interface SpaceWatcher {
  /** Whoever runs on a processor (Cpu.context) has one of these, unless nobody watches. */
  interface Holder {
    /** Returns the watcher of the address space that this thread's accesses go to. */
    @Nullable SpaceWatcher spaceWatcher();
  }

  /** Zero-filled memory is mapped, over what was mapped there. Told after mmap's success, before the next access. */
  void mappedAnonymous(long start, long length, int prot, boolean shared);

  /**
   * A file is mapped, over what was mapped there. Told after mmap's success, before the next access.
   *
   * @param file as given to {@link MemoryWatcher#fileCreated}
   * @param offset byte offset in the file of {@code start}
   */
  void mappedFile(long start, long length, int prot, boolean shared, Object file, long offset);

  /** A range has been unmapped. */
  void unmapped(long start, long length);

  /** The protection of what is mapped in a range has been set. */
  void protectionSet(long start, long length, int prot);

  /** What a later fork does with what is mapped in a range has been set. */
  void inheritanceSet(long start, long length, Inheritance how);

  /** mlock is about to begin: from here on it may copy pages. */
  void wireBegins(long start, long length);

  /** mlock has ended, also when it was refused. */
  void wireEnds(long start, long length, boolean done);

  /** A fork is about to copy the address space; not told for a vfork, whose child goes by this watcher. */
  void forkBegins();

  /**
   * The address space has been copied. Told before the child runs.
   *
   * @return the watcher of the child's
   */
  SpaceWatcher forked(int childPid);

  /** The fork that had begun was refused. */
  void forkFailed();

  /**
   * The address space is empty, or about to be emptied, and nobody accesses it before: exec or exit. Not told by a
   * child of vfork.
   */
  void dropped();

  /** A store or an add has trapped, and the fault handler is about to be called. Every time, retries included. */
  void storeTrapped(long va);

  /**
   * An access will not be made.
   *
   * @param why the fault handler's answer
   * @param excused whether the kernel had a reason that is not in the address space: a failed disk, no memory, a kill
   */
  void refused(long va, boolean store, KernReturn why, boolean excused);

  /**
   * Data of a range may be lost: a device failed, and the process was told. From now on a word there is anything until
   * it is stored.
   */
  void lost(long start, long length);
}
