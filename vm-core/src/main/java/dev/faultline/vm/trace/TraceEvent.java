package dev.faultline.vm.trace;

import static dev.faultline.vm.trace.TraceEvent.Role.BEGIN;
import static dev.faultline.vm.trace.TraceEvent.Role.END;
import static dev.faultline.vm.trace.TraceEvent.Role.END_AND_STEP;
import static dev.faultline.vm.trace.TraceEvent.Role.STEP;

import java.util.List;

/**
 * The kernel's events: a fixed vocabulary. Each has up to three arguments, which are numbers; its text names them in
 * braces.
 *
 * <p>What begins and ends has two events; of the pair the flight recorder makes one event with a duration, named after
 * the first.
 */
public enum TraceEvent {
  // ---- the fault handler
  FAULT("PageFault", BEGIN, "fault at {address} for {access} in {map}",
      arg("address", ArgType.ADDRESS), arg("access", ArgType.PROTECTION), arg("map", ArgType.SUBJECT)),
  FAULT_END("PageFaultEnd", END, "fault ends: {result}", arg("result", ArgType.RESULT)),
  FAULT_RETRY("FaultRetry", STEP, "RetryFault"),
  DECISION("Decision", STEP, "{decision}",
      arg("decision", ArgType.SUBJECT), arg("line", ArgType.LINE), arg("outcome", ArgType.FLAG)),
  LOOKUP("MapLookup", STEP, "lookup of {address} finds {object}",
      arg("address", ArgType.ADDRESS), arg("object", ArgType.SUBJECT), arg("line", ArgType.LINE)),
  CLAIM("PageClaim", STEP, "claims {page} of {object}",
      arg("page", ArgType.SUBJECT), arg("object", ArgType.SUBJECT), arg("line", ArgType.LINE)),
  UNBUSY("PageUnbusy", STEP, "un-busies {page}", arg("page", ArgType.SUBJECT)),
  ZERO_FILL("ZeroFill", STEP, "zero-fills {page} of {object}",
      arg("page", ArgType.SUBJECT), arg("object", ArgType.SUBJECT), arg("line", ArgType.LINE)),
  COPY("PageCopy", STEP, "copies {from} to {to}",
      arg("from", ArgType.SUBJECT), arg("to", ArgType.SUBJECT), arg("line", ArgType.LINE)),

  // ---- pages
  ALLOC("PageAlloc", STEP, "allocates {page} for {object}+{offset}",
      arg("page", ArgType.SUBJECT), arg("object", ArgType.SUBJECT), arg("offset", ArgType.BYTES)),
  ALLOC_REFUSED("PageAllocRefused", STEP, "no page for {object}+{offset}",
      arg("object", ArgType.SUBJECT), arg("offset", ArgType.BYTES)),
  RENAME("PageRename", STEP, "{page} becomes {object}+{offset}",
      arg("page", ArgType.SUBJECT), arg("object", ArgType.SUBJECT), arg("offset", ArgType.BYTES)),
  FREE("PageFree", STEP, "frees {page}", arg("page", ArgType.SUBJECT)),
  QUEUE("PageQueueMove", STEP, "{page}: {from} to {to}",
      arg("page", ArgType.SUBJECT), arg("from", ArgType.QUEUE), arg("to", ArgType.QUEUE)),
  WIRE("PageWire", STEP, "wires {page}, now {count}", arg("page", ArgType.SUBJECT), arg("count", ArgType.COUNT)),
  UNWIRE("PageUnwire", STEP, "unwires {page}, now {count}", arg("page", ArgType.SUBJECT), arg("count", ArgType.COUNT)),

