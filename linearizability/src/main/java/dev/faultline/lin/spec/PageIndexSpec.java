package dev.faultline.lin.spec;

/**
 * The index of resident pages by (object, page): at most one page each, which keeps its contents when it is renamed.
 *
 * @see "vm-semantics 3.2: vm_page_insert, lookup, remove, rename; I-9"
 */
public class PageIndexSpec {
  private static final int OBJECTS = 2;
  private static final int PAGES = 2;
  private static final int NONE = 0;

  private final int[][] word = new int[OBJECTS][PAGES]; // 0: no page

  /** Makes a page that holds {@code value}, if there is none; returns whether it did. */
  public boolean insert(int object, int page, int value) {
    if (word[object][page] != NONE) {
      return false;
    }
    word[object][page] = value;
    return true;
  }

  /** Returns what the page holds, 0 if there is none. */
  public int lookup(int object, int page) {
    return word[object][page];
  }

  /** Frees the page and returns what it held, 0 if there is none. */
  public int remove(int object, int page) {
    int value = word[object][page];
    word[object][page] = NONE;
    return value;
  }

  /** Moves a page to the other object, if there is one and its place there is free; returns whether it did. */
  public boolean rename(int object, int page) {
    int other = 1 - object;
    if (word[object][page] == NONE || word[other][page] != NONE) {
      return false;
    }
    word[other][page] = word[object][page];
    word[object][page] = NONE;
    return true;
  }
}
