package dev.faultline.hw;

/** What a run of a disk's blocks holds before it is first written: a function, so that it needs no memory. */
@FunctionalInterface
public interface BlockContents {
  /**
   * Returns one 64-bit word. Must give the same at every call; called by the disk's strand and by whoever inspects
   * the disk.
   *
   * @param byteOffset the word's offset from the first byte of the run, a multiple of 8
   */
  long word(long byteOffset);
}
