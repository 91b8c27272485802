package dev.faultline.vm.fault;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.trace.TraceEvent;
import dev.faultline.vm.trace.Tracer;
import org.jspecify.annotations.Nullable;

/**
 * What all parts of the fault handler say and undo: the macros at the head of vm_fault, and its decisions.
 *
 * @see "vm_fault.c :147-177, recovery actions"
 */
abstract class FaultMacros {
  final VmObjects objects; // (C)
  final ResidentPages pages; // (C)
  final VmPageQueues queues; // (C)
  final Tracer tracer; // (C)
  private final @Nullable FaultProbe probe; // (C)

  FaultMacros(VmObjects objects, @Nullable FaultProbe probe) {
    this.objects = objects;
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.tracer = objects.domain().tracer();
    this.probe = probe;
  }

  /** Takes a branch of the seed: names its row in the decision table to the trace and to the probe. */
  final boolean d(Decision decision, boolean outcome) {
    tracer.event(TraceEvent.DECISION, decision, decision.line(), outcome ? 1 : 0);
    if (probe != null) {
      probe.decided(decision, outcome);
    }
    return outcome;
  }

  final void at(FaultPoint p) {
    if (probe != null) {
      probe.at(p);
    }
  }

  /** RELEASE_PAGE. Caller holds O(m.object). */
  final void releasePage(VmPage m) {
    pages.checkClaim(m);
    wake(m);
    queues.lock.lock();
    try {
      if (d(Decision.D2, !m.isActive())) {
        queues.activateLocked(m);
      }
    } finally {
      queues.lock.unlock();
    }
  }

  final void wake(VmPage m) {
    d(Decision.D5, m.isWanted());
    pages.wakeup(m);
  }

  final void pipDown(VmObject o) {
    d(Decision.D6, o.pip() == 1 && o.isPipWanted());
    o.pipDown(1);
  }

  final void unlockMap(FaultState f) {
    if (d(Decision.D1, f.lookupStillValid)) {
      f.lookupStillValid = false;
      f.map().lookupDone(f.look);
    }
  }

  final void unlockMapAndVnode(FaultState f) {
    unlockMap(f);
    if (d(Decision.D4, f.vp != null) && f.vp != null) {
      f.vp.unlock();
      f.vp = null;
    }
  }

  /** The part of UNLOCK_THINGS for the top object. Holds no O. */
  final void dropPlaceholder(FaultState f) {
    if (d(Decision.D3, f.object != f.firstObject)) {
      VmObject first = f.firstObject;
      first.lock.lock();
      VmPage p = f.firstM;
      if (p == null) {
        throw KernelPanic.of("vm_fault: no placeholder", f);
      }
      wake(p);
      pages.free(p);
      f.firstM = null;
      pipDown(first);
      first.lock.unlock();
    }
  }

  /** UNLOCK_AND_DEALLOCATE. Enters with O(object) held, leaves with nothing. */
  final void unlockAndDeallocate(FaultState f) {
    pipDown(f.object);
    f.object.lock.unlock();
    dropPlaceholder(f);
    unlockMapAndVnode(f);
    f.firstObject.unpin();
  }
}
