package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Subject;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The hardware's page table of one address space of {@value #VA_BITS} bits, and the set of processors that may hold
 * translations from it.
 *
 * <p>Anybody may walk it at any time without a lock. Who adds or unlinks leaves must be serialised by the caller (the
 * kernel's pmap lock); words of a leaf change atomically.
 */
public final class PageTable {
  /*
   * Implementation overview
   *
   * What it is    A radix tree over page numbers: directories of 64, leaves of 64 entries. The tree is only as high
   *               as the highest address in use requires; it grows at the root, by a new root whose first slot is the
   *               old one, and never shrinks there. A small world's table is one directory and one leaf; a 48-bit one
   *               of 4096-byte pages has five levels of directories.
   * Guards        root, directory slots and used: written under the kernel's P(pmap), slots and root read by volatile
   *               loads by anyone. A reader with an old root finds the old tree, which is still a part of the new: it
   *               misses only leaves that were added after it looked. A reader in an unlinked leaf finds zeros.
   * Words         Each change and each read of a word, of a slot and of the active set is volatile: HW9's two sides
   *               (processor: joins the set, then walks; initiator: changes the word, then reads the set) must not
   *               both miss.
   * Departures    Nodes take no frames and are not themselves pageable (vm-semantics 2.4).
   */
  /** Bits of a virtual address. */
  public static final int VA_BITS = 48;

  private static final int LEAF_BITS = 6;
  private static final int LEAF_ENTRIES = 1 << LEAF_BITS;
  private static final int DIR_BITS = 6;
  private static final int DIR_ENTRIES = 1 << DIR_BITS;

  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final VarHandle ACTIVE;

  static {
    try {
      ACTIVE = MethodHandles.lookup().findVarHandle(PageTable.class, "active", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** The kernel's structure for this address space. Set once, by its creator. */
  public @Nullable Object context;

  private final int id; // (C)
  private final int pageShift; // (C)
  private final int leafShift; // (C) address bits that one leaf covers
  private final long everyCpu; // (C) all processors, for a table that counts as loaded everywhere; else 0
  private volatile @Nullable Dir root; // (P) to write
  private final long structureName = Strand.nameOfNew(); // (C) for engines: root and slots
  private final long activeName = Strand.nameOfNew(); // (C) for engines: the active set
  private volatile long active; // (A) bit c: processor c may hold translations

  private static final class Dir {
    final int shift; // address bits below this directory's index
    final @Nullable Object[] slots = new @Nullable Object[DIR_ENTRIES]; // (P) to write; Dir or Leaf
    int used; // (P) slots that are not null

    Dir(int shift) {
      this.shift = shift;
    }

    @Nullable Object slot(long va) {
      return SLOT.getVolatile(slots, index(va));
    }

    void set(long va, @Nullable Object child) {
      used += child == null ? -1 : 1;
      SLOT.setVolatile(slots, index(va), child);
    }

    int index(long va) {
      return (int) (va >>> shift) & (DIR_ENTRIES - 1);
    }

    /** Whether an address lies below this directory, were it the root. */
    boolean covers(long va) {
      return va >>> shift < DIR_ENTRIES;
    }
  }

  /**
   * Creates an empty table.
   *
   * @param id for messages
   */
  public PageTable(int id, MachineConfig config) {
    this(id, config, false);
  }

  /**
   * Creates an empty table.
   *
   * @param everywhere whether every processor counts as active in it at all times, as in a kernel's table
   */
  public PageTable(int id, MachineConfig config, boolean everywhere) {
    this.id = id;
    this.pageShift = config.pageShift();
    this.leafShift = pageShift + LEAF_BITS;
    this.everyCpu = everywhere ? -1L >>> (64 - config.cpus()) : 0;
  }

  /** Tells an engine, if there is one, what the present step is about. */
  private static void touch(long name, boolean change) {
    if (name != 0) {
      Strand.tell(name, change);
    }
  }

  /** Returns the number given at creation. */
  public int id() {
    return id;
  }

  /** Returns whether every processor counts as active in it. */
  public boolean everywhere() {
    return everyCpu != 0;
  }

  /** Returns the bytes of address space that one leaf covers. */
  public long leafSpan() {
    return 1L << leafShift;
  }

  /** Returns the place of {@code va}'s entry in its leaf. */
  public int index(long va) {
    return (int) (va >>> pageShift) & (LEAF_ENTRIES - 1);
  }

  /**
   * Returns the leaf that holds {@code va}'s entry, or null if there is none, also for an address of more than 48
   * bits.
   */
  public @Nullable Leaf leaf(long va) {
    touch(structureName, false);
    Dir d = root;
    if (d == null || !d.covers(va)) {
      return null;
    }
    while (true) {
      Object child = d.slot(va);
      if (!(child instanceof Dir)) {
        return (Leaf) child;
      }
      d = (Dir) child;
    }
  }

  /**
   * Returns the leaf that holds {@code va}'s entry, making it if there is none. Caller holds the lock that serialises
   * structure changes.
   *
   * @throws IllegalArgumentException if {@code va} has more than 48 bits
   */
  public Leaf makeLeaf(long va) {
    if (va >>> VA_BITS != 0) {
      throw new IllegalArgumentException("address 0x" + Long.toHexString(va) + ": must be below 2^" + VA_BITS);
    }
    Dir d = rootCovering(va);
    while (true) {
      Object child = d.slot(va);
      if (child instanceof Leaf) {
        return (Leaf) child;
      }
      if (child == null) {
        if (d.shift == leafShift) {
          Leaf leaf = new Leaf(id, va & -leafSpan());
          touch(structureName, true);
          d.set(va, leaf);
          return leaf;
        }
        child = new Dir(d.shift - DIR_BITS);
        d.set(va, child);
      }
      d = (Dir) child;
    }
  }

  private Dir rootCovering(long va) {
    Dir d = root;
    if (d == null) {
      d = new Dir(leafShift);
    }
    while (!d.covers(va)) {
      Dir higher = new Dir(d.shift + DIR_BITS);
      if (d.used > 0) {
        higher.set(0, d);
      }
      d = higher;
    }
    if (d != root) {
      root = d;
    }
    return d;
  }

  /**
   * Returns the smallest address, from {@code va} up, that some leaf covers.
   *
   * @return at most {@code end}, which means none; {@code va} itself if its own leaf exists
   */
  public long nextLeafAddress(long va, long end) {
    touch(structureName, false);
    Dir d = root;
    if (d == null || !d.covers(va)) {
      return end;
    }
    long next = next(d, va, end);
    return next < 0 ? end : Math.min(next, end);
  }

  /** Returns the smallest such address below {@code d}, or -1. */
  private static long next(Dir d, long from, long end) {
    long va = from;
    for (int i = d.index(va); i < DIR_ENTRIES && va < end; i++) {
      Object child = d.slot(va);
      if (child instanceof Leaf) {
        return va;
      }
      if (child != null) {
        long next = next((Dir) child, va, end);
        if (next >= 0) {
          return next;
        }
      }
      va = ((va >>> d.shift) + 1) << d.shift;
    }
    return -1;
  }

  /**
   * Unlinks the leaf of {@code va} if there is one and its count is 0. Caller holds the lock that serialises
   * structure changes.
   */
  public void unlinkIfEmpty(long va) {
    touch(structureName, true);
    Dir d = root;
    if (d != null && d.covers(va)) {
      unlink(d, va);
    }
  }

  private static void unlink(Dir d, long va) {
    Object child = d.slot(va);
    if (child instanceof Leaf) {
      if (((Leaf) child).count() == 0) {
        d.set(va, null);
      }
    } else if (child != null) {
      Dir lower = (Dir) child;
      unlink(lower, va);
      if (lower.used == 0) {
        d.set(va, null);
      }
    }
  }

  /** Adds a processor to the set of those that may hold translations (HW9). */
  public void activate(int cpu) {
    touch(activeName, true);
    ACTIVE.getAndBitwiseOr(this, 1L << cpu);
  }

  /** Takes a processor out of the set of those that may hold translations; it has purged before (HW9). */
  public void deactivate(int cpu) {
    touch(activeName, true);
    ACTIVE.getAndBitwiseAnd(this, ~(1L << cpu));
  }

  /**
   * Returns the processors that may hold translations, one bit each; all of the machine's for a table loaded
   * everywhere.
   */
  public long activeMask() {
    touch(activeName, false);
    return active | everyCpu;
  }

  @Override
  public String toString() {
    return "page table " + id + (everyCpu != 0 ? " (everywhere)" : "") + " active=0x" + Long.toHexString(activeMask());
  }

  /**
   * Sixty-four entries of a page table. Each word is read and changed atomically, by kernel and hardware alike (HW8),
   * except by {@link #plainSet}.
   */
  public static final class Leaf implements Subject {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle COUNT;
    private static final VarHandle ATTACHED;

    static {
      try {
        MethodHandles.Lookup l = MethodHandles.lookup();
        COUNT = l.findVarHandle(Leaf.class, "count", int.class);
        ATTACHED = l.findVarHandle(Leaf.class, "attached", Object[].class);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    private final long subjectName = Strand.nameOfNew(); // (C)
    private final int tableId; // (C)
    private final long base; // (C)
    private final long[] words = new long[LEAF_ENTRIES]; // (A)
    private volatile int count; // (A) kept by the kernel
    private volatile @Nullable Object @Nullable [] attached; // made on first use; an element: the kernel's PV(frame)

    Leaf(int tableId, long base) {
      this.tableId = tableId;
      this.base = base;
    }

    @Override
    public long subjectName() {
      return subjectName;
    }

    /** Returns the number of the table that this leaf belongs to. */
    public int tableId() {
      return tableId;
    }

    /** Returns the first address that this leaf covers. */
    public long baseAddress() {
      return base;
    }

    /** Returns a word (volatile). */
    public long get(int i) {
      touch(subjectName, false);
      return (long) WORD.getVolatile(words, i);
    }

    /** Sets a word if it is as expected (volatile). */
    public boolean cas(int i, long expected, long value) {
      touch(subjectName, true);
      return WORD.compareAndSet(words, i, expected, value);
    }

    /** Clears the bits of a word that are clear in {@code mask}, and returns what it was (volatile). */
    public long getAndBitwiseAnd(int i, long mask) {
      touch(subjectName, true);
      return (long) WORD.getAndBitwiseAnd(words, i, mask);
    }

    /** Sets bits of a word and returns what it was (volatile). */
    public long getAndBitwiseOr(int i, long bits) {
      touch(subjectName, true);
      return (long) WORD.getAndBitwiseOr(words, i, bits);
    }

    /** Sets a word and returns what it was (volatile). */
    public long getAndSet(int i, long value) {
      touch(subjectName, true);
      return (long) WORD.getAndSet(words, i, value);
    }

    /**
     * Sets a word by a plain store, which may undo what the hardware set since the caller read it. Only for a kernel
     * that re-enacts H-PTE-RMW.
     */
    public void plainSet(int i, long value) {
      touch(subjectName, true);
      words[i] = value;
    }

    /** Returns what the kernel attached to an entry. Guarded by the lock of the frame that the entry names. */
    public @Nullable Object attachment(int i) {
      @Nullable Object[] a = attached;
      return a == null ? null : a[i];
    }

    /** Attaches something of the kernel's to an entry. Guarded by the lock of the frame that the entry names. */
    public void attach(int i, @Nullable Object attachment) {
      @Nullable Object[] a = attached;
      if (a == null) {
        if (attachment == null) {
          return;
        }
        // Entries of one leaf have different guards, so two of their holders may be here at once.
        ATTACHED.compareAndSet(this, null, new Object[LEAF_ENTRIES]);
        a = attached;
        assert a != null;
      }
      a[i] = attachment;
    }

    /** Returns the number of words that the kernel counts as not zero. */
    public int count() {
      return count;
    }

    /** Counts a word that is about to become, or became, non-zero. */
    public int incrementCount() {
      return (int) COUNT.getAndAdd(this, 1) + 1;
    }

    /** Counts a word as zeroed; the caller's last touch of this leaf. */
    public int decrementCount() {
      int now = (int) COUNT.getAndAdd(this, -1) - 1;
      assert now >= 0 : "leaf count " + now + " at 0x" + Long.toHexString(base);
      return now;
    }

    @Override
    public String toString() {
      return "leaf 0x" + Long.toHexString(base) + " count=" + count;
    }
  }
}
