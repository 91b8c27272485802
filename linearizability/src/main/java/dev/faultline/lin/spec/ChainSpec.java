package dev.faultline.lin.spec;

/**
 * Two pages of memory that is a copy of other memory: what lies in which object of the chain behind it, and in memory
 * or in swap, nobody can tell.
 *
 * @see "vm-semantics 3.3 collapse, 3.6, 4.5"
 */
public class ChainSpec {
  /** The word of the first page at the beginning. */
  public static final long FIRST = 1;

  /** The word of the second page at the beginning. */
  public static final long SECOND = 2;

  private final long[] word = {FIRST, SECOND};
  private final boolean[] writable = {true, true};

  /** Loads a page's word. */
  public long load(int page) {
    return word[page];
  }

  /** Stores a page's word and returns it. */
  public long store(int page, long value) {
    if (!writable[page]) {
      return AddressSpaceSpec.PROTECTED;
    }
    word[page] = value;
    return value;
  }

  /** Takes or gives the right to write. */
  public void protect(int page, boolean write) {
    writable[page] = write;
  }

  /** Takes a page that is like its backing store out of memory. */
  public void evict(int page) {}

  /** Lets the object in the middle absorb the one below it. */
  public void collapse() {}

  /** Gives the object in the middle swap. */
  public void convert() {}
}
