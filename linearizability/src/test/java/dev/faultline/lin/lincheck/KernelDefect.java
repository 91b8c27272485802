package dev.faultline.lin.lincheck;

import dev.faultline.lin.spec.AddressSpaceSpec;
import dev.faultline.lin.spec.ChainSpec;
import dev.faultline.lin.spec.CounterSpec;
import dev.faultline.lin.spec.DaemonSleepSpec;
import dev.faultline.lin.spec.EventsSpec;
import dev.faultline.lin.spec.FamilySpec;
import dev.faultline.lin.spec.FreePagesSpec;
import dev.faultline.lin.spec.MemorySpec;
import dev.faultline.lin.spec.MemoryWaitSpec;
import dev.faultline.lin.spec.ObjectSlotSpec;
import dev.faultline.lin.spec.PageIndexSpec;
import dev.faultline.lin.spec.PageQueuesSpec;
import dev.faultline.lin.spec.SwapSpec;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import org.jspecify.annotations.Nullable;

/**
 * A defect of the kernel, a suite, and a scenario in which the suite finds it: a historical switch of vm-semantics 5.6,
 * or, where it is one race of 5.5 that a scenario comes down to, mode NAIVE.
 */
enum KernelDefect {
  COUNTERS(Defect.H_COUNTERS, "R1", CountersTest.Counter.class, EventsSpec.class,
      Script.of("", "count", "count").then("total"), "total(): 1"),
  SPL(Defect.H_SPL, "R4", SleepQueuesTest.BusyFlag.class, CounterSpec.class, Script.of("", "add", "add"),
      "add(): <hung>"),
  UNCOND_WAIT(Defect.H_UNCOND_WAIT, "R9", MemoryWaitTest.Memory.class, MemoryWaitSpec.class,
      Script.of("", "take", "free"), "take(): <hung>"),
  DONE_SLEEP(Defect.H_DONE_SLEEP, "R10", DaemonSleepTest.Pageouts.class, DaemonSleepSpec.class,
      Script.of("", "finish", "complete"), "finish(): <hung>"),
  TYPE2(Defect.H_TYPE2, "R11", ChainTest.Chain.class, ChainSpec.class, Script.of("", "load 0", "convert"),
      "KernelPanic: vm_fault: no page"),
  PIPORDER(Defect.H_PIPORDER, "R13", ChainTest.Chain.class, ChainSpec.class, Script.of("", "load 0", "collapse"),
      "load(0): 0"),
  QCOLL(Defect.H_QCOLL, "R20", ChainTest.Chain.class, ChainSpec.class, Script.of("", "load 1", "store 0 3"),
      "load(1): 0"),
  COWCLEAN(Defect.H_COWCLEAN, "R21", ChainTest.Chain.class, ChainSpec.class,
      Script.of("", "store 0 3", "protect 0 false").then("evict 0; load 0"), "load(0): 0"),
  PTE_RMW(Defect.H_PTE_RMW, "R25", TlbTest.Memory.class, MemorySpec.class,
      Script.of("", "store 0 1", "takeModified 0").then("takeModified 0"), "takeModified(0): false"),
  LOCALFLUSH(Defect.H_LOCALFLUSH, "R25", TlbTest.Memory.class, MemorySpec.class,
      Script.of("", "store 0 1; store 0 2", "exchange 0 3").then("load 0"), "I-36 cpu"),
  MMAP_STEPS(Defect.H_MMAP_STEPS, "R33", AddressSpaceTest.Space.class, AddressSpaceSpec.class,
      Script.of("store 0 1", "load 0", "map 0"), "load(0): -1"),
  NAIVE_R2("R2", ObjectSlotTest.Slot.class, ObjectSlotSpec.class, Script.of("make", "addHolding", "drop").then("make"),
      "KernelPanic: object ended twice"),
  NAIVE_R3("R3", AddressSpaceTest.Space.class, AddressSpaceSpec.class,
      Script.of("", "store 0 1", "store 0 2").then("load 0"), "I-9 lookup finds another page"),
  NAIVE_R7("R7", FreePagesTest.Allocator.class, FreePagesSpec.class,
      Script.of("allocate 0 0; allocateForSystem 1 0", "free 0 0", "free 1 0").then("freeCount"), "I-7 free_count"),
  NAIVE_R35("R35", PageQueuesTest.Queues.class, PageQueuesSpec.class,
      Script.of("deactivate 0", "activate 0", "activate 0").then("queues"), "page is on a queue already"),
  NAIVE_INDEX("I-9", PageIndexTest.Index.class, PageIndexSpec.class,
      Script.of("", "insert 0 0 1", "insert 0 0 2").then("lookup 0 0"), "insert(0, 0, 1): true"),
  NAIVE_SWAP("I-44", SwapTest.Swap.class, SwapSpec.class,
      Script.of("", "put 0 7", "put 1 8").then("holds 0 7; holds 1 8"), "I-44"),
  NAIVE_FAMILY("several", FamilyTest.Family.class, FamilySpec.class,
      Script.of("write 0 1; fork 0", "write 0 2", "write 1 3; exit 1").then("read 0; read 1"), "I-1 frame");

  private final @Nullable Defect defect; // (C) null: mode NAIVE
  private final String race; // (C)
  private final Class<?> suite; // (C)
  private final Class<?> specification; // (C)
  @SuppressWarnings("ImmutableEnumChecker") // nobody adds to it once it is here
  private final Script script; // (C)
  private final String says; // (C)

  KernelDefect(String race, Class<?> suite, Class<?> specification, Script script, String says) {
    this(null, race, suite, specification, script, says);
  }

  KernelDefect(
      @Nullable Defect defect, String race, Class<?> suite, Class<?> specification, Script script, String says) {
    this.defect = defect;
    this.race = race;
    this.suite = suite;
    this.specification = specification;
    this.script = script;
    this.says = says;
  }

  /** Returns what it is on in a kernel: a switch's name, or the mode's. */
  String label() {
    return defect == null ? Mode.NAIVE.name() : defect.label();
  }

  /** Returns the race that the scenario comes down to, or the invariant that it breaks. */
  String race() {
    return race;
  }

  Class<?> suite() {
    return suite;
  }

  /** Returns what Lincheck's report has to say. */
  String says() {
    return says;
  }

  Script script() {
    return script;
  }

  /** Sets it in a kernel to be. */
  KernelConfig.Builder seed(KernelConfig.Builder c) {
    return defect == null ? c.mode(Mode.NAIVE) : c.defect(defect);
  }

  /** Model checks the scenario on kernels that boot as {@link Lincheck} says. */
  void check(int invocations) {
    boolean wholeSpaces =
        suite == ChainTest.Chain.class || suite == AddressSpaceTest.Space.class || suite == FamilyTest.Family.class;
    Lincheck.check(suite, specification, script, invocations, !wholeSpaces);
  }
}
