package dev.faultline.lin.spec;

/**
 * Two places for address spaces of one page each, copies of each other: what one writes the other does not see, however
 * the objects behind them are chained and collapsed.
 *
 * @see "vm-semantics 3.3 collapse, 3.4 fork"
 */
public class FamilySpec {
  /** There is no such space. */
  public static final long NONE = -1;

  private final long[] word = {0, NONE};

  /** Reads a space's word. */
  public long read(int space) {
    return word[space];
  }

  /** Writes a space's word and returns it. */
  public long write(int space, long value) {
    if (word[space] == NONE) {
      return NONE;
    }
    word[space] = value;
    return value;
  }

  /** Makes the other space a copy of this one; returns whether there was this one and not the other. */
  public boolean fork(int space) {
    if (word[space] == NONE || word[1 - space] != NONE) {
      return false;
    }
    word[1 - space] = word[space];
    return true;
  }

  /** Ends a space, if the other lives; returns whether it did. */
  public boolean exit(int space) {
    if (word[space] == NONE || word[1 - space] == NONE) {
      return false;
    }
    word[space] = NONE;
    return true;
  }

  /** Tries to collapse what is behind a space; nobody can tell. */
  public void collapse(int space) {}
}
