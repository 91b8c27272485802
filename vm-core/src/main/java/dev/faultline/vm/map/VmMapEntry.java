package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import org.jspecify.annotations.Nullable;

/**
 * A run of addresses of one map with one set of attributes, over one object, share map or submap.
 *
 * <p>Read under M read of the map that holds it, changed under M write. Exception: {@code needs_copy} is resolved and a
 * missing object made under an upgraded read lock of that map.
 *
 * @see "vm-semantics 2.3"
 */
public final class VmMapEntry {
  VmMapEntry prev = this; // (M), as all below
  VmMapEntry next = this;
  long start;
  long end;
  long offset;
  @Nullable VmObject object;
  @Nullable VmMap map; // the share map or submap; then object is null
  boolean isAMap;
  boolean isSubMap;
  boolean copyOnWrite;
  boolean needsCopy;
  int protection = VmProt.ALL;
  int maxProtection = VmProt.ALL;
  Inheritance inheritance = Inheritance.COPY;

  /**
   * How many wirings cover it; 0 is pageable. Volatile: the failure path of wiring lowers it under a read lock, as the
   * recursive owner that keeps every writer out (vm-semantics 2.3).
   */
  volatile int wiredCount;

  /**
   * (M write) The kernel's map is unlocked while its pages are wired: until that is over its bounds stay as they are,
   * so that a failure takes back what it did and nothing of its neighbour's.
   */
  boolean beingWired;

  VmMapEntry(long start, long end) {
    this.start = start;
    this.end = end;
  }

  /** Returns a twin in every attribute, in no list. The reference to object or map is not counted. */
  VmMapEntry twin() {
    VmMapEntry e = new VmMapEntry(start, end);
    e.offset = offset;
    e.object = object;
    e.map = map;
    e.isAMap = isAMap;
    e.isSubMap = isSubMap;
    e.copyOnWrite = copyOnWrite;
    e.needsCopy = needsCopy;
    e.protection = protection;
    e.maxProtection = maxProtection;
    e.inheritance = inheritance;
    e.wiredCount = wiredCount;
    return e;
  }

  public long start() {
    return start;
  }

  public long end() {
    return end;
  }

  /** Returns the byte offset of the first address in the object, or the address in the share map or submap. */
  public long offset() {
    return offset;
  }

  public @Nullable VmObject object() {
    return object;
  }

  /** Gives the entry, which has none yet, an object together with the caller's reference to it. Guard M write. */
  public void setObject(VmObject o, long offsetBytes) {
    assert object == null;
    assert map == null;
    object = o;
    offset = offsetBytes;
  }

  /** Returns the share map or submap, or null. */
  public @Nullable VmMap map() {
    return map;
  }

  /** Returns the share map or submap that the entry is known to have. */
  VmMap itsMap() {
    VmMap m = map;
    if (m == null) {
      throw KernelPanic.of("vm_map: entry without its map", this);
    }
    return m;
  }

  public boolean isAMap() {
    return isAMap;
  }

  public boolean isSubMap() {
    return isSubMap;
  }

  public boolean copyOnWrite() {
    return copyOnWrite;
  }

  public boolean needsCopy() {
    return needsCopy;
  }

  public int protection() {
    return protection;
  }

  public int maxProtection() {
    return maxProtection;
  }

  public Inheritance inheritance() {
    return inheritance;
  }

  public int wiredCount() {
    return wiredCount;
  }

  /** Returns the entry after this one, or the header. */
  VmMapEntry next() {
    return next;
  }

  @Override
  public String toString() { // racy, for reports
    VmObject o = object;
    VmMap m = map;
    return "entry(0x" + Long.toHexString(start) + "-0x" + Long.toHexString(end) + " +0x" + Long.toHexString(offset)
        + " " + VmProt.toString(protection) + "/" + VmProt.toString(maxProtection) + " " + inheritance
        + (copyOnWrite ? " COW" : "") + (needsCopy ? " NEEDS_COPY" : "")
        + (wiredCount != 0 ? " wired=" + wiredCount : "")
        + (o != null ? " object=" + o.id() : "") + (m != null ? (isAMap ? " share=" : " sub=") + m.id() : "") + ")";
  }
}