  // ---- objects
  OBJECT("ObjectAllocate", STEP, "{object} begins, of {size}",
      arg("object", ArgType.SUBJECT), arg("size", ArgType.BYTES)),
  SHADOW("ObjectShadow", STEP, "{object} shadows {backing} at {offset}",
      arg("object", ArgType.SUBJECT), arg("backing", ArgType.SUBJECT), arg("offset", ArgType.BYTES)),
  PIP_UP("PipUp", STEP, "pip of {object} up to {count}", arg("object", ArgType.SUBJECT), arg("count", ArgType.COUNT)),
  PIP_DOWN("PipDown", STEP, "pip of {object} down to {count}",
      arg("object", ArgType.SUBJECT), arg("count", ArgType.COUNT)),
  REFERENCE("Reference", STEP, "references {object}, now {count}",
      arg("object", ArgType.SUBJECT), arg("count", ArgType.COUNT)),
  DEREFERENCE("Dereference", STEP, "drops a reference to {object}, now {count}",
      arg("object", ArgType.SUBJECT), arg("count", ArgType.COUNT)),
  COLLAPSE("Collapse", STEP, "collapses {backing} into {object}",
      arg("object", ArgType.SUBJECT), arg("backing", ArgType.SUBJECT)),
  BYPASS("Bypass", STEP, "{object} bypasses {backing}",
      arg("object", ArgType.SUBJECT), arg("backing", ArgType.SUBJECT)),
  TERMINATE("Terminate", STEP, "{object} is dead", arg("object", ArgType.SUBJECT)),

  // ---- pagers and the disk
  PAGEIN("Pagein", BEGIN, "pagein of {object}+{offset}, {pages} pages",
      arg("object", ArgType.SUBJECT), arg("offset", ArgType.BYTES), arg("pages", ArgType.COUNT)),
  PAGEIN_END("PageinEnd", END, "pagein ends: {result}", arg("result", ArgType.PAGER_RESULT)),
  PAGEOUT("Pageout", BEGIN, "pageout of {object}+{offset}, {pages} pages",
      arg("object", ArgType.SUBJECT), arg("offset", ArgType.BYTES), arg("pages", ArgType.COUNT)),
  PAGEOUT_END("PageoutEnd", END, "pageout is {result}", arg("result", ArgType.PAGER_RESULT)),
  DISK_SUBMIT("DiskSubmit", STEP, "disk request: {blocks} blocks from {block} {write}",
      arg("block", ArgType.BLOCK), arg("blocks", ArgType.COUNT), arg("write", ArgType.FLAG)),
  DISK_DONE("DiskDone", STEP, "disk done: {blocks} blocks from {block} {error}",
      arg("block", ArgType.BLOCK), arg("blocks", ArgType.COUNT), arg("error", ArgType.FLAG)),

  // ---- mappings
  PTE("PteChange", STEP, "{pmap} at {address}: {word}",
      arg("pmap", ArgType.SUBJECT), arg("address", ArgType.ADDRESS), arg("word", ArgType.PTE)),
  MARK("PteMark", STEP, "cpu {cpu} marks {address}: {word}",
      arg("cpu", ArgType.CPU), arg("address", ArgType.ADDRESS), arg("word", ArgType.PTE)),
  SHOOTDOWN("Shootdown", STEP, "shoots {pmap} at {address}, {bytes}",
      arg("pmap", ArgType.SUBJECT), arg("address", ArgType.ADDRESS), arg("bytes", ArgType.BYTES)),
  PURGE("TlbPurge", STEP, "purges TLB {cpu} of {pmap}", arg("cpu", ArgType.CPU), arg("pmap", ArgType.SUBJECT)),

  // ---- locks and sleeps
  LOCK_WAIT("LockWait", BEGIN, "waits for {lock}", arg("lock", ArgType.SUBJECT)),
  LOCK("Lock", END_AND_STEP, "+{lock} {mode}", arg("lock", ArgType.SUBJECT), arg("mode", ArgType.MODE)),
  LOCK_MISSED("LockMissed", STEP, "tries {lock} in vain", arg("lock", ArgType.SUBJECT)),
  UNLOCK("Unlock", STEP, "-{lock} {mode}", arg("lock", ArgType.SUBJECT), arg("mode", ArgType.MODE)),
  SLEEP("Sleep", BEGIN, "sleeps on {channel}: {why}", arg("channel", ArgType.SUBJECT), arg("why", ArgType.SUBJECT)),
  WOKEN("SleepEnd", END, "awake {timeout}", arg("timeout", ArgType.FLAG)),
  WAKEUP("Wakeup", STEP, "wakeup of {channel}", arg("channel", ArgType.SUBJECT)),
  WAKES("Wakes", STEP, "wakes {strand}", arg("strand", ArgType.STRAND)),

