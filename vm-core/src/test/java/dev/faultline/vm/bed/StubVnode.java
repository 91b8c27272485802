package dev.faultline.vm.bed;

import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.sync.SleepLock;
import dev.faultline.vm.sync.SyncDomain;

/** A vnode that is nothing but its lock. */
public final class StubVnode implements ChainVnode {
  /** V. */
  public final SleepLock lock;

  /** How many objects have been cut off. Guarded by V. */
  public int detached;

  public StubVnode(SyncDomain domain) {
    lock = new SleepLock(domain, "vnode", 77);
  }

  boolean isHeld() {
    return lock.isHeld();
  }

  @Override
  public void lock() {
    lock.lock();
  }

  @Override
  public boolean tryLock() {
    return lock.tryLock();
  }

  @Override
  public void unlock() {
    lock.unlock();
  }
}
