package dev.faultline.vm.base;

/**
 * The event counters of vmmeter (vm-semantics 1.8) and a few that BSD lacks.
 *
 * <p>They are counted in the thread that sees the event, without atomics, and summed when read; see {@code
 * KThread.count}.
 */
public enum Event {
  VM_FAULTS("total VM faults taken"),
  COW_FAULTS("copy-on-write faults"),
  ZFOD("zero fill pages zeroed"),
  INTRANS("intransit blocking page faults"),
  SOFT_FAULTS("faults on resident pages"),
  HARD_FAULTS("faults that read from a pager"),
  FAULT_RETRIES("faults started over"),
  FAULT_ERRORS("faults refused"),
  MEMORY_WAITS("waits for memory"),
  REACTIVATED("pages reactivated"),
  SWAPIN("swap pager pageins"),
  SWAPOUT("swap pager pageouts"),
  SWAPPGSIN("swap pager pages paged in"),
  SWAPPGSOUT("swap pager pages paged out"),
  VNODEIN("vnode pager pageins"),
  VNODEOUT("vnode pager pageouts"),
  VNODEPGSIN("vnode pager pages paged in"),
  VNODEPGSOUT("vnode pager pages paged out"),
  PDWAKEUPS("page daemon wakeups"),
  PDPAGES("pages examined by the page daemon"),
  DFREE("pages freed by daemon"),
  PFREE("pages freed by exiting processes"),
  TFREE("pages freed"),
  COLLAPSES("objects collapsed"),
  BYPASSES("objects bypassed"),
  FORKS("forks"),
  VFORKS("vforks"),
  EXECS("execs"),
  KILLS("processes killed for want of memory"),
  PROC_SWAPOUT("processes swapped out"),
  PROC_SWAPIN("processes swapped in"),
  TRIMMED("pages taken from processes over their limit"),
  SYNCS("files written by the sync daemon"),
  ZERO_IDLE("pages zeroed while idle");

  private final String text; // (C)
  private static final int COUNT = values().length;

  Event(String text) {
    this.text = text;
  }

  /** Returns the event as {@code vmstat -s} words it. */
  public String text() {
    return text;
  }

  /** Returns how many events there are. */
  public static int count() {
    return COUNT;
  }
}
