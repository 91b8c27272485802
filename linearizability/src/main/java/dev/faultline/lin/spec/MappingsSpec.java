package dev.faultline.lin.spec;

/**
 * The translations of two address spaces and two pages, seen from both sides.
 *
 * @see "vm-semantics 3.9: pmap_enter, pmap_remove, pmap_protect, page_protect; I-32"
 */
public class MappingsSpec {
  /** {@link #mapping}: nothing there. */
  public static final int NONE = -1;

  private static final int SPACES = 2;
  private static final int ADDRESSES = 2;

  private final int[][] at = new int[SPACES][ADDRESSES]; // NONE, or 2 * page + (writable ? 1 : 0)

  /** Starts with no mapping. */
  public MappingsSpec() {
    for (int[] space : at) {
      java.util.Arrays.fill(space, NONE);
    }
  }

  /** Maps a page, whatever was there. */
  public void enter(int space, int address, int page, boolean write) {
    at[space][address] = 2 * page + (write ? 1 : 0);
  }

  /** Takes a mapping away. */
  public void remove(int space, int address) {
    at[space][address] = NONE;
  }

  /** Takes all mappings of a page away. */
  public void removePage(int page) {
    for (int[] space : at) {
      for (int a = 0; a < ADDRESSES; a++) {
        if (space[a] >> 1 == page && space[a] != NONE) {
          space[a] = NONE;
        }
      }
    }
  }

  /** Makes all mappings of a page read-only. */
  public void writeProtectPage(int page) {
    for (int[] space : at) {
      for (int a = 0; a < ADDRESSES; a++) {
        if (space[a] >> 1 == page && space[a] != NONE) {
          space[a] &= ~1;
        }
      }
    }
  }

  /** Makes a mapping read-only, if there is one. */
  public void writeProtect(int space, int address) {
    if (at[space][address] != NONE) {
      at[space][address] &= ~1;
    }
  }

  /** Returns twice the page's number, plus one if it may be written; or {@link #NONE}. */
  public int mapping(int space, int address) {
    return at[space][address];
  }
}
