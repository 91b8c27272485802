package dev.faultline.vm.pmap;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.PageMappings;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.Tracer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * All pmaps of a kernel, and the operations on all mappings of one page.
 *
 * <p>Nothing here sleeps. Every operation has finished its TLB work when it returns: no processor's later access goes
 * against it.
 *
 * @see Pmap
 * @see "vm-semantics 3.9, 5.7 (wiring), 6.2; pmap.c: pmap_remove_all, pmap_page_protect, pmap_testbit, pmap_changebit"
 */
public final class PmapModule implements PageMappings {
  /*
   * Implementation overview
   *
   * Words        A page table word is zero, valid (V), or half removed (USED without V). It leaves zero under P and
   *              PV(new frame) only. All other changes are made under PV(its frame), atomically, as processors set R
   *              and M beside us (R25).
   * Removing     clear V, keep R and M -> shoot -> fold M into the page -> take the pv entry off the word -> zero the
   *              word -> drop the entry. The word is the last thing of the mapping that others can see, but for the
   *              leaf's count.
   * Batches      Range operations (Pmap) change many words, shoot once, and harvest afterwards, so a mapping found
   *              invalid or read-only may still be in a TLB. Therefore page-based operations shoot for every mapping
   *              as long as the page's flag is set, and only a cleared flag says that the shoots are over. It also
   *              makes the first look at the flags, without PV, safe: a flag is set before the word that needs it
   *              appears, and cleared after the shoot.
   * Devices      A fictitious page has a list of its mappings, flags and units like any other.
   * Wired        A Wired mapping of a page is one unit of its wire_count (W1). Who destroys one holds Q from
   *              before PV. A page-based removal takes Q only if wire_count is not 0: with O held on an idle page, or
   *              on a page busy by the caller, no new Wired mapping can appear, and one that vanishes meanwhile does
   *              no harm.
   * Order        Q, P, PV, T; of PV one at a time. Spares of pv entries: PvTable.
   * Invariants   I-32, I-33, I-36, I-39, by checkInvariants.
   */
  final SyncDomain domain; // (C)
  private final Tracer tracer; // (C)
  final Machine machine; // (C)
  final ResidentPages pages; // (C)
  final VmPageQueues queues; // (C)
  final PvTable pvs; // (C)
  final long pageSize; // (C)

  private final Pmap kernelPmap; // (C)
  private final AtomicInteger ids = new AtomicInteger(); // (A)
  private final ConcurrentMap<Integer, Pmap> all = new ConcurrentHashMap<>(); // (A) the pmaps not yet released, by id
  private final boolean hStealWired; // (C)
  private final boolean hUnwire0; // (C)
  private final boolean hPartial; // (C)
  private final boolean hPteRmw; // (C)
  private final boolean hLocalFlush; // (C)

  /** Sees one mapping; see {@link Pmap#forEachMapping}. */
  @FunctionalInterface
  public interface MappingVisitor {
    /** Sees the page table word {@code pte}, which is not zero, of the page at {@code va}. */
    void mapping(long va, long pte);
  }

  /** Creates the module and the kernel's own pmap. */
  public PmapModule(SyncDomain domain, Machine machine, ResidentPages pages, Set<Defect> defects) {
    this.domain = domain;
    this.tracer = domain.tracer();
    this.machine = machine;
    this.pages = pages;
    this.queues = pages.queues();
    this.pageSize = machine.config().pageSize();
    this.pvs = new PvTable(domain, pages.pageCount());
    this.hStealWired = defects.contains(Defect.H_STEALWIRED);
    this.hUnwire0 = defects.contains(Defect.H_UNWIRE0);
    this.hPartial = defects.contains(Defect.H_PARTIAL);
    this.hPteRmw = defects.contains(Defect.H_PTE_RMW);
    this.hLocalFlush = defects.contains(Defect.H_LOCALFLUSH);
    this.kernelPmap = new Pmap(this, "kernel", ids.getAndIncrement(), true);
    all.put(kernelPmap.id(), kernelPmap);
  }

