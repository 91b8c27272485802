package dev.faultline.hw;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * One processor's MMU: its TLB, the table that it has loaded, and the walk. All of it under T(cpu), which is this
 * object's lock.
 *
 * @see Cpu
 */
abstract class Mmu extends TlbLock {
  /*
   * Implementation overview
   *
   * TLB           Direct mapped, two longs an entry: ~(page number), so that zero is no page; and the frame's first
   *               word index with the two flags above it. A load that hits reads both without T and may read them
   *               torn (one old, one new): both old and new values name words of this machine, and the second reading
   *               of T rejects the result.
   * Invariant     I-36: an entry is a subset of its PTE, but for the time between a PTE change and the end of its
   *               shoot. An entry of the table that is loaded, as every switch to another table purges.
   * Rules         HW1 walk; HW2, HW3, HW4 in translate; HW6 speculate; HW7 sloppyDirty; HW9 load. HW5 is what purges
   *               are for, HW8 is PageTable.Leaf.
   * Departures    A user access through a PTE without U is a PROTECTION fault; vm-semantics 6.2 does not say.
   */
  static final int NO_TRAP = 0;
  static final int TRAP_NOT_PRESENT = 1;
  static final int TRAP_PROTECTION = 2;

  /** Entry flag: stores are allowed. */
  static final long WRITABLE = 1L << 62;

  /** Entry flag: M was set in the PTE when the entry was filled or since (HW2). */
  static final long MODIFIED_SEEN = 1L << 63;

  /** A store through an entry with both flags needs no look at the PTE. */
  static final long STORE_READY = WRITABLE | MODIFIED_SEEN;

  private static final int FOLD = 8; // page number bits that are folded onto the slot number, to spread regions
  private static final int SPECULATIVE_LOADS = 2; // HW6, at each occasion

  final long[] tlb; // (T) to write; loads that validate read it
  final int pageShift; // (C)
  private final int tlbMask; // (C) of a doubled slot number
  private final int wordShift; // (C)
  private final PhysicalMemory memory; // (C)
  private final boolean sloppyDirty; // (C)
  private final boolean spurious; // (C)
  private final boolean keepTlb; // (C)
  private final long[] stamps; // (T) the frame's stamp when the entry was filled; empty when off
  private final @Nullable SplittableRandom random; // (T) null without HW6

  @Nullable StaleAccessListener staleListener; // set at quiescence
  @Nullable HardwareObserver hardware; // set before anything runs
  private final int cpu; // (C)
  private volatile @Nullable PageTable table; // (T) to write
  private boolean filled; // (T) whether any entry may have been filled since the last whole purge
  private long speculateNear; // (T) where HW6 looks
  int trap; // the own strand's
  long misses; // (T)
  long purges; // (T)

  Mmu(int cpu, MachineConfig config, PhysicalMemory memory) {
    MmuOptions options = config.mmu();
    this.cpu = cpu;
    this.memory = memory;
    pageShift = config.pageShift();
    wordShift = memory.wordShift();
    tlb = new long[2 * config.tlbEntries()];
    tlbMask = 2 * (config.tlbEntries() - 1);
    stamps = new long[config.stamps() ? config.tlbEntries() : 0];
    sloppyDirty = options.sloppyDirty();
    spurious = options.spurious();
    keepTlb = options.keepTlb();
    random = options.speculate() ? new SplittableRandom(config.seedFor(cpu)) : null;
  }

  /** Returns the place in {@link #tlb} of a page's entry, whether or not it is there. */
  final int slot(long page) {
    return (int) ((page ^ (page >>> FOLD)) << 1) & tlbMask;
  }

  /** Returns the frame that an entry names. */
  final int frame(int slot) {
    return (int) tlb[slot + 1] >>> wordShift;
  }

  final @Nullable PageTable table() {
    return table;
  }

  /** Returns whether T must be held to learn whether an access is stale. */
  final boolean stamped() {
    return stamps.length != 0;
  }

  /**
   * Translates an address for one access of the own strand, which holds T.
   *
   * @return the entry's slot, or -1 with {@link #trap} set and no entry left for the address (HW4)
   */
  final int translate(long va, boolean write) {
    int slot = entryFor(va, write);
    if (slot >= 0) {
      memory.touch(frame(slot), write);
    }
    return slot;
  }

