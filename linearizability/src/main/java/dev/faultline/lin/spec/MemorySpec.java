package dev.faultline.lin.spec;

/**
 * Memory that processors access while the kernel takes translations away and gives them back: nobody but the contents
 * can tell. A page remembers that a processor has stored to it.
 *
 * @see "vm-semantics 6.1, 6.2; I-36, I-38"
 */
public class MemorySpec {
  private static final int PAGES = 2;

  private final long[] word = new long[PAGES];
  private final boolean[] modified = new boolean[PAGES];

  /** Loads a page's word. */
  public long load(int page) {
    return word[page];
  }

  /** Stores a page's word. */
  public void store(int page, long value) {
    word[page] = value;
    modified[page] = true;
  }

  /** The kernel reads the word and writes another, with the page unmapped meanwhile. */
  public long exchange(int page, long value) {
    long old = word[page];
    word[page] = value;
    return old;
  }

  /** The kernel asks whether a processor has stored to the page since it last asked. */
  public boolean takeModified(int page) {
    boolean was = modified[page];
    modified[page] = false;
    return was;
  }
}
