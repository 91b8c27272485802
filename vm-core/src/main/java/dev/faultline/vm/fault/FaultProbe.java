package dev.faultline.vm.fault;

/**
 * Sees the fault handler at work: coverage of its decisions, gates and injected events. Chosen at boot; null costs one
 * branch.
 */
public interface FaultProbe {
  /** A decision was taken. May be called with mutexes held: the probe must not block here. */
  void decided(Decision d, boolean outcome);

  /**
   * The faulting thread passes a place where it holds no mutex (AFTER_UNLOCK_THINGS: no lock at all). The probe may
   * block here.
   */
  void at(FaultPoint p);
}
