package dev.faultline.vm.pmap;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The translations of one address space. Addresses are page aligned.
 *
 * <p>Nothing here sleeps. Every operation has finished its TLB work when it returns. Callers that take translations
 * away hold the map's lock for writing, those that add some at least for reading; page-based operations ({@link
 * PmapModule}) come in between at any time.
 *
 * @see "vm-semantics 2.4, 3.9, 5.7 (wiring), 6.2; pmap.c: pmap_enter, pmap_remove, pmap_protect, pmap_change_wiring,
 * pmap_release"
 */
public final class Pmap implements TraceSubject {
  /*
   * Implementation overview
   *
   * What it is    A hardware page table and two counts. The states of a word and the order of its changes: PmapModule.
   *               Here: one mapping. Removal and protection of ranges: PmapRanges.
   * Locks         P(this), rank 50: leaves appear and vanish, words become non-zero. Range operations hold it from
   *               their first change to the end of their harvest, so that at most one batch of a pmap is under way
   *               and enter never meets its half-removed words (it copes with them all the same). PV(frame) nests
   *               inside, one at a time. Q comes before P, and is taken by the few operations that end a Wired
   *               mapping; as which address has one can be known only with P or PV held, they look first, take Q and
   *               look again.
   * A leaf        counts its words that are not zero, and those that somebody has zeroed but not yet let go of. It is
   *               unlinked when a removal covers all of it; one that a removal covers in part is kept for the next
   *               mapping.
   * Counts        resident falls with V, wired with the word (or the bit), rise with both; exact when the pmap is
   *               quiet (I-39).
   * Departures    Mappings never disappear for want of page table memory, and the tables take no frames (2.4).
   *               enter never takes a Wired bit off: only unwire and removal do, as they hold Q for its unit (W1).
   */
  private static final VarHandle RESIDENT;
  private static final VarHandle WIRED;