  /** pmap_pinit: returns a new, empty pmap. */
  public Pmap create(String name) {
    Pmap p = new Pmap(this, name, ids.getAndIncrement(), false);
    tracer.name(p, "pmap of " + name);
    all.put(p.id(), p);
    return p;
  }

  /** Returns the kernel's pmap, which every processor counts as having loaded. */
  public Pmap kernelPmap() {
    return kernelPmap;
  }

  /** Returns the pmap of a number, or null if it has been released or never was. */
  public @Nullable Pmap lookup(int id) {
    return all.get(id);
  }

  /** Calls {@code visitor} for every pmap that is not released, in order of creation; nothing is held. */
  public void forEachPmap(Consumer<Pmap> visitor) {
    List<Pmap> list = new ArrayList<>(all.values());
    list.sort(Comparator.comparingInt(Pmap::id));
    list.forEach(visitor);
  }

  void forget(Pmap p) {
    all.remove(p.id(), p);
  }

  // ----------------------------------------------------------------------------------------- operations on one page

  @Override
  public void protect(VmPage m, int prot) {
    if ((prot & VmProt.WRITE) != 0) {
      return;
    }
    if ((prot & (VmProt.READ | VmProt.EXECUTE)) != 0) {
      writeProtect(m);
    } else {
      removeAll(m);
    }
  }

  /**
   * Removes all mappings but the Wired ones, whose owners lie directly over the page's file and must not lose it
   * (F12, W2). Those keep their rights, and the page's flags say so. Caller holds O(m.object), or owns the page busy.
   */
  public void removeAllButWired(VmPage m) {
    if (hStealWired) { // 1995: all of them
      removeAll(m);
      return;
    }
    if (noneOf(m, VmPage.PV_MAPPED | VmPage.PV_WRITEABLE)) {
      return;
    }
    removeMappings(KThread.current(), m, true);
  }

  /** pmap_remove_all. */
  private void removeAll(VmPage m) {
    if (noneOf(m, VmPage.PV_MAPPED | VmPage.PV_WRITEABLE)) {
      return;
    }
    KThread t = KThread.current();
    if (m.wireCount() == 0 || hStealWired) { // H-STEALWIRED: units stay behind
      int units = removeMappings(t, m, false);
      if (units != 0 && !hStealWired && !hUnwire0) {
        throw KernelPanic.of("pmap_remove_all: I-40 " + units + " wired mappings of a page that is not wired", m);
      }
      return;
    }
    queues.lock.lock();
    try {
      for (int units = removeMappings(t, m, false); units > 0; units--) {
        queues.unwireLocked(m); // W1
      }
    } finally {
      queues.lock.unlock();
    }
  }

  /**
   * Returns whether the page's flags are all clear: then there is no such mapping, and no shoot of one is
   * outstanding.
   */
  private static boolean noneOf(VmPage m, int flags) {
    Strand.current().point(StepKind.ATOMIC, m);
    return (m.pvFlags & flags) == 0;
  }

