package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.ObjectPages;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.KThread;

/**
 * vm_map_clean, and what it does with each piece of its range. M read is held, of the share map too; V is taken after
 * them, whose holders never wait for M.
 *
 * @see "vm-semantics 3.4 clean, 5.1"
 */
final class MapClean implements VmMap.PieceVisitor {
  private final ObjectPages ranges; // (C)
  private final boolean wait; // (C)
  private final boolean invalidate; // (C)
  private boolean failed;

  private MapClean(ObjectPages ranges, boolean wait, boolean invalidate) {
    this.ranges = ranges;
    this.wait = wait;
    this.invalidate = invalidate;
  }

  /** As {@link VmMap#clean(long, long, boolean, boolean)}. */
  static KernReturn clean(VmMap map, long start, long end, boolean wait, boolean invalidate) {
    map.lockRead();
    try {
      long from = Math.max(start, map.min());
      long to = Math.min(end, map.max());
      long at = from;
      for (VmMapEntry e = map.entries.firstEndingAbove(from); at < to; e = e.next) {
        if (e == map.entries.header || e.start > at) {
          return KernReturn.INVALID_ADDRESS;
        }
        if (e.isSubMap) {
          return KernReturn.INVALID_ARGUMENT;
        }
        at = e.end;
      }
      MapClean c = new MapClean(map.maps.ranges(), wait, invalidate);
      for (VmMapEntry e = map.entries.firstEndingAbove(from); e != map.entries.header && e.start < to; e = e.next) {
        VmMapEntry entry = e;
        KThread.current().mayWaitUnderMap("msync", () -> {
          MapPieces.pieces(entry, Math.max(from, entry.start), Math.min(to, entry.end), c);
          return c;
        });
      }
      return c.failed ? KernReturn.FAILURE : KernReturn.SUCCESS;
    } finally {
      map.unlock();
    }
  }

  @Override
  public void piece(VmMapEntry entry, VmObject object, long offset, long length) {
    ChainVnode v = object.chainVnode();
    if (object.type() != ObjectType.VNODE || v == null) { // anonymous memory in front of a file is not the file's
      return;
    }
    v.lock();
    try {
      // whatever the entry allows by now: what was stored through it before is to be on the disk, too
      if (!wait) {
        ranges.startClean(object, offset, offset + length);
      } else {
        boolean written = ranges.clean(object, offset, offset + length, false);
        failed |= !written | v.takeLoss(); // a loss of before, which there was nobody to tell of, counts once
      }
      if (invalidate) {
        ranges.remove(object, offset, offset + length, true); // what was stored since the write, or by others, stays
      }
    } finally {
      v.unlock();
    }
  }
}
