package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a fork does to the entries of two maps.
 *
 * @see "vm-semantics 3.4 copy_entry, copy, vmspace_fork; 5.7 fork; vm_map.c"
 */
final class MapCopy {
  /*
   * Implementation overview
   *
   * One instant   The child is to see the parent's memory as of one instant (I-62): the end of the fork. What has been
   *               write-protected stays so until then. For the parent's own entries M(parent) write sees to that. A
   *               share map, though, is written through by other address spaces, so every share map that is copied from
   *               is locked for writing from the beginning of the fork to its end. Two forks may need the same two:
   *               they are locked in the order of their ids, which nobody else does with two share maps at once.
   * Protection    No fault is between lookup and pmap_enter while M is held for writing: it either entered its PTE
   *               before, and the PTE is write-protected here, or looks again and finds needs_copy.
   */
  private MapCopy() {}

  /**
   * Fills {@code child} with what {@code parent}'s entries let a child inherit. Caller holds M(parent) write; nobody
   * else can see the child.
   *
   * @param copied receives the share maps that were copied from, locked for writing; the caller unlocks them
   * @return RESOURCE_SHORTAGE if the process was killed while wired memory waited for frames: the child is incomplete
   */
  static KernReturn inherit(VmMap parent, VmMap child, List<VmMap> copied) {
    assert parent.lock.isWriteHeld();
    lockCopied(parent, copied);
    for (VmMapEntry e = parent.entries.first(); e != parent.entries.header; e = e.next) {
      if (e.isSubMap) {
        throw KernelPanic.of("vm_map_fork: encountered a submap", parent, e);
      }
      KernReturn r = switch (e.inheritance) {
        case NONE -> KernReturn.SUCCESS;
        case SHARE -> share(parent, child, e);
        case COPY -> copy(parent, child, e);
      };
      if (r != KernReturn.SUCCESS) {
        return r;
      }
    }
    return KernReturn.SUCCESS;
  }

  private static void lockCopied(VmMap parent, List<VmMap> copied) {
    List<VmMap> found = new ArrayList<>(0);
    for (VmMapEntry e = parent.entries.first(); e != parent.entries.header; e = e.next) {
      if (e.isAMap && e.inheritance == Inheritance.COPY && !found.contains(e.itsMap())) {
        found.add(e.itsMap());
      }
    }
    found.sort(Comparator.comparingInt(VmMap::id));
    for (VmMap s : found) {
      s.lockWrite();
      copied.add(s);
    }
  }

  /** The child refers to the same share map, which is made of the parent's entry if it is the first time. */
  private static KernReturn share(VmMap parent, VmMap child, VmMapEntry e) {
    if (!e.isAMap) {
      VmMap s = new VmMap(parent.maps, null, e.start, e.end, false);
      VmMapEntry inside = e.twin();
      inside.wiredCount = 0;
      s.entries.link(s.entries.header, inside); // the reference to the object moves along
      e.isAMap = true;
      e.map = s; // the reference that it was made with
      e.object = null;
      e.offset = e.start;
      e.needsCopy = false;
      e.copyOnWrite = false;
    }
    VmMapEntry twin = e.twin();
    twin.wiredCount = 0;
    e.itsMap().reference();
    append(child, twin);
    return KernReturn.SUCCESS;
  }

  private static KernReturn copy(VmMap parent, VmMap child, VmMapEntry e) {
    VmMapEntry twin = e.twin();
    twin.wiredCount = 0;
    twin.object = null;
    twin.map = null;
    twin.isAMap = false;
    twin.offset = 0;
    twin.needsCopy = false;
    twin.copyOnWrite = false;
    append(child, twin);
    if (e.isAMap) {
      return copyRange(e.itsMap(), e.offset, child, twin);
    }
    return copyEntry(parent, child, e, twin);
  }

  private static void append(VmMap map, VmMapEntry e) {
    map.entries.link(map.entries.header.prev, e);
  }

  /**
   * vm_map_copy from a share map: cuts both sides into equal pieces. Caller holds M(share) write; nobody else can see
   * {@code dst}.
   *
   * @param from where in the share map the range begins that {@code d} gets a copy of
   */
  private static KernReturn copyRange(VmMap share, long from, VmMap dst, VmMapEntry d) {
    long delta = from - d.start;
    long end = d.end;
    VmMapEntry piece = d;
    while (true) {
      VmMapEntry s = share.entries.find(piece.start + delta);
      if (s == null) {
        throw KernelPanic.of("vm_map_copy: hole in a share map", share, piece);
      }
      MapClip.clipStart(share, s, piece.start + delta);
      MapClip.clipEnd(share, s, piece.end + delta);
      MapClip.clipEnd(dst, piece, s.end - delta);
      KernReturn r = copyEntry(share, dst, s, piece);
      if (r != KernReturn.SUCCESS || piece.end == end) {
        return r;
      }
      piece = piece.next;
    }
  }

  /**
   * vm_map_copy_entry: lets {@code d}, which has no object yet and no translations, share what {@code s} has until
   * either side writes. Caller holds M(src) write.
   */
  private static KernReturn copyEntry(VmMap src, VmMap dst, VmMapEntry s, VmMapEntry d) {
    assert d.wiredCount == 0;
    assert d.object == null;
    // Wired memory is copied at once, unless some of it is not there: then it is shared like any other, and the wirings
    // follow the owner's faults (W1).
    if (s.wiredCount != 0 && src.maps.wiring().hasAllPages(s)) {
      boolean copied = KThread.current().mayWaitUnderMap("fork", () -> src.maps.wiring().copyEntry(dst, src, d, s));
      return copied ? KernReturn.SUCCESS : KernReturn.RESOURCE_SHORTAGE;
    }
    VmObject o = s.object;
    if (o == null) { // never touched: nothing to share
      return KernReturn.SUCCESS;
    }
    if (!s.needsCopy) { // else it is write-protected already
      writeProtect(src, s, o);
    }
    o.lock.lock();
    try {
      if (o.isAnonymous()) {
        o.collapse();
      }
      o.referenceLocked();
    } finally {
      o.lock.unlock();
    }
    d.object = o;
    d.offset = s.offset;
    s.copyOnWrite = true;
    s.needsCopy = true;
    d.copyOnWrite = true;
    d.needsCopy = true;
    return KernReturn.SUCCESS;
  }

  /** Takes WRITE from every translation through {@code s}; complete on every processor at return. */
  private static void writeProtect(VmMap src, VmMapEntry s, VmObject o) {
    if (src.isMain()) {
      src.itsPmap().protect(s.start, s.end, s.protection & ~VmProt.WRITE);
      return;
    }
    if (src.maps.hShareProt && src.refCountHint() == 1) {
      return; // 1995 protects the range of the share map's own pmap, which it lacks
    }
    src.maps.ranges().pmapCopy(o, s.offset, s.offset + (s.end - s.start));
  }
}
