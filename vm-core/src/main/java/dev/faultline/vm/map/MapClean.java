package dev.faultline.vm.map;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.ObjectPages;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;

/**
 * What vm_map_clean does with each piece of its range. M read is held, of the share map too; V is taken after them,
 * whose holders never wait for M.
 *
 * @see "vm-semantics 3.4 clean, 5.1"
 */
final class MapClean implements VmMap.PieceVisitor {
  private final ObjectPages ranges; // (C)
  private final boolean invalidate; // (C)
  private boolean failed;

  MapClean(ObjectPages ranges, boolean invalidate) {
    this.ranges = ranges;
    this.invalidate = invalidate;
  }

  /** Returns whether a write failed. */
  boolean failed() {
    return failed;
  }

  @Override
  public void piece(VmMapEntry entry, VmObject object, long offset, long length) {
    ChainVnode v = object.chainVnode();
    if (object.type() != ObjectType.VNODE || v == null) { // anonymous memory in front of a file is not the file's
      return;
    }
    v.lock();
    try {
      if ((entry.protection & VmProt.WRITE) != 0 && !ranges.clean(object, offset, offset + length, false)) {
        failed = true;
      }
      if (invalidate) {
        ranges.remove(object, offset, offset + length, true); // what was stored since the write, or by others, stays
      }
    } finally {
      v.unlock();
    }
  }
}
