package dev.faultline.hw;

import java.io.IOException;

/**
 * Where a disk's blocks are. Requests for different blocks may come from several strands at once; for the same block
 * the caller orders them.
 */
abstract class DiskStore {
  final int blockWords; // (C)
  final InitialContents initial; // (C)

  DiskStore(int blockWords) {
    this.blockWords = blockWords;
    this.initial = new InitialContents(blockWords);
  }

  /** Reads consecutive blocks into words. */
  abstract void read(long block, int count, long[] to, int at) throws IOException;

  /** Writes consecutive blocks from words. */
  abstract void write(long block, int count, long[] from, int at) throws IOException;

  /** Makes blocks as if never written. */
  abstract void forget(long block, long count) throws IOException;

  /** Gives back what the host lent. */
  void close() throws IOException {}
}
