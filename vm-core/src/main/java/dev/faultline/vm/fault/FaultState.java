package dev.faultline.vm.fault;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.jspecify.annotations.Nullable;

/**
 * The local variables of one vm_fault (vm-semantics 4.1). One per thread, reused, so that a fault allocates nothing.
 */
final class FaultState {
  static final int READ_AHEAD = 4; // :94
  static final int READ_BEHIND = 3; // :95
  static final int READ = READ_AHEAD + READ_BEHIND + 1; // :96

  final KThread thread; // (C)
  MapLookup look = new MapLookup();
  MapLookup retryLook = new MapLookup();
  final @Nullable VmPage[] marray = new VmPage[READ];
  final Extent extent = new Extent();
  int reqPage;
  boolean inUse;

  @Nullable VmMap map;
  long va;
  int accessType; // what the trap asked for
  int type; // accessType, or prot where the entry is wired (:197)
  boolean changeWiring;
  int prot;
  boolean wired;
  boolean lookupStillValid; // M read (and share map) held
  @Nullable ChainVnode vp; // V held
  VmObject firstObject; // one reference and one pip ours
  long firstOffset;
  VmObject object; // current level: one pip ours, in addition if not firstObject
  long offset;
  @Nullable VmPage m; // busy, ours
  @Nullable VmPage firstM; // busy placeholder in firstObject while object is deeper
  int hardFault;
  boolean zeroFilled;
  boolean copied;
  @Nullable KernReturn answer; // what the fault returns, where a step says so
  boolean keepMap; // a relookup's try failed before: keep M where no pager call follows (F14)

  @SuppressWarnings("NullAway") // firstObject and object are set by the lookup before anybody reads them
  private FaultState(KThread thread) {
    this.thread = thread;
  }

  static FaultState of(KThread t) {
    FaultState f = (FaultState) t.faultState;
    if (f == null) {
      f = new FaultState(t);
      t.faultState = f;
    }
    return f;
  }

  void begin(VmMap map, long va, int type, boolean changeWiring) {
    assert !inUse;
    inUse = true;
    this.map = map;
    this.va = va;
    this.accessType = type;
    this.changeWiring = changeWiring;
    this.hardFault = 0;
    this.zeroFilled = false;
    this.copied = false;
    this.keepMap = false;
  }

  /** Forgets pages and objects, so that a parked thread keeps nothing alive. */
  void end() {
    inUse = false;
    m = null;
    firstM = null;
    vp = null;
  }

  /** Returns the page at hand. Panics if there is none: the search has lost its way (R11). */
  VmPage page() {
    VmPage p = m;
    if (p == null) {
      throw KernelPanic.of("vm_fault: no page", this);
    }
    return p;
  }

  VmMap map() {
    VmMap x = map;
    assert x != null;
    return x;
  }

  @Override
  public String toString() {
    return "fault(va=0x" + Long.toHexString(va) + " type=" + type + " first=" + firstObject + " object=" + object
        + " m=" + m + ")";
  }
}
