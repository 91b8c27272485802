package dev.faultline.vm.object;

/** The lock V of the vnode at the end of an object's backing chain. Sleepable, exclusive, recursive for its owner. */
public interface ChainVnode {
  /** Locks the vnode, sleeping for it. No mutex held, no busy page held. */
  void lock();

  /** Locks the vnode if that needs no sleep. */
  boolean tryLock();

  /** Unlocks the vnode. */
  void unlock();

  /**
   * Returns whether the file has lost what was stored to it, as it could not be written, since this was asked last. V
   * held.
   */
  default boolean takeLoss() {
    return false;
  }
}
