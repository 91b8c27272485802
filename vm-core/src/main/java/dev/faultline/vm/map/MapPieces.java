package dev.faultline.vm.map;

/**
 * The walk over what is mapped in a range, object by object, through share maps.
 *
 * @see "vm-semantics 2.3"
 */
final class MapPieces {
  private MapPieces() {}

  /**
   * Calls {@code visitor} for what is mapped in the range, through share maps; holes and untouched memory are skipped.
   * M read, of the share map too, is held during the calls. Submaps are skipped.
   */
  static void forEachPiece(VmMap map, long start, long end, VmMap.PieceVisitor visitor) {
    map.lockRead();
    try {
      for (VmMapEntry e = map.entries.firstEndingAbove(start); e != map.entries.header && e.start < end; e = e.next) {
        pieces(e, Math.max(start, e.start), Math.min(end, e.end), visitor);
      }
    } finally {
      map.unlock();
    }
  }

  /** The pieces of one entry within [from, to). Caller holds M read. */
  static void pieces(VmMapEntry e, long from, long to, VmMap.PieceVisitor visitor) {
    if (e.isSubMap) {
      return;
    }
    if (!e.isAMap) {
      if (e.object != null) {
        visitor.piece(e, e.object, from - e.start + e.offset, to - from);
      }
      return;
    }
    VmMap share = e.itsMap();
    long delta = e.offset - e.start;
    share.lockRead();
    try {
      for (VmMapEntry x = share.entries.firstEndingAbove(from + delta);
          x != share.entries.header && x.start < to + delta; x = x.next) {
        long a = Math.max(x.start, from + delta);
        long b = Math.min(x.end, to + delta);
        if (x.object != null) {
          visitor.piece(e, x.object, a - x.start + x.offset, b - a);
        }
      }
    } finally {
      share.unlock();
    }
  }
}