  private int entryFor(long va, boolean write) {
    long page = va >>> pageShift;
    int slot = slot(page);
    if (tlb[slot] == ~page) {
      long entry = tlb[slot + 1];
      if (!write || (entry & STORE_READY) == STORE_READY) { // HW2
        if (stamps.length != 0) {
          checkStamp(va, slot, write);
        }
        return slot;
      }
      if ((entry & WRITABLE) != 0) {
        if (setModified(va, slot)) {
          if (stamps.length != 0) {
            checkStamp(va, slot, true);
          }
          return slot;
        }
      } else if (spurious) { // HW4
        tlb[slot] = 0;
        trap = TRAP_PROTECTION;
        return -1;
      }
      tlb[slot] = 0;
    }
    return walk(va, slot, write);
  }

  /** HW3, HW7: sets M for the first store through an entry; false if the entry no longer holds. */
  private boolean setModified(long va, int slot) {
    PageTable t = table;
    PageTable.Leaf leaf = t == null ? null : t.leaf(va);
    if (t == null || leaf == null) {
      return false;
    }
    int i = t.index(va);
    if (sloppyDirty) {
      leaf.getAndBitwiseOr(i, Pte.M);
      tlb[slot + 1] |= MODIFIED_SEEN;
      return true;
    }
    while (true) {
      long pte = leaf.get(i);
      if ((pte & (Pte.V | Pte.W | Pte.U)) != (Pte.V | Pte.W | Pte.U) || Pte.frame(pte) != frame(slot)) {
        return false;
      }
      if (leaf.cas(i, pte, pte | Pte.M)) {
        tlb[slot + 1] |= MODIFIED_SEEN;
        marked(va, pte, pte | Pte.M);
        return true;
      }
    }
  }

  /** HW1. The slot holds no entry for the address. */
  private int walk(long va, int slot, boolean write) {
    misses++;
    speculateNear = va;
    PageTable t = table;
    while (t != null) {
      PageTable.Leaf leaf = t.leaf(va);
      if (leaf == null) {
        break;
      }
      int i = t.index(va);
      long pte = leaf.get(i);
      if ((pte & Pte.V) == 0) {
        break;
      }
      if ((pte & Pte.U) == 0 || (write && (pte & Pte.W) == 0)) {
        trap = TRAP_PROTECTION;
        return -1;
      }
      long used = pte | (write ? Pte.R | Pte.M : Pte.R);
      if (used == pte || leaf.cas(i, pte, used)) {
        fill(va, slot, used);
        marked(va, pte, used);
        return slot;
      }
    }
    trap = TRAP_NOT_PRESENT;
    return -1;
  }

  /** Tells of R or M that this processor has set. */
  private void marked(long va, long before, long now) {
    HardwareObserver observer = hardware;
    if (observer != null && before != now) {
      observer.marked((Cpu) this, va, now);
    }
  }

  private void fill(long va, int slot, long pte) {
    int frame = Pte.frame(pte);
    if (!memory.exists(frame)) {
      throw new IllegalStateException(
          "entry of 0x" + Long.toHexString(va) + " names no frame of this machine: " + Pte.toString(pte));
    }
    long entry = (long) frame << wordShift;
    if ((pte & Pte.W) != 0) {
      entry |= WRITABLE;
    }
    if ((pte & Pte.M) != 0) {
      entry |= MODIFIED_SEEN;
    }
    if (stamps.length != 0) {
      stamps[slot >>> 1] = memory.stamp(frame);
    }
    tlb[slot + 1] = entry;
    tlb[slot] = ~(va >>> pageShift);
    filled = true;
  }

  /** I-42. */
  private void checkStamp(long va, int slot, boolean write) {
    int frame = frame(slot);
    long now = memory.stamp(frame);
    StaleAccessListener listener = staleListener;
    if (now != stamps[slot >>> 1] && listener != null) {
      listener.staleAccess((Cpu) this, va, frame, write, stamps[slot >>> 1], now);
    }
  }

