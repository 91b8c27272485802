package dev.faultline.vm.map;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An address space: a map, a pmap, and the sizes that brk and stack growth use. Counted: a vfork's child uses its
 * parent's until its exec or exit.
 *
 * @see "vm-semantics 2.6, 3.4 vmspace_fork and vmspace_free, 3.8 fork, vfork, exec, exit"
 */
public final class Vmspace {
  private final VmMaps maps; // (C)
  private final VmMap map; // (C)
  private final Pmap pmap; // (C)
  private final AtomicInteger refs = new AtomicInteger(1); // (A) vm_refcnt, R41

  private final Segments segments; // (C)

  /** Makes an empty address space with one reference. */
  public Vmspace(VmMaps maps, String name, long min, long max) {
    this.maps = maps;
    this.pmap = maps.pmaps().create(name);
    this.map = new VmMap(maps, pmap, min, max, true);
    this.segments = new Segments(map);
  }

  /** Returns where data segment and stack are. */
  public Segments segments() {
    return segments;
  }

  public VmMap map() {
    return map;
  }

  public Pmap pmap() {
    return pmap;
  }

  /** Returns vm_refcnt; only a thread that owns one of the references may rely on its being 1. */
  public int refCount() {
    return refs.get();
  }

  private void announce() {
    KThread.current().strand().point(StepKind.ATOMIC, this);
  }

  /** Adds a user of this address space (vfork). Caller owns a reference. */
  public Vmspace share() {
    announce();
    refs.getAndIncrement();
    return this;
  }

  /** vmspace_fork under a name of no interest; see {@link #fork(String)}. */
  public @Nullable Vmspace fork() {
    return fork("child");
  }

  /**
   * vmspace_fork: a new address space with what this one lets a child inherit, as of one instant. No other thread sees
   * the child until the return.
   *
   * @return null if the process was killed while its wired memory was copied; then there is no child
   */
  public @Nullable Vmspace fork(String name) {
    Vmspace child = new Vmspace(maps, name, map.min(), map.max());
    List<VmMap> copied = new ArrayList<>(0);
    KernReturn r;
    map.lockWrite();
    try {
      child.map.building = true;
      r = MapCopy.inherit(map, child.map, copied);
      child.map.building = false;
      child.segments.copyFrom(segments);
      MapObserver o = maps.observer();
      if (r == KernReturn.SUCCESS && o != null) {
        o.forked(map, child.map);
      }
    } finally {
      for (VmMap share : copied) {
        share.unlock();
      }
      map.unlock(); // every write-protect is complete on every processor by now
    }
    if (r != KernReturn.SUCCESS) {
      child.free();
      return null;
    }
    return child;
  }

  /** Unmaps everything: exec, and the early part of the last exit. May sleep. */
  public void removeAll() {
    map.remove(map.min(), map.max());
  }

  /**
   * The address space that a process has after exec: this one, emptied, or a new one if others use it still (vfork).
   * May sleep. The caller switches its processor to the result's pmap; where that is a new one, it does so before it
   * calls {@link #free} on this.
   */
  public Vmspace exec(String name) {
    announce();
    if (refs.get() > 1) {
      return new Vmspace(maps, name, map.min(), map.max());
    }
    removeAll();
    segments.setUp(0, 0, 0);
    return this;
  }

  /**
   * vmspace_free: drops a reference; with the last one the address space ends, once nobody borrows the map any more. No
   * lock held; may sleep. No processor may have the pmap loaded then.
   */
  public void free() {
    announce();
    int left = refs.decrementAndGet();
    if (left < 0) {
      throw KernelPanic.of("vmspace_free: no reference", this);
    }
    if (left == 0) {
      removeAll();
      map.awaitSoleReference();
      pmap.release();
    }
  }

  @Override
  public String toString() {
    return "vmspace(" + map + " refs=" + refs + ")";
  }
}