  // ---- memory
  MEMORY_WAIT("MemoryWait", BEGIN, "waits for memory; free {free}, cached {cached}",
      arg("free", ArgType.COUNT), arg("cached", ArgType.COUNT)),
  MEMORY_WAIT_END("MemoryWaitEnd", END, "has waited for memory; free {free}, cached {cached}",
      arg("free", ArgType.COUNT), arg("cached", ArgType.COUNT)),
  DAEMON_PASS("DaemonPass", BEGIN, "daemon: pass; free {free}, cached {cached}",
      arg("free", ArgType.COUNT), arg("cached", ArgType.COUNT)),
  DAEMON_PASS_END("DaemonPassEnd", END, "daemon: pass ends; free {free}, cached {cached} {progress}",
      arg("free", ArgType.COUNT), arg("cached", ArgType.COUNT), arg("progress", ArgType.FLAG)),

  // ---- processes
  CALL("SystemCall", BEGIN, "{call}", arg("call", ArgType.SUBJECT)),
  CALL_END("SystemCallEnd", END, "{call} ends: {result}",
      arg("call", ArgType.SUBJECT), arg("result", ArgType.SUBJECT)),
  FORK("Fork", STEP, "starts {child}", arg("child", ArgType.SUBJECT)),
  EXEC("Exec", STEP, "{process} execs", arg("process", ArgType.SUBJECT)),
  EXIT("Exit", STEP, "{process} exits", arg("process", ArgType.SUBJECT)),
  KILL("Kill", STEP, "kills {process} for want of memory", arg("process", ArgType.SUBJECT)),
  LOAD("UserLoad", STEP, "loads {value} from {address}",
      arg("address", ArgType.ADDRESS), arg("value", ArgType.WORD)),
  STORE("UserStore", STEP, "stores {value} at {address}",
      arg("address", ArgType.ADDRESS), arg("value", ArgType.WORD)),
  RUN("Dispatch", STEP, "runs on cpu {cpu}", arg("cpu", ArgType.CPU));

  /** How an event stands to others. */
  enum Role {
    /** One of its own. */
    STEP,
    /** Something lasts until the event of role END that is declared next. */
    BEGIN,
    END,
    /** Ends what was begun, if anything was, and counts by itself: a lock is taken, be it after a wait or at once. */
    END_AND_STEP
  }

  /**
   * One argument.
   *
   * @param name a word, as the text has it in braces
   */
  record Arg(String name, ArgType type) {}

  private static final TraceEvent[] ALL = values();

  private final String title; // (C)
  private final Role role; // (C)
  private final String text; // (C)

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of, of records
  private final List<Arg> args; // (C)

  TraceEvent(String title, Role role, String text, Arg... args) {
    this.title = title;
    this.role = role;
    this.text = text;
    this.args = List.of(args);
  }

  private static Arg arg(String name, ArgType type) {
    return new Arg(name, type);
  }

  static TraceEvent of(int ordinal) {
    return ALL[ordinal];
  }

  /** Returns the event's name for the flight recorder, without {@code vm.}. */
  public String title() {
    return title;
  }

  /** Returns the event in words, with its arguments' names in braces. */
  public String text() {
    return text;
  }

  Role role() {
    return role;
  }

  List<Arg> args() {
    return args;
  }

  /** Returns the event that ends what this one begins. */
  TraceEvent end() {
    return ALL[ordinal() + 1];
  }
}
