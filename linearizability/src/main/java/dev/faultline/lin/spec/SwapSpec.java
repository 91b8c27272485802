package dev.faultline.lin.spec;

/**
 * A swap area whose pages hold contents of two objects: a page is refused only when every page of swap holds something,
 * as pages that were set aside and hold nothing are taken back.
 *
 * @see "vm-semantics 3.6: putpages, reclaim, freespace; I-44, I-45"
 */
public class SwapSpec {
  /** Pages of swap. */
  public static final int SIZE = 16;

  /** Pages of each object that are in swap at the beginning. */
  public static final int FULL = 7;

  private static final int OBJECTS = 2;
  private static final int PAGES = 16;

  private final boolean[][] held = new boolean[OBJECTS][PAGES];
  private int used;

  /** Starts with the first pages of both objects in swap. */
  public SwapSpec() {
    for (int object = 0; object < OBJECTS; object++) {
      for (int page = 0; page < FULL; page++) {
        put(object, page);
      }
    }
  }

  /** Puts a page in swap; returns whether there was room. */
  public boolean put(int object, int page) {
    if (!held[object][page]) {
      if (used == SIZE) {
        return false;
      }
      held[object][page] = true;
      used++;
    }
    return true;
  }

  /** Takes a page out of swap. */
  public void free(int object, int page) {
    if (held[object][page]) {
      held[object][page] = false;
      used--;
    }
  }

  /** Returns whether a page is in swap. */
  public boolean holds(int object, int page) {
    return held[object][page];
  }
}
