package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pmap.Pmap;
import org.jspecify.annotations.Nullable;

/**
 * The answer of a lookup, and the lookup itself. Reusable, so that a fault allocates nothing; owned by one thread.
 *
 * <p>After a success the thread holds M read of the map, and of the share map where there is one, until {@link
 * VmMap#lookupDone}; so long the public fields stay true.
 *
 * @see "vm-semantics 3.4 lookup, lookup_done; 5.4 F2, F14; vm_map.c: vm_map_lookup"
 */
public final class MapLookup {
  /*
   * Implementation overview
   *
   * Two lookups      lookup() may sleep for locks, upgrades them, makes shadows and objects. The relookup of a fault
   *                  that owns busy pages (F14) only tries the locks, and what would need an upgrade is no answer: it
   *                  must not wait for readers who may wait for its pages (R29, R30, R32). One body serves both.
   * Upgrade          Whoever misses its upgrade holds nothing and starts over: anything may have changed. After a
   *                  successful one the entry is asked again, as the upgrade of a recursive owner (wiring) does not
   *                  exclude another reader who waits for his.
   */
  private @Nullable VmMap map;
  private @Nullable VmMapEntry entry;
  private @Nullable VmMap shareMap;
  private @Nullable VmObject object;
  private KernReturn result = KernReturn.SUCCESS;
  private boolean held;

  /** Byte offset of the address in the object. */
  public long offset;

  /** What may be granted: the entry's protection, less WRITE while a copy is still to be made. */
  public int prot;

  /** Whether the entry is wired; then the access acts with all of the entry's protection. */
  public boolean wired;

  /** Whether no other map can reach the object through the same share map. */
  public boolean singleUse;

  /** Makes a lookup that has found nothing yet. */
  public MapLookup() {}

  /** Returns the code: SUCCESS, INVALID_ADDRESS or PROTECTION_FAILURE. */
  public KernReturn result() {
    return result;
  }

  /** Returns the map that holds the entry: a submap where one was entered. */
  public VmMap map() {
    return known(map);
  }

  /** Returns the entry of the main map, also where a share map is behind it. */
  public VmMapEntry entry() {
    return known(entry);
  }

  /** Returns the share map behind the entry, or null. */
  public @Nullable VmMap shareMap() {
    return shareMap;
  }

  /** Returns the object. */
  public VmObject object() {
    return known(object);
  }

  /** Returns the pmap that the translation goes into. */
  public Pmap pmap() {
    return map().itsPmap();
  }

  /** Returns whether the locks of a success are still held. */
  public boolean isHeld() {
    return held;
  }

  private <T> T known(@Nullable T field) {
    if (field == null) {
      throw KernelPanic.of("vm_map_lookup: no successful lookup", this);
    }
    return field;
  }

  /** vm_map_lookup in {@code start}. May sleep. */
  KernReturn lookup(VmMap start, long va, int type) {
    search(start, va, type, false);
    return result;
  }

  /** Looks up without sleeping and without changing anything; false means that it could not say. */
  boolean tryLookup(VmMap start, long va, int type) {
    return search(start, va, type, true);
  }

  private boolean search(VmMap start, long va, int type, boolean tryOnly) {
    assert !held; // I-57
    VmMap m = start;
    while (true) {
      if (!m.lockRead(tryOnly)) { // 1
        return false;
      }
      VmMapEntry e = m.entries.find(va);
      if (e == null) {
        return refuse(m, KernReturn.INVALID_ADDRESS);
      }
      if (e.isSubMap) { // 2: not nested
        VmMap sub = e.itsMap();
        m.unlock();
        m = sub;
        continue;
      }
      int granted = e.protection; // 3
      if ((type & ~granted) != 0) {
        return refuse(m, KernReturn.PROTECTION_FAILURE);
      }
      boolean isWired = e.wiredCount != 0; // 4
      int wanted = isWired ? granted : type;
      VmMap holder = m; // of the entry that carries object and needs_copy
      VmMapEntry x = e;
      long at = va;
      if (e.isAMap) { // 5
        holder = e.itsMap();
        at = va - e.start + e.offset;
        if (!holder.lockRead(tryOnly)) {
          m.unlock();
          return false;
        }
        x = holder.entries.find(at);
        if (x == null) {
          holder.unlock();
          return refuse(m, KernReturn.INVALID_ADDRESS);
        }
      }
      boolean mustCopy = x.needsCopy && (wanted & VmProt.WRITE) != 0; // 6
      if (mustCopy || x.object == null) { // 7
        if (tryOnly) {
          release(m, holder);
          return false;
        }
        if (!resolve(m, holder, x, mustCopy)) {
          continue;
        }
      }
      if (x.needsCopy) {
        granted &= ~VmProt.WRITE;
      }
      map = m;
      entry = e;
      shareMap = holder == m ? null : holder;
      object = x.object;
      offset = at - x.start + x.offset; // 8
      prot = granted;
      wired = isWired;
      singleUse = holder == m || holder.refCountHint() == 1;
      result = KernReturn.SUCCESS;
      held = true;
      return true;
    }
  }

  private boolean refuse(VmMap m, KernReturn why) {
    m.unlock();
    result = why;
    return true;
  }

  private static void release(VmMap m, VmMap holder) {
    if (holder != m) {
      holder.unlock();
    }
    m.unlock();
  }

  /**
   * Gives {@code x} the object that the access needs, under an upgraded lock.
   *
   * @return false if the upgrade failed: nothing is held
   */
  private static boolean resolve(VmMap m, VmMap holder, VmMapEntry x, boolean mustCopy) {
    if (!holder.upgrade()) {
      if (holder != m) {
        m.unlock();
      }
      return false;
    }
    if (mustCopy && x.needsCopy) {
      holder.shadow(x);
    }
    if (x.object == null) {
      holder.makeObject(x);
    }
    holder.downgrade();
    return true;
  }

  /** vm_map_lookup_done: the share map first, then the main one. */
  void done() {
    assert held;
    held = false;
    VmMap m = map();
    release(m, shareMap == null ? m : shareMap);
  }

  @Override
  public String toString() {
    return "lookup(" + result + (held ? " held " : " ") + entry + " object=" + object + " +0x"
        + Long.toHexString(offset) + " prot=" + VmProt.toString(prot) + (wired ? " wired" : "") + ")";
  }
}
