package dev.faultline.lin.spec;

/**
 * A disk's blocks: requests that overlap are done in the order of their submission, whether or not anybody waits.
 *
 * @see "vm-semantics 6.3"
 */
public class BlocksSpec {
  private static final int BLOCKS = 2;

  private final long[] word = new long[BLOCKS];

  /** Writes a block and waits. */
  public void write(int block, long value) {
    word[block] = value;
  }

  /** Writes a block and does not wait. */
  public void writeLater(int block, long value) {
    word[block] = value;
  }

  /** Writes all blocks at once and waits. */
  public void writeAll(long value) {
    java.util.Arrays.fill(word, value);
  }

  /** Reads all blocks at once: ten times the first, plus the second. */
  public long readAll() {
    return 10 * word[0] + word[1];
  }
}
