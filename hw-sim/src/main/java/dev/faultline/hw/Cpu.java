package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Subject;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A processor, as user code sees it: loads, stores and adds through the MMU, one 64-bit word each, at addresses that
 * are multiples of 8.
 *
 * <p>At most one strand at a time makes accesses and switches on a processor: the one that holds it, by the kernel's
 * rules. An access that faults does nothing but set {@link #trap}; its value is then meaningless. The holder tests
 * for a trap after each access, clears it, has the kernel mend the fault, and makes the access again. Purges and
 * inspection come from anybody, at any time.
 *
 * @see "vm-semantics 6.1, 6.2"
 */
public final class Cpu extends Mmu implements Subject {
  /*
   * Implementation overview
   *
   * Access        One indivisible step under T(cpu), see TlbLock. A load that hits takes nothing and validates; load
   *               and sumWords have that path written out, as their cost is the model's speed. Stores, adds and
   *               misses take T by CAS.
   * exact         With a content oracle, with identity stamps, and where an engine chooses the schedule, loads take T
   *               too and announce themselves: one flag, tested first, keeps all of that off the fast path.
   * Schedule      One point before an access, none inside: it is one step. Under an engine nobody therefore ever
   *               waits for T.
   */
  /** {@link #trap}: the last accesses went through. */
  public static final int NONE = NO_TRAP;

  /** {@link #trap}: no valid entry, or no such address. */
  public static final int NOT_PRESENT = TRAP_NOT_PRESENT;

  /** {@link #trap}: the entry does not allow it (also: no longer, or not yet: HW4). */
  public static final int PROTECTION = TRAP_PROTECTION;

  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  /** What runs on this processor, to the kernel. Owned by the strand that holds the processor. */
  public @Nullable Object context;

  private final long subjectName = Strand.nameOfNew(); // (C)
  private final int id; // (C)
  private final long[] words; // (C) physical memory
  private final int pageMask; // (C)
  private final boolean controlled; // (C)
  private final PhysicalMemory memory; // (C)
  private boolean exact; // changes at quiescence only
  private @Nullable AccessObserver observer; // changes at quiescence only
  private @Nullable Strand runner; // (T) who switched last, to tell remote purges from local ones
  private long sum; // the own strand's
  private long shootsReceived; // (T)
  private long remoteShoots; // (T)

  Cpu(int id, MachineConfig config, PhysicalMemory memory, boolean controlled) {
    super(id, config, memory);
    this.id = id;
    this.memory = memory;
    this.words = memory.words;
    this.pageMask = config.pageSize() - 1;
    this.controlled = controlled;
    this.exact = controlled || stamped();
  }

  @Override
  public long subjectName() {
    return subjectName;
  }

  /** Returns the processor's number. */
  public int id() {
    return id;
  }

  /** Returns the table that is loaded, or null. The holder's own answer is exact; anybody else's may be old. */
  public @Nullable PageTable current() {
    return table();
  }

  /**
   * Loads a table (HW9), or none, for an idle processor. Afterwards no translation of the old table is left and the
   * processor is out of its active set. Never sleeps.
   */
  public void switchTo(@Nullable PageTable to) {
    Strand me = Strand.currentOrNull();
    announce(StepKind.CPU);
    long word = takeOwn();
    runner = me;
    load(to);
    speculate();
    giveOwn(word);
  }

  /**
   * Takes a processor that nobody runs on off a table, if it is loaded there: what a table's releaser does, so that
   * its active set empties. May be called by anybody. Never sleeps.
   *
   * @return whether it was loaded
   */
  public boolean switchOff(PageTable from) {
    announce(StepKind.CPU);
    long word = takeStranger();
    boolean was = table() == from;
    if (was) {
      load(null);
    }
    giveStranger(word);
    return was;
  }

  /** Loads the word at {@code va}. */
  public long load(long va) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    if (!exact) {
      long word = read();
      long page = va >>> pageShift;
      int slot = slot(page);
      if (tlb[slot] == ~page && free(word)) {
        long datum = (long) WORDS.getOpaque(words, index(tlb[slot + 1], va));
        if (unchanged(word)) {
          return datum;
        }
      }
    }
    return loadLocked(va);
  }

  /** Stores a word at {@code va}. */
  public void store(long va, long value) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    if (exact) {
      announce(StepKind.ACCESS);
    }
    long word = takeOwn();
    long page = va >>> pageShift;
    int slot = slot(page);
    long entry = tlb[slot + 1];
    if (tlb[slot] == ~page && (entry & STORE_READY) == STORE_READY && !exact) {
      WORDS.setOpaque(words, index(entry, va), value);
      giveOwn(word);
      return;
    }
    storeHolding(word, va, value);
  }

  /**
   * Stores some bytes of the word at {@code va}, in one step; the others stay as they are, whoever stores to them.
   *
   * @param mask the bits that are stored
   */
  public void storeBytes(long va, long value, long mask) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    if (exact) {
      announce(StepKind.ACCESS);
    }
    long word = takeOwn();
    try {
      int slot = translate(va, true);
      if (slot < 0) {
        return;
      }
      AccessObserver o = observer;
      if (o != null) {
        o.storeBytes(this, va, frame(slot), wordOf(va), value, mask);
      } else {
        memory.merge(frame(slot), wordOf(va), value, mask);
      }
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  /** Adds to the word at {@code va} atomically and returns what it was. */
  public long getAndAdd(long va, long delta) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    if (exact) {
      announce(StepKind.ACCESS);
    }
    long word = takeOwn();
    try {
      int slot = translate(va, true);
      if (slot < 0) {
        return 0;
      }
      AccessObserver o = observer;
      if (o != null) {
        return o.getAndAdd(this, va, frame(slot), wordOf(va), delta);
      }
      return (long) WORDS.getAndAdd(words, index(tlb[slot + 1], va), delta);
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  /**
   * Stores {@code first}, {@code first + 1} and so on in consecutive words, as one run that no purge interrupts.
   *
   * @param count words to store; the run ends with the page at the latest
   * @return words stored; 0 if it trapped
   */
  public int fill(long va, int count, long first) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    if (exact) {
      announce(StepKind.ACCESS);
    }
    int n = run(va, count);
    long word = takeOwn();
    try {
      int slot = n == 0 ? -1 : translate(va, true);
      if (slot < 0) {
        return 0;
      }
      AccessObserver o = observer;
      if (o != null) {
        for (int i = 0; i < n; i++) {
          o.store(this, va + 8L * i, frame(slot), wordOf(va) + i, first + i);
        }
        return n;
      }
      int at = index(tlb[slot + 1], va);
      for (int i = 0; i < n; i++) {
        WORDS.setOpaque(words, at + i, first + i);
      }
      return n;
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  /**
   * Adds up consecutive words, as one run that no purge interrupts; the sum, which wraps, is then {@link #sum}.
   *
   * @param count words to load; the run ends with the page at the latest
   * @return words loaded; 0 if it trapped
   */
  public int sumWords(long va, int count) {
    assert (va & 7) == 0 : "misaligned address 0x" + Long.toHexString(va);
    int n = run(va, count);
    if (!exact) {
      long word = read();
      long page = va >>> pageShift;
      int slot = slot(page);
      if (tlb[slot] == ~page && free(word)) {
        sum = sumOf(index(tlb[slot + 1], va), n);
        if (unchanged(word)) {
          return n;
        }
      }
    }
    return sumLocked(va, n);
  }

  /** Returns the sum made by the last {@link #sumWords}. */
  public long sum() {
    return sum;
  }

  private long loadLocked(long va) {
    announce(StepKind.ACCESS);
    long word = takeOwn();
    try {
      int slot = translate(va, false);
      if (slot < 0) {
        return 0;
      }
      AccessObserver o = observer;
      if (o != null) {
        return o.load(this, va, frame(slot), wordOf(va));
      }
      return (long) WORDS.getOpaque(words, index(tlb[slot + 1], va));
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  private void storeHolding(long word, long va, long value) {
    try {
      int slot = translate(va, true);
      if (slot < 0) {
        return;
      }
      AccessObserver o = observer;
      if (o != null) {
        o.store(this, va, frame(slot), wordOf(va), value);
      } else {
        WORDS.setOpaque(words, index(tlb[slot + 1], va), value);
      }
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  private int sumLocked(long va, int n) {
    announce(StepKind.ACCESS);
    long word = takeOwn();
    try {
      sum = 0;
      int slot = n == 0 ? -1 : translate(va, false);
      if (slot < 0) {
        return 0;
      }
      AccessObserver o = observer;
      if (o != null) {
        for (int i = 0; i < n; i++) {
          sum += o.load(this, va + 8L * i, frame(slot), wordOf(va) + i);
        }
      } else {
        sum = sumOf(index(tlb[slot + 1], va), n);
      }
      return n;
    } finally {
      speculate();
      giveOwn(word);
    }
  }

  private long sumOf(int at, int n) {
    long s = 0;
    for (int i = 0; i < n; i++) {
      s += (long) WORDS.getOpaque(words, at + i);
    }
    return s;
  }

  private int run(long va, int count) {
    return Math.min(count, (pageMask + 1 - ((int) va & pageMask)) >>> 3);
  }

  private int wordOf(long va) {
    return ((int) va & pageMask) >>> 3;
  }

  /** Returns where in physical memory an entry leads an address. */
  private int index(long entry, long va) {
    return (int) entry + wordOf(va);
  }

  /**
   * Returns what became of the accesses since {@link #clearTrap}: {@link #NONE}, or the last fault. Only the holder
   * asks.
   */
  public int trap() {
    return trap;
  }

  /** Forgets the last fault. */
  public void clearTrap() {
    trap = NONE;
  }

  /** Sets who makes the accesses from now on (null: the processor itself). Nobody may be running on the processor. */
  public void observer(@Nullable AccessObserver o) {
    observer = o;
    exact = controlled || stamped() || o != null;
  }

  void staleAccessListener(@Nullable StaleAccessListener listener) {
    staleListener = listener;
  }

  /** Step 3 of a shootdown, on this processor: purges a range of a table. Called by anybody, for {@code initiator}. */
  void shoot(PageTable of, long start, long end, @Nullable Strand initiator) {
    long word = takeStranger();
    shootsReceived++;
    if (initiator != runner) {
      remoteShoots++;
    }
    purge(of, start, end);
    speculate();
    giveStranger(word);
  }

  /** Step 3 of several shootdowns at once, on this processor: purges everything. */
  void shootAll(int shoots) {
    long word = takeStranger();
    shootsReceived += shoots;
    remoteShoots += shoots;
    purgeAll();
    speculate();
    giveStranger(word);
  }

  /**
   * Loads the entry for {@code va} into the TLB as hardware may at any time (HW6), whatever the options say. Called
   * by anybody but the strand that runs here; for tests and engines.
   *
   * @return whether there was a valid one
   */
  public boolean speculateFrom(long va) {
    announce(StepKind.ACCESS);
    long word = takeStranger();
    PageTable t = table();
    boolean loaded = t != null && speculate(t, va);
    giveStranger(word);
    return loaded;
  }

  /** Shows the TLB's entries, under T. Called by anybody; the visitor must not block nor access through a processor. */
  public void visitTlb(TlbVisitor visitor) {
    long word = takeStranger();
    try {
      visit(visitor);
    } finally {
      giveStranger(word);
    }
  }

  /**
   * Checks that each TLB entry is a subset of its page table entry (I-36). Exact only with P and PV of what is mapped
   * held, or at quiescence.
   *
   * @return a message that begins with the invariant's number, or null if all is well
   */
  public @Nullable String checkTlb() {
    long word = takeStranger();
    try {
      return wrongEntry();
    } finally {
      giveStranger(word);
    }
  }

  /**
   * Checks the TLB entry of one page, if there is one and it maps that frame, as {@link #checkTlb()} does. Exact with P
   * and PV of the frame held.
   */
  public @Nullable String checkTlb(long va, int frame) {
    long word = takeStranger();
    try {
      return wrongEntry(va, frame);
    } finally {
      giveStranger(word);
    }
  }

  /** Returns the walks of the page table made so far. Racy. */
  public long tlbMisses() {
    return misses;
  }

  /** Returns the purges made so far, of a range or of everything, switches included. Racy. */
  public long purges() {
    return purges;
  }

  /** Returns the shootdowns that reached this processor so far. Racy. */
  public long shootsReceived() {
    return shootsReceived;
  }

  /** Returns the shootdowns that reached this processor from a strand not running on it. Racy. */
  long remoteShoots() {
    return remoteShoots;
  }

  private void announce(StepKind kind) {
    if (controlled) {
      Strand.current().point(kind, this);
    }
  }

  @Override
  public String toString() {
    return "cpu " + id + " " + table() + " memory=" + memory + " trap=" + trap;
  }
}