  static {
    try {
      MethodHandles.Lookup l = MethodHandles.lookup();
      RESIDENT = l.findVarHandle(Pmap.class, "resident", int.class);
      WIRED = l.findVarHandle(Pmap.class, "wired", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final KMutex lock; // LockRank.PMAP
  final PmapModule module; // (C)
  final PvTable pvs; // (C)
  private final String name; // (C)
  final PageTable table; // (C)
  final long pageSize; // (C)
  private final long userBit; // (C) Pte.U in every pmap but the kernel's
  private volatile int resident; // (A) valid words
  private volatile int wired; // (A) words with the Wired bit

  Pmap(PmapModule module, String name, int id, boolean kernel) {
    this.module = module;
    this.pvs = module.pvs;
    this.name = name;
    this.pageSize = module.pageSize;
    this.userBit = kernel ? 0 : Pte.U;
    this.table = new PageTable(id, module.machine.config(), kernel);
    this.table.context = this;
    this.lock = new KMutex(module.domain, LockRank.PMAP, this);
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.PMAP;
  }

  @Override
  public long traceId() {
    return table.id();
  }

  /** Returns the number of this pmap, in order of creation; the kernel's is 0. */
  public int id() {
    return table.id();
  }

  /** Returns the table that processors load. */
  public PageTable table() {
    return table;
  }

  /** Returns the number of valid mappings (pm_stats.resident_count). Exact when the pmap is quiet. */
  public int residentCount() {
    return resident;
  }

  /** Returns the number of Wired mappings (pm_stats.wired_count). Exact when the pmap is quiet. */
  public int wiredCount() {
    return wired;
  }

  /** Returns whether a word maps anything, be it valid or half removed. */
  static boolean inUse(long word) {
    return (word & Pte.USED) != 0;
  }

  // ---------------------------------------------------------------------------------------------------------- enter

  /**
   * pmap_enter: maps a page at once. Where the page is mapped already its R, M and Wired bits stay and its rights
   * become {@code prot}; a mapping of another frame is removed first, a Wired one with its unit of wire_count (Q is
   * taken for that).
   *
   * <p>Caller holds the map's lock and owns the page busy, or otherwise keeps page-based operations off it; no Q or
   * higher mutex.
   *
   * @param prot what to allow, not nothing; WRITE implies READ
   * @param wired whether to set the Wired bit; false leaves one that is there
   * @return whether the Wired bit is new at this address: the caller then owes the page a unit of wire_count, before
   *     it lets go of it (W1, F16)
   */
  public boolean enter(long va, VmPage m, int prot, boolean wired) {
    assert (va & (pageSize - 1)) == 0 : "va 0x" + Long.toHexString(va);
    assert prot != VmProt.NONE;
    KThread t = KThread.current();
    pvs.reserve(t);
    while (true) {
      removeOtherWired(t, va, m.frame());
      lock.lock();
      try {
        PageTable.Leaf leaf = table.makeLeaf(va);
        int i = table.index(va);
        if (makeWay(t, leaf, i, va, m.frame())) {
          return enterLocked(t, leaf, i, va, m, prot, wired);
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Enters where nothing, or this frame, is mapped. Caller holds P. */
  private boolean enterLocked(
      KThread t, PageTable.Leaf leaf, int i, long va, VmPage m, int prot, boolean wire) {
    boolean write = (prot & VmProt.WRITE) != 0;
    long bits = Pte.USED | Pte.V | userBit | (write ? Pte.W : 0) | (wire ? Pte.WIRED : 0);
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      m.pvFlags |= write ? VmPage.PV_MAPPED | VmPage.PV_WRITEABLE : VmPage.PV_MAPPED; // before the word (R26)
      long old = leaf.get(i);
      if (!inUse(old)) {
        attach(t, leaf, i, va, m);
        leaf.incrementCount();
        RESIDENT.getAndAdd(this, 1);
        module.change(t, leaf, i, -1, Pte.make(m.frame(), bits));
      } else {
        old = module.change(t, leaf, i, write ? 0 : Pte.W, bits);
        if ((old & Pte.W) != 0 && !write) {
          module.shoot(this, va, va + pageSize);
        }
      }
      boolean newlyWired = wire && (old & Pte.WIRED) == 0;
      if (newlyWired) {
        WIRED.getAndAdd(this, 1);
      }
      return newlyWired;
    } finally {
      pv.unlock();
    }
  }

  private void attach(KThread t, PageTable.Leaf leaf, int i, long va, VmPage m) {
    PvEntry e = pvs.take(t);
    e.set(this, m, leaf, i, va);
    PvTable.link(e, m);
    leaf.attach(i, e);
  }

  /**
   * Removes a mapping of another frame, or a half-removed one. Caller holds P.
   *
   * @return false if it is Wired: its removal needs Q, which comes before P
   */
  private boolean makeWay(KThread t, PageTable.Leaf leaf, int i, long va, int frame) {
    long word = leaf.get(i);
    if (!inUse(word) || (Pte.frame(word) == frame && (word & Pte.V) != 0)) {
      return true;
    }
    KMutex pv = pvs.lock(Pte.frame(word));
    pv.lock();
    try {
      word = leaf.get(i);
      if (!inUse(word)) { // a page-based operation was faster
        return true;
      }
      if ((word & Pte.WIRED) != 0) {
        return false;
      }
      invalidate(t, leaf, i);
      module.shoot(this, va, va + pageSize); // before the new frame can be seen
      finishRemoval(t, leaf, i);
      return true;
    } finally {
      pv.unlock();
    }
  }

  // --------------------------------------------------------------------------------------------------- single words

  /** Returns what stands behind a word that is in use. Caller holds PV(frame). */
  private static PvEntry entry(PageTable.Leaf leaf, int i) {
    Object e = leaf.attachment(i);
    assert e != null;
    return (PvEntry) e;
  }

  /** Removal, first half: clears V, keeping R and M. Caller holds PV(frame) and shoots next. */
  void invalidate(KThread t, PageTable.Leaf leaf, int i) {
    if ((module.change(t, leaf, i, Pte.V, 0) & Pte.V) != 0) {
      RESIDENT.getAndAdd(this, -1);
    }
  }

  /**
   * Removal, second half: harvests a word that is invalid and shot. Caller holds PV(frame). R is not saved; a Wired
   * bit's unit is the caller's to take off.
   */
  void finishRemoval(KThread t, PageTable.Leaf leaf, int i) {
    long word = leaf.get(i); // no processor changes it any more
    assert inUse(word);
    assert (word & Pte.V) == 0;
    PvEntry e = entry(leaf, i);
    VmPage m = e.page();
    if ((word & Pte.M) != 0 && !m.isFictitious()) { // a device's page is written nowhere
      m.orDirty(VmPage.ALL_CHUNKS);
    }
    if ((word & Pte.WIRED) != 0) {
      WIRED.getAndAdd(this, -1);
    }
    leaf.attach(i, null); // once the word is zero, what is attached belongs to another frame's PV
    module.change(t, leaf, i, -1, 0);
    PvTable.unlink(e, m);
    pvs.give(t, e);
    leaf.decrementCount(); // last touch: the leaf may be unlinked now
  }

  /** Removes a Wired mapping of a frame other than {@code frame}. Caller holds nothing from Q up. */
  private void removeOtherWired(KThread t, long va, int frame) {
    PageTable.Leaf leaf = table.leaf(va);
    if (leaf == null) {
      return;
    }
    int i = table.index(va);
    long word = leaf.get(i);
    if ((word & Pte.WIRED) != 0 && Pte.frame(word) != frame) {
      removeWired(t, leaf, i, va);
    }
  }

  /**
   * Removes a Wired mapping with its unit of wire_count (W1), unless it has changed. Caller holds nothing from Q up.
   */
  void removeWired(KThread t, PageTable.Leaf leaf, int i, long va) {
    module.queues.lock.lock();
    try {
      long word = leaf.get(i);
      KMutex pv = pvs.lock(Pte.frame(word));
      pv.lock();
      try {
        long now = leaf.get(i);
        if ((now & Pte.WIRED) == 0 || Pte.frame(now) != Pte.frame(word)) {
          return;
        }
        VmPage m = entry(leaf, i).page();
        invalidate(t, leaf, i);
        module.shoot(this, va, va + pageSize);
        finishRemoval(t, leaf, i);
        module.queues.unwireLocked(m);
      } finally {
        pv.unlock();
      }
    } finally {
      module.queues.lock.unlock();
    }
  }

  /**
   * pmap_change_wiring off, and vm_page_unwire with it (W3): where a Wired mapping is, clears the bit, sets M, and
   * takes its unit off the page's wire_count, all in one hold of Q. Caller holds the map's lock for writing; no Q or
   * higher mutex.
   *
   * @return whether there was one
   */
  public boolean unwire(long va) {
    KThread t = KThread.current();
    PageTable.Leaf leaf = table.leaf(va);
    int i = table.index(va);
    if (leaf == null || (leaf.get(i) & Pte.WIRED) == 0) {
      return false;
    }
    module.queues.lock.lock();
    try {
      while (true) {
        long word = leaf.get(i);
        if ((word & Pte.WIRED) == 0) {
          return false;
        }
        KMutex pv = pvs.lock(Pte.frame(word));
        pv.lock();
        try {
          long now = leaf.get(i);
          if ((now & Pte.WIRED) == 0 || Pte.frame(now) != Pte.frame(word)) {
            continue;
          }
          module.change(t, leaf, i, Pte.WIRED, Pte.M);
          WIRED.getAndAdd(this, -1);
          module.queues.unwireLocked(entry(leaf, i).page());
          return true;
        } finally {
          pv.unlock();
        }
      }
    } finally {
      module.queues.lock.unlock();
    }
  }

  // --------------------------------------------------------------------------------------------------------- ranges

  /**
   * pmap_remove: removes every mapping in [start, end), M going to the pages, Wired ones with their units of
   * wire_count. Caller holds the map's lock for writing; no Q or higher mutex.
   */
  public void remove(long start, long end) {
    PmapRanges.remove(this, start, end);
  }

  /** Removes every mapping in [start, end) but the Wired ones: the trimming of a process. As {@link #remove}. */
  public void removeUnwired(long start, long end) {
    PmapRanges.removeUnwired(this, start, end);
  }

  /**
   * pmap_protect: without READ removes the range's mappings; with WRITE does nothing (rights are only added by
   * faults); else takes W from each, M and R staying where they are. Caller holds the map's lock for writing; no Q or
   * higher mutex.
   */
  public void protect(long start, long end, int prot) {
    PmapRanges.protect(this, start, end, prot);
  }

  /** Returns the end of the leaf that covers {@code va}, or {@code end} if that is nearer. */
  long leafEnd(long va, long end) {
    return Math.min(end, (va & -table.leafSpan()) + table.leafSpan());
  }

  /** Returns the leaf that covers {@code va}, which there is. Caller holds P. */
  PageTable.Leaf leafOf(long va) {
    PageTable.Leaf leaf = table.leaf(va);
    assert leaf != null;
    return leaf;
  }

  // -------------------------------------------------------------------------------------------------------- queries

  /** pmap_extract: returns the frame mapped at {@code va}, or -1. A snapshot, taken without a lock. */
  public int extract(long va) {
    long word = word(va);
    return (word & Pte.V) != 0 ? Pte.frame(word) : -1;
  }

  /** Returns the page table word of {@code va}, 0 for none; see {@link Pte}. A snapshot, taken without a lock. */
  public long word(long va) {
    PageTable.Leaf leaf = table.leaf(va);
    return leaf == null ? 0 : leaf.get(table.index(va));
  }

  /** pmap_page_exists: returns whether this pmap maps the page anywhere. */
  public boolean pageExists(VmPage m) {
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        if (e.pmap() == this && (e.word() & Pte.V) != 0) {
          return true;
        }
      }
      return false;
    } finally {
      pv.unlock();
    }
  }

  /** Calls {@code visitor} for every word that is not zero, by rising address; nothing is held. */
  public void forEachMapping(PmapModule.MappingVisitor visitor) {
    long end = 1L << PageTable.VA_BITS;
    for (long va = table.nextLeafAddress(0, end); va < end; va = table.nextLeafAddress(va, end)) {
      PageTable.Leaf leaf = table.leaf(va);
      long leafEnd = leafEnd(va, end);
      for (; va < leafEnd; va += pageSize) {
        long word = leaf == null ? 0 : leaf.get(table.index(va));
        if (word != 0) {
          visitor.mapping(va, word);
        }
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------- processors

  /** pmap_activate: loads this pmap on a processor, which the caller holds. */
  public void activate(Cpu cpu) {
    cpu.switchTo(table);
  }

  /**
   * pmap_release: ends the pmap. Processors that nobody runs on and that still have it loaded are taken off it. Waits
   * for nobody.
   *
   * <p>Panics if there are mappings left, or if a processor that somebody runs on has it loaded again.
   */
  public void release() {
    if (this == module.kernelPmap() || resident != 0 || wired != 0) {
      throw KernelPanic.of("pmap_release: in use", this);
    }
    if (!module.machine.shootdown().switchOff(table)) {
      throw KernelPanic.of("pmap_release: loaded by a processor", this, table);
    }
    module.forget(this);
  }

  /**
   * Checks this pmap's words against the pv lists and the counts; returns its mappings of managed frames. At
   * quiescence.
   */
  long checkInvariants(Consumer<String> report) {
    long end = 1L << PageTable.VA_BITS;
    int managed = 0;
    int valid = 0;
    int wirings = 0;
    lock.lock();
    try {
      for (long va = table.nextLeafAddress(0, end); va < end; va = table.nextLeafAddress(va, end)) {
        PageTable.Leaf leaf = leafOf(va);
        int used = 0;
        long leafEnd = leafEnd(va, end);
        for (; va < leafEnd; va += pageSize) {
          int i = table.index(va);
          long word = leaf.get(i);
          if (word == 0) {
            continue;
          }
          used++;
          valid += (word & Pte.V) != 0 ? 1 : 0;
          wirings += (word & Pte.WIRED) != 0 ? 1 : 0;
          managed += checkWord(leaf, i, va, word, report);
        }
        if (leaf.count() != used) {
          report.accept("I-39 " + this + ": " + leaf + " has " + used + " words in use");
        }
      }
    } finally {
      lock.unlock();
    }
    if (valid != resident) {
      report.accept("I-39 " + this + ": " + valid + " valid mappings");
    }
    if (wirings != wired) {
      report.accept("I-39 " + this + ": " + wirings + " wired mappings");
    }
    return managed;
  }

  private int checkWord(PageTable.Leaf leaf, int i, long va, long word, Consumer<String> report) {
    Object attached = leaf.attachment(i);
    if (!inUse(word) || (word & Pte.V) == 0) {
      report.accept("I-32 " + this + " 0x" + Long.toHexString(va) + ": removal left undone: " + Pte.toString(word));
    }
    if (attached instanceof PvEntry e && e.leaf() == leaf && e.index == i && e.va == va && e.pmap() == this) {
      VmPage m = e.pageOrNull();
      if (m == null || m.frame() != Pte.frame(word)) {
        report.accept("I-32 " + this + " 0x" + Long.toHexString(va) + ": " + Pte.toString(word) + " but " + e);
      } else if (m.isFictitious()) { // in no table of pages: looked at from here alone
        PmapModule.checkList(m, report);
        return 0;
      }
    } else {
      String at = "I-32 " + this + " 0x" + Long.toHexString(va);
      report.accept(at + ": no pv entry for " + Pte.toString(word) + " but " + attached);
    }
    return 1;
  }

  /** I-36 of one TLB entry, if the processor still has it; see {@link PmapModule#checkTlb}. */
  @Nullable String checkTlb(Cpu cpu, long va, int frame) {
    lock.lock();
    try {
      KMutex pv = pvs.lock(frame);
      pv.lock();
      try {
        return cpu.current() == table() ? cpu.checkTlb(va, frame) : null;
      } finally {
        pv.unlock();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() { // racy, for reports
    return "pmap(" + id() + " " + name + " resident=" + resident + " wired=" + wired + ")";
  }
}
