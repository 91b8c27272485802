package dev.faultline.vm.pager;

import dev.faultline.vm.object.PagerData;
import dev.faultline.vm.object.VmObject;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where a swap object's pages lie in the swap area: records of eight pages each, by pager offset.
 *
 * <p>Contents and locked counts are written under O(owner) and S and read under either.
 *
 * @see "vm-semantics 3.6; swap_pager.h: struct swblock"
 */
final class SwapTable extends PagerData {
  /*
   * Implementation overview
   *
   * The original's table is an array that covers the object; here an object may be huge and touched little, so the
   * records that exist hang in hash chains, and one that owns nothing is dropped. (OS) below: written under O and S,
   * read under either.
   */
  static final int PAGES = 8; // SWB_NPAGES
  static final int EMPTY = -1;

  /** One record: the swap pages of eight neighbouring pages of the object. */
  static final class Block {
    final long index; // (C) of the record: page index / 8
    final int[] pages = new int[PAGES]; // (OS) page of the swap area, or EMPTY
    int valid; // (OS) which of them hold the page's contents
    int locked; // (OS) pageouts between choosing blocks here and making them valid: keeps reclaim off
    @Nullable Block next; // (OS) hash chain

    Block(long index) {
      this.index = index;
      Arrays.fill(pages, EMPTY);
    }

    boolean isValid(int slot) {
      return (valid & 1 << slot) != 0;
    }

    int allocatedCount() {
      int n = 0;
      for (int p : pages) {
        if (p != EMPTY) {
          n++;
        }
      }
      return n;
    }

    @Override
    public String toString() {
      String bits = Integer.toHexString(valid);
      return "swblock(" + index + " " + Arrays.toString(pages) + " valid=" + bits + " locked=" + locked + ")";
    }
  }

  VmObject owner; // (OS) changes when a collapse hands the table on
  @Nullable SwapTable listNext; // S
  @Nullable SwapTable listPrev; // S
  int poip; // S: pageouts in progress
  private @Nullable Block[] buckets = new @Nullable Block[2]; // (OS) a power of two of chains
  private int blockCount; // (OS)
  private int allocated; // (OS) allocsize, in pages
  private int validCount; // (OS)

  SwapTable(VmObject owner) {
    this.owner = owner;
  }

  private int bucket(long index) {
    int h = (int) (index ^ index >>> 32) * 0x9E3779B1;
    return (h ^ h >>> 15) & (buckets.length - 1);
  }

  /** Returns the record, or null. */
  @Nullable Block find(long index) {
    Block b = buckets[bucket(index)];
    while (b != null && b.index != index) {
      b = b.next;
    }
    return b;
  }

  /** Returns the record, making it if need be. O and S held. */
  Block findOrAdd(long index) {
    Block b = find(index);
    if (b != null) {
      return b;
    }
    if (blockCount >= buckets.length) {
      grow();
    }
    b = new Block(index);
    int at = bucket(index);
    b.next = buckets[at];
    buckets[at] = b;
    blockCount++;
    return b;
  }

  private void grow() {
    @Nullable Block[] old = buckets;
    buckets = new @Nullable Block[old.length * 2];
    for (Block head : old) {
      for (Block b = head, next; b != null; b = next) {
        next = b.next;
        int at = bucket(b.index);
        b.next = buckets[at];
        buckets[at] = b;
      }
    }
  }

  /** Drops a record that owns nothing and that nobody has locked. O and S held. */
  void dropIfIdle(Block b) {
    if (b.locked != 0 || b.allocatedCount() != 0) {
      return;
    }
    int at = bucket(b.index);
    Block prev = null;
    for (Block x = buckets[at]; x != null && x != b; x = x.next) {
      prev = x;
    }
    if (prev == null) {
      buckets[at] = b.next;
    } else {
      prev.next = b.next;
    }
    b.next = null;
    blockCount--;
  }

  /** Records the swap page of a slot that had none; its contents are not valid yet. O and S held. */
  void assign(Block b, int slot, int page) {
    assert b.pages[slot] == EMPTY;
    assert !b.isValid(slot);
    b.pages[slot] = page;
    allocated++;
  }

  /** Takes a slot's swap page away and returns it, {@link #EMPTY} if it had none. O and S held. */
  int clear(Block b, int slot) {
    int page = b.pages[slot];
    if (page != EMPTY) {
      setValid(b, slot, false);
      b.pages[slot] = EMPTY;
      allocated--;
    }
    return page;
  }

  /** Says whether a slot's swap page holds the page's contents. O and S held. */
  void setValid(Block b, int slot, boolean on) {
    assert b.pages[slot] != EMPTY;
    if (b.isValid(slot) != on) {
      b.valid ^= 1 << slot;
      validCount += on ? 1 : -1;
    }
  }

  /** Returns the swap page that holds the contents of a page of the object, or {@link #EMPTY}. O or S held. */
  int validPage(long pageIndex) {
    Block b = pageIndex < 0 ? null : find(pageIndex >> 3);
    int slot = (int) pageIndex & 7;
    return b != null && b.isValid(slot) ? b.pages[slot] : EMPTY;
  }

  /** Returns all records, in no particular but always the same order. O or S held. */
  Block[] blocks() {
    Block[] all = new Block[blockCount];
    int n = 0;
    for (Block head : buckets) {
      for (Block b = head; b != null; b = b.next) {
        all[n++] = b;
      }
    }
    return all;
  }

  /** Returns allocsize: how many swap pages the object owns. O or S held. */
  int allocated() {
    return allocated;
  }

  /** Returns how many of them hold contents. O or S held. */
  int validCount() {
    return validCount;
  }

  /** Returns how many swap pages are allocated but hold nothing: what reclaim looks for. O or S held. */
  int spare() {
    return allocated - validCount;
  }

  int blockCount() {
    return blockCount;
  }

  @Override
  public String toString() { // racy, for reports
    String counts = " allocated=" + allocated + " valid=" + validCount + " poip=" + poip;
    return "swaptable(object=" + owner.id() + counts + ")";
  }
}
