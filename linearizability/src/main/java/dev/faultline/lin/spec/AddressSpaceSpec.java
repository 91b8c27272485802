package dev.faultline.lin.spec;

/**
 * An address space as a map of words: mapped anonymous memory begins as zeros, may be read only if it is mapped and
 * written only if that is allowed; a fork's child is a copy as of one instant.
 *
 * @see "vm-semantics 1.2, 3.4, 3.8, 4.1"
 */
public class AddressSpaceSpec {
  /** Nothing is mapped there. */
  public static final long UNMAPPED = -1;

  /** It may not be written. */
  public static final long PROTECTED = -2;

  private static final int PAGES = 2;

  private final long[] word = new long[PAGES];
  private final boolean[] mapped = {true, true};
  private final boolean[] writable = {true, true};

  /** Loads a page's word. */
  public long load(int page) {
    return mapped[page] ? word[page] : UNMAPPED;
  }

  /** Stores a page's word and returns it. */
  public long store(int page, long value) {
    if (!mapped[page]) {
      return UNMAPPED;
    }
    if (!writable[page]) {
      return PROTECTED;
    }
    word[page] = value;
    return value;
  }

  /** Takes or gives the right to write. */
  public void protect(int page, boolean write) {
    if (mapped[page]) {
      writable[page] = write;
    }
  }

  /** Unmaps a page. */
  public void unmap(int page) {
    mapped[page] = false;
  }

  /** Maps fresh memory in place of whatever is there. */
  public void map(int page) {
    mapped[page] = true;
    writable[page] = true;
    word[page] = 0;
  }

  /** Forks, and returns what the child reads: ten times the first page's word, plus the second's. */
  public long fork() {
    return 10 * load(0) + load(1);
  }
}
