package dev.faultline.vm.base;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * One named deviation from the correct kernel: a historical switch of vm-semantics 5.6 (later also a bug of the
 * museum), selected when a kernel boots and consulted at the one place where the step, lock, check or order is dropped.
 */
public enum Defect {
  /** Event counters are plain words that all threads share, so that counts are lost (R1). */
  H_COUNTERS("H-COUNTERS"),
  /** Who sleeps lets go of the interlock first and queues up then: what spl does not keep out is missed (5.6). */
  H_SPL("H-SPL"),
  /** Bypass tests one page too many; merely conservative (3.3). */
  H_BYPASS_LE("H-BYPASS-LE"),
  /** The forward end test of the pageout cluster is off by one page; harmless (3.5). */
  H_CLUSTER_GT("H-CLUSTER-GT"),
  /** vm_map_protect takes the write mask from the first entry of the range; harmless on i386 (3.4). */
  H_PROTECT_MASK("H-PROTECT-MASK"),
  /** A claimed page stays on its pageout queue (INV2, R6). */
  H_NOUNQUEUE("H-NOUNQUEUE"),
  /** A page stays busy across the wait for memory (:276-282, R6). */
  H_CACHE_WAIT("H-CACHE-WAIT"),
  /** Sleepers for memory are woken only when free + cache is exactly free_min (R8). */
  H_EQWAKE("H-EQWAKE"),
  /** A failed allocation sleeps without another look, and the daemon that finds memory fine wakes nobody (R9). */
  H_UNCOND_WAIT("H-UNCOND-WAIT"),
  /** The page daemon goes to sleep without another look at the pageouts that have completed (R10). */
  H_DONE_SLEEP("H-DONE-SLEEP"),
  /** The object's type is read twice, at :291 and at :312, in two holds of its lock (R11). */
  H_TYPE2("H-TYPE2"),
  /** On the way down a chain the level left loses its pip, and its lock, before the next one is pinned (R13). */
  H_PIPORDER("H-PIPORDER"),
  /** qcollapse takes a busy or invalid page of the top object for one that hides the backing object's (R20). */
  H_QCOLL("H-QCOLL"),
  /** A partially valid page may be lost; a wholly invalid one counts as found (R37). */
  H_PARTIAL("H-PARTIAL"),
  /** A copied-up page is not marked dirty at copy time (R21). */
  H_COWCLEAN("H-COWCLEAN"),
  /** The copies of wired memory that a fork makes are clean, and lost where memory is short (R21b). */
  H_COPYENT_CLEAN("H-COPYENT-CLEAN"),
  /** The copies of wired memory that a fork makes are entered with the maximum protection (4.7). */
  H_COPYENT_MAXPROT("H-COPYENT-MAXPROT"),
  /** The copy-on-write step removes wired mappings of a file page and leaves their units behind (R23). */
  H_STEALWIRED("H-STEALWIRED"),
  /** Only wiring wires the page of a Wired mapping, and unwiring takes off and requeues what was never wired (R23). */
  H_UNWIRE0("H-UNWIRE0"),
  /** A page that a pager has let go of, and that somebody else owns by now, is taken for the faulter's own (R15). */
  H_STEAL("H-STEAL"),
  /** Page table words are changed by a plain load and store, which may undo what a processor sets in between (R25). */
  H_PTE_RMW("H-PTE-RMW"),
  /** A changed page table word is purged from the TLB of the changing thread's own processor only (R25). */
  H_LOCALFLUSH("H-LOCALFLUSH"),
  /** Who waits for memory goes on waiting when the process is killed; in no default set (5.7). */
  H_KILLWAIT("H-KILLWAIT"),
  /** mmap makes a region with every right and sets protection and inheritance in lockings of their own (R33). */
  H_MMAP_STEPS("H-MMAP-STEPS"),
  /** munmap refuses a range with holes (3.8). */
  H_MUNMAP_HOLE("H-MUNMAP-HOLE"),
  /** vfork copies the address space as fork does (3.8). */
  H_VFORK_COPY("H-VFORK-COPY"),
  /** A share map with one reference is write-protected through its own pmap, which it lacks (3.4). */
  H_SHAREPROT("H-SHAREPROT"),
  /** A failed swap write leaves its block marked valid (R39). */
  H_SWERR("H-SWERR"),
  /** Bytes past the end of a file are written out and stay visible (3.6). */
  H_EOFTAIL("H-EOFTAIL"),
  /** A failed file write counts as done (3.6). */
  H_VNPUT_OK("H-VNPUT-OK");

  private final String label; // (C)

  Defect(String label) {
    this.label = label;
  }

  /** Returns the name used in the documents and on the command line. */
  public String label() {
    return label;
  }

  /** Returns what every mode boots with: the three harmless ones. */
  public static Set<Defect> defaults() {
    return EnumSet.of(H_BYPASS_LE, H_CLUSTER_GT, H_PROTECT_MASK);
  }

  /**
   * Returns the set HISTORICAL: every historical switch but H-KILLWAIT, which is part of no set, and H-SPL, which is
   * how UP sleeps anyway, which NAIVE adds by itself, and which FIXED, without an spl, cannot express.
   */
  public static Set<Defect> historical() {
    Set<Defect> set = EnumSet.noneOf(Defect.class);
    for (Defect d : values()) {
      if (d.label.startsWith("H-") && d != H_KILLWAIT && d != H_SPL) {
        set.add(d);
      }
    }
    return set;
  }

  /** The name of the set {@link #historical} on a command line. */
  public static final String HISTORICAL = "HISTORICAL";

  /**
   * Returns the defects that a name on a command line stands for, in upper or lower case: one, or {@link #HISTORICAL}.
   *
   * @throws IllegalArgumentException if it stands for none; the message is one line that names those that there are
   */
  public static Set<Defect> named(String name) {
    if (name.equalsIgnoreCase(HISTORICAL)) {
      return historical();
    }
    List<String> labels = new ArrayList<>(List.of(HISTORICAL));
    for (Defect d : values()) {
      if (d.label.equalsIgnoreCase(name)) {
        return EnumSet.of(d);
      }
      labels.add(d.label);
    }
    throw new IllegalArgumentException("no defect '" + name + "'; there are " + String.join(", ", labels));
  }
}
