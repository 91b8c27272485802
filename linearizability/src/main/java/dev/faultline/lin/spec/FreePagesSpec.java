package dev.faultline.lin.spec;

/**
 * Allocation of page frames by class, with no page on the cache queue.
 *
 * @see "vm-semantics 1.3, 3.2: vm_page_alloc, vm_page_free; I-7"
 */
public class FreePagesSpec {
  /** Frames that are free at the beginning. */
  public static final int FREE = 5;

  /** NORMAL takes none below this. */
  public static final int RESERVED = 4;

  /** SYSTEM takes none below this. */
  public static final int INTERRUPT_MIN = 1;

  private static final int OBJECTS = 2;
  private static final int PAGES = 2;

  private final boolean[][] resident = new boolean[OBJECTS][PAGES];
  private int free = FREE;

  /** What an allocation came to. */
  public enum Answer {
    /** A page is there already. */
    RESIDENT,
    /** No frame for this class. */
    REFUSED,
    /** A frame was taken. */
    TAKEN
  }

  /** Allocates a page of an object for ordinary use. */
  public Answer allocate(int object, int page) {
    return take(object, page, free >= RESERVED);
  }

  /** Allocates a page of an object for the system itself. */
  public Answer allocateForSystem(int object, int page) {
    return take(object, page, free >= INTERRUPT_MIN);
  }

  private Answer take(int object, int page, boolean allowed) {
    if (resident[object][page]) {
      return Answer.RESIDENT;
    }
    if (!allowed || free == 0) {
      return Answer.REFUSED;
    }
    resident[object][page] = true;
    free--;
    return Answer.TAKEN;
  }

  /** Frees a page, if it is there; returns whether it was. */
  public boolean free(int object, int page) {
    boolean was = resident[object][page];
    if (was) {
      resident[object][page] = false;
      free++;
    }
    return was;
  }

  /** Returns the gauge. */
  public int freeCount() {
    return free;
  }
}
