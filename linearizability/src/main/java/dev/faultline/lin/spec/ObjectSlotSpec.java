package dev.faultline.lin.spec;

/**
 * A place that holds one object or none. Whoever uses the object keeps it, by a reference or by paging_in_progress;
 * once it has been dropped, nobody finds it any more, and its last user ends it.
 *
 * @see "vm-semantics 3.3: reference, deallocate, terminate; I-20, I-22, I-27"
 */
public class ObjectSlotSpec {
  /** There is no object. */
  public static final long NONE = -1;

  private long word = NONE;

  /** Puts a new object there, if there is none; returns whether it did. */
  public boolean make() {
    if (word != NONE) {
      return false;
    }
    word = 0;
    return true;
  }

  /** Adds to the object's word, holding a reference; returns the sum, or {@link #NONE}. */
  public long addHolding() {
    return word == NONE ? NONE : ++word;
  }

  /** Adds to the object's word, with paging in progress; returns the sum, or {@link #NONE}. */
  public long addPaging() {
    return word == NONE ? NONE : ++word;
  }

  /** Drops the object; returns whether there was one. */
  public boolean drop() {
    boolean was = word != NONE;
    word = NONE;
    return was;
  }
}
