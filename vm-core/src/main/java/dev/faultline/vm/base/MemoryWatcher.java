package dev.faultline.vm.base;

import java.util.function.LongUnaryOperator;

/**
 * Follows what the memory of a kernel's processes holds, beside the kernel, to judge what the kernel makes of it.
 * Declared here so that the process layer can tell a watcher that it does not know.
 */
public interface MemoryWatcher {
  /** Returns the watcher of a new, empty address space. */
  SpaceWatcher newSpace(int pid);

  /**
   * A file exists. Told before it is mapped.
   *
   * @param file the key by which it is named from now on
   * @param length bytes
   * @param words the word at a byte offset, a multiple of 8; what it says of bytes beyond the length does not matter
   */
  void fileCreated(Object file, long length, LongUnaryOperator words);

  /**
   * A file's length is about to be changed. Told with V(vnode) held, so that the changes of one file do not overlap.
   */
  void truncateBegins(Object file, long newLength);

  /** A file's length has been changed, or not. V(vnode) is still held. */
  void truncateEnds(Object file, boolean done);

  /**
   * The kernel loads a word of a file for a read, from the frame that holds it: makes the access and returns the word.
   * Called with V(vnode) held.
   *
   * @param offset byte offset in the file, a multiple of 8
   */
  long fileLoad(Object file, long offset, int frame, int word);

  /**
   * The kernel stores bytes of a word of a file for a write, in the frame that holds it: makes the access. Called with
   * V(vnode) held, and the file long enough.
   *
   * @param mask the bits of the word that are stored
   */
  void fileStore(Object file, long offset, int frame, int word, long value, long mask);

  /** Data of a file may be lost: a device failed. From now on a word there is anything until it is stored. */
  void fileLost(Object file, long offset, long length);
}