  /**
   * Removes mappings of a page in one hold of PV.
   *
   * @return how many of them were Wired
   */
  private int removeMappings(KThread t, VmPage m, boolean spareWired) {
    int units = 0;
    boolean spared = false;
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        if (spareWired && (e.word() & Pte.WIRED) != 0) {
          spared = true;
        } else {
          e.pmap().invalidate(t, e.leaf(), e.index);
        }
      }
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        if ((e.word() & Pte.V) == 0) { // ours, or a batch's that may not have shot yet
          shoot(e.pmap(), e.va, e.va + pageSize);
        }
      }
      PvEntry e = PvTable.first(m);
      while (e != null) {
        PvEntry next = e.next;
        long word = e.word();
        if ((word & Pte.V) == 0) {
          units += (word & Pte.WIRED) != 0 ? 1 : 0;
          e.pmap().finishRemoval(t, e.leaf(), e.index);
        }
        e = next;
      }
      if (!spared) {
        m.pvFlags &= ~(VmPage.PV_MAPPED | VmPage.PV_WRITEABLE);
      }
    } finally {
      pv.unlock();
    }
    return units;
  }

  private void writeProtect(VmPage m) {
    if (noneOf(m, VmPage.PV_WRITEABLE)) {
      return;
    }
    KThread t = KThread.current();
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        change(t, e.leaf(), e.index, Pte.W, 0);
      }
      PvEntry e = PvTable.first(m);
      while (e != null) {
        PvEntry next = e.next;
        shoot(e.pmap(), e.va, e.va + pageSize); // also where W was clear: see Batches
        if ((e.word() & Pte.V) == 0) {
          e.pmap().finishRemoval(t, e.leaf(), e.index);
        }
        e = next;
      }
      m.pvFlags &= ~VmPage.PV_WRITEABLE;
    } finally {
      pv.unlock();
    }
  }

  @Override
  public boolean isModified(VmPage m) {
    return anyCarries(m, Pte.M);
  }

  @Override
  public boolean isReferenced(VmPage m) {
    return anyCarries(m, Pte.R);
  }

  private boolean anyCarries(VmPage m, long bit) {
    if (noneOf(m, VmPage.PV_MAPPED)) {
      return false;
    }
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        if ((e.word() & bit) != 0) {
          return true;
        }
      }
      return false;
    } finally {
      pv.unlock();
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>Panics if the page may be mapped writable: a store through a stale TLB entry that has seen M would go
   * unrecorded.
   */
  @Override
  public void clearModify(VmPage m) {
    if ((m.pvFlags & VmPage.PV_WRITEABLE) != 0 && !hPartial && domain.mode() != Mode.NAIVE) {
      throw KernelPanic.of("pmap_clear_modify: I-43 page may be mapped writable", m);
    }
    clearAll(m, Pte.M);
  }

  /** {@inheritDoc} Purges cached copies, for no other reason than that the next access sets R again. */
  @Override
  public void clearReference(VmPage m) {
    clearAll(m, Pte.R);
  }

  private void clearAll(VmPage m, long bit) {
    if (noneOf(m, VmPage.PV_MAPPED)) {
      return;
    }
    KThread t = KThread.current();
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        if ((e.word() & bit) != 0) {
          change(t, e.leaf(), e.index, bit, 0);
          shoot(e.pmap(), e.va, e.va + pageSize);
        }
      }
    } finally {
      pv.unlock();
    }
  }

  /** Returns how many Wired mappings a page has: its wire_count, less kernel wirings without a mapping (I-40). */
  public int wiredMappings(VmPage m) {
    int n = 0;
    KMutex pv = pvs.lock(m.frame());
    pv.lock();
    try {
      for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
        n += (e.word() & Pte.WIRED) != 0 ? 1 : 0;
      }
    } finally {
      pv.unlock();
    }
    return n;
  }

  // ------------------------------------------------------------------------------------------------- words and TLBs

  /**
   * Clears and sets bits of a page table word in one atomic step, so that no R or M that a processor sets meanwhile
   * is lost (R25). Caller holds PV(frame of the word).
   *
   * @return the word as it was
   */
  long change(KThread t, PageTable.Leaf leaf, int index, long clear, long set) {
    t.strand().point(StepKind.PTE, leaf);
    if (hPteRmw) {
      long old = leaf.get(index);
      t.strand().point(StepKind.PTE, leaf);
      leaf.plainSet(index, (old & ~clear) | set);
      traceChange(leaf, index, (old & ~clear) | set);
      return old;
    }
    while (true) {
      long old = leaf.get(index);
      long word = (old & ~clear) | set;
      if (old == word) {
        return old;
      }
      if (leaf.cas(index, old, word)) {
        traceChange(leaf, index, word);
        return old;
      }
    }
  }

  private void traceChange(PageTable.Leaf leaf, int index, long word) {
    tracer.event(TraceEvent.PTE, TraceKind.PMAP.code(leaf.tableId()), leaf.baseAddress() + index * pageSize, word);
  }

  /** Makes every processor forget what it remembers of a range of a pmap, whose words have been changed. */
  void shoot(Pmap pmap, long start, long end) {
    if (hLocalFlush) {
      flushOwn();
      return;
    }
    machine.shootdown().shoot(pmap.table(), start, end);
  }

  /** What 1995 does: the thread's own processor, if it has one, loads its table again. */
  private void flushOwn() {
    KThread t = KThread.current();
    for (int i = 0; i < machine.cpus(); i++) {
      Cpu cpu = machine.cpu(i);
      if (cpu.context == t) {
        PageTable loaded = cpu.current();
        cpu.switchTo(null);
        cpu.switchTo(loaded);
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------- invariants

  /**
   * Checks I-32, I-33, I-36 and I-39 at quiescence.
   *
   * @param report gets a message for each violation, which begins with the invariant's number
   */
  public void checkInvariants(Consumer<String> report) {
    long[] listed = new long[1];
    for (int frame = 0; frame < pages.pageCount(); frame++) {
      VmPage m = pages.page(frame);
      KMutex pv = pvs.lock(frame);
      pv.lock();
      try {
        listed[0] += checkList(m, report);
      } finally {
        pv.unlock();
      }
    }
    long[] managed = new long[1];
    forEachPmap(p -> managed[0] += p.checkInvariants(report));
    if (listed[0] != managed[0]) {
      report.accept("I-32 " + listed[0] + " pv entries but " + managed[0] + " page table words of managed frames");
    }
    for (int i = 0; i < machine.cpus(); i++) {
      String wrong = machine.cpu(i).checkTlb();
      if (wrong != null) {
        report.accept(wrong);
      }
    }
  }

  /** Checks I-32 and I-33 of one frame's mappings. Caller holds PV(frame). */
  public void checkFrame(VmPage m, Consumer<String> report) {
    checkList(m, report);
  }

  /**
   * Compares one entry of a processor's TLB with the page table (I-36), with P, PV of the frame and T held, in that
   * order: with all three nobody is between the change of the word and the end of its shootdown. The caller holds no
   * lock.
   *
   * @param pick which of the entries, any number
   * @return what does not hold, or null
   */
  public @Nullable String checkTlb(Cpu cpu, int pick) {
    PageTable table = cpu.current();
    if (table == null || !(table.context instanceof Pmap p)) {
      return null;
    }
    long[] found = {-1, -1, 0};
    cpu.visitTlb((va, frame, writable, modifiedSeen) -> {
      if (found[2]++ == 0 || Math.floorMod(pick, found[2]) == 0) { // whichever of them it comes to
        found[0] = va;
        found[1] = frame;
      }
    });
    return found[1] < 0 ? null : p.checkTlb(cpu, found[0], (int) found[1]);
  }

  /** Checks a page's list against the words; returns its length. Caller holds PV(m). */
  static int checkList(VmPage m, Consumer<String> report) {
    int n = 0;
    PvEntry before = null;
    for (PvEntry e = PvTable.first(m); e != null; e = e.next) {
      n++;
      if (e.prev != before) { // also ends the walk of a list that bites its tail
        report.accept("I-32 broken pv list at " + e);
        return n;
      }
      before = e;
      Pmap p = e.pmap();
      PageTable.Leaf leaf = p.table().leaf(e.va);
      if (leaf != e.leaf() || leaf.attachment(e.index) != e || p.table().index(e.va) != e.index) {
        report.accept("I-32 pv entry without its page table word: " + e);
        continue;
      }
      long word = e.word();
      if (!Pmap.inUse(word) || Pte.frame(word) != m.frame() || e.pageOrNull() != m) {
        report.accept("I-32 pv entry and page table word disagree: " + e + " " + Pte.toString(word));
      }
      if ((m.pvFlags & VmPage.PV_MAPPED) == 0) {
        report.accept("I-33 mapped, but not flagged: " + e + " " + Pte.toString(word));
      }
      if ((word & Pte.W) != 0 && (m.pvFlags & VmPage.PV_WRITEABLE) == 0) {
        report.accept("I-33 mapped writable, but not flagged: " + e + " " + Pte.toString(word));
      }
    }
    return n;
  }

  @Override
  public String toString() {
    return "pmaps(" + all.size() + ")";
  }
}