  /** HW6: loads entries near the last miss, if speculation is on. T is held and no translation is in use. */
  final void speculate() {
    SplittableRandom r = random;
    PageTable t = table;
    if (r == null || t == null) {
      return;
    }
    for (int n = 0; n < SPECULATIVE_LOADS; n++) {
      long va = (speculateNear & -t.leafSpan()) + (r.nextLong(t.leafSpan()) & (-1L << pageShift));
      speculate(t, va);
    }
  }

  /** HW6: loads one entry if there is a valid one. T is held and no translation is in use. */
  @CanIgnoreReturnValue
  final boolean speculate(PageTable t, long va) {
    PageTable.Leaf leaf = t.leaf(va);
    if (leaf == null) {
      return false;
    }
    int i = t.index(va);
    long pte = leaf.get(i);
    if ((pte & (Pte.V | Pte.U)) != (Pte.V | Pte.U) || !leaf.cas(i, pte, pte | Pte.R)) {
      return false;
    }
    fill(va, slot(va >>> pageShift), pte | Pte.R);
    return true;
  }

  /** HW9, with T held: joins the new table's set, loads the table, purges, then leaves the old one's set. */
  final void load(@Nullable PageTable to) {
    PageTable from = table;
    if (to == from && keepTlb) {
      return;
    }
    if (to != null) {
      to.activate(cpu);
    }
    table = to;
    purgeAll();
    if (from != null && from != to) {
      from.deactivate(cpu);
    }
  }

  /** Drops the entries of a range of one table. T is held. */
  final void purge(PageTable of, long start, long end) {
    if (of != table && !of.everywhere()) {
      return; // the set named this processor, but it has switched, and purged, since
    }
    long first = start >>> pageShift;
    long last = (end - 1) >>> pageShift;
    if (last - first >= tlb.length >>> 1) {
      purgeAll();
      return;
    }
    purges++;
    for (long page = first; page <= last; page++) {
      int slot = slot(page);
      if (tlb[slot] == ~page) {
        tlb[slot] = 0;
      }
    }
  }

  final void purgeAll() {
    purges++;
    if (filled) {
      filled = false;
      Arrays.fill(tlb, 0);
    }
  }

  /** Shows every entry. T is held. */
  final void visit(TlbVisitor visitor) {
    for (int slot = 0; slot < tlb.length; slot += 2) {
      if (tlb[slot] != 0) {
        long entry = tlb[slot + 1];
        visitor.entry(
            ~tlb[slot] << pageShift, frame(slot), (entry & WRITABLE) != 0, (entry & MODIFIED_SEEN) != 0);
      }
    }
  }

  /** I-36: returns what is wrong with an entry, or null. T is held, and P and PV of what it may map. */
  final @Nullable String wrongEntry() {
    String wrong = null;
    for (int slot = 0; slot < tlb.length && wrong == null; slot += 2) {
      wrong = tlb[slot] == 0 ? null : wrongSlot(slot);
    }
    return wrong;
  }

  /** The same of the entry of one page, if there is one and it maps that frame. */
  final @Nullable String wrongEntry(long va, int frame) {
    for (int slot = 0; slot < tlb.length; slot += 2) {
      if (tlb[slot] != 0 && ~tlb[slot] << pageShift == va && frame(slot) == frame) {
        return wrongSlot(slot);
      }
    }
    return null;
  }

  private @Nullable String wrongSlot(int slot) {
    PageTable t = table;
    long va = ~tlb[slot] << pageShift;
    long entry = tlb[slot + 1];
    PageTable.Leaf leaf = t == null ? null : t.leaf(va);
    long pte = t == null || leaf == null ? 0 : leaf.get(t.index(va));
    long needed = Pte.V;
    needed |= (entry & WRITABLE) != 0 ? Pte.W : 0;
    needed |= (entry & MODIFIED_SEEN) != 0 ? Pte.M : 0;
    if ((pte & needed) == needed && Pte.frame(pte) == frame(slot)) {
      return null;
    }
    return "I-36 cpu " + cpu + " TLB entry 0x" + Long.toHexString(va) + " -> frame " + frame(slot)
        + ((entry & WRITABLE) != 0 ? " W" : "") + ((entry & MODIFIED_SEEN) != 0 ? " Mseen" : "")
        + " but PTE is " + Pte.toString(pte) + " in " + t;
  }
}
