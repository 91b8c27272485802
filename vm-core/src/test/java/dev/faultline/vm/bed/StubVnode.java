package dev.faultline.vm.bed;

import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SleepLock;
import org.jspecify.annotations.Nullable;

/** A vnode that is its lock and the link to its object. */
public final class StubVnode implements ChainVnode {
  /** V. */
  public final SleepLock lock;

  private final Bed bed;
  private final KMutex interlock; // VI
  private final NamedChannel dead = new NamedChannel("dead object", 78);
  private @Nullable VmObject object; // guarded by interlock

  /** How many objects have been cut off. Guarded by V. */
  public int detached;

  /** How often the buffers of one were given up. Guarded by V. */
  public int flushed;

  public StubVnode(Bed bed) {
    this.bed = bed;
    lock = new SleepLock(bed.domain, "vnode", 77);
    interlock = new KMutex(bed.domain, LockRank.VNODE_INTERLOCK, "vnode");
  }

  /** vm-semantics 5.7, vnode object lookup: returns the file's object with a reference of the caller's. */
  public VmObject objectOf(int size) {
    interlock.lock();
    while (true) {
      VmObject o = object;
      if (o == null) {
        o = bed.file(this, size);
        object = o;
        interlock.unlock();
        return o;
      }
      o.lock.lock();
      if (!o.isDead()) {
        o.referenceLocked();
        o.lock.unlock();
        interlock.unlock();
        return o;
      }
      o.lock.unlock();
      bed.domain.sleepQueues().sleepOn(dead, interlock, "vnobj");
      interlock.lock();
    }
  }

  void detach() {
    interlock.lock();
    object = null;
    bed.domain.sleepQueues().wakeup(dead);
    interlock.unlock();
    detached++;
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
