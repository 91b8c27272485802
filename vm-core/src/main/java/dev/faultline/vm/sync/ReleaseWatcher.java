package dev.faultline.vm.sync;

/**
 * Looks at what a lock guards when the lock is about to be let go: the instant at which most invariants of vm-semantics
 * 7 are due (marked U there). Called with the lock held, on the thread that holds it.
 */
public interface ReleaseWatcher {
  /** A mutex is about to be let go. May take mutexes that rank above it, and others by try. */
  void releasing(KThread t, KMutex m);

  /** A map lock is about to be let go by who holds it for writing. Holds no mutex. */
  void releasing(KThread t, MapLock m);
}
