package dev.faultline.vm.buf;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.sync.Channel;
import org.jspecify.annotations.Nullable;

/**
 * A buffer: a block of a file, by the pages of the file's object that it lies in. Owned (B_BUSY) by one thread or one
 * I/O at a time.
 */
final class Buf implements Channel {
  /*
   * Implementation overview
   *
   * (D)       the cache's lock
   * (owner)   whoever owns the buffer, or (D) while nobody does
   * Identity  vnode, object and block are written by the owner under (D) and never change while the buffer is in the
   *           cache's index. The object is not referenced: it cannot end before its buffers are given up.
   * Pages     pages[0..count), each with one bmapped for this buffer.
   */
  private final int number; // (C)
  final @Nullable VmPage[] pages; // (owner)
  int count; // (owner)
  @Nullable Vnode vnode; // (D) to write, and owner
  @Nullable VmObject object; // likewise
  long block; // likewise
  boolean delayed; // (owner) B_DELWRI: its pages have what is not on the disk
  @Nullable Object owner; // (D) B_BUSY
  boolean wanted; // (D) somebody sleeps until it has no owner
  @Nullable Buf next; // (D) of the free, or of the idle in order of use
  @Nullable Buf prev; // (D)

  Buf(int number, int pages) {
    this.number = number;
    this.pages = new VmPage[pages];
  }

  VmPage page(int i) {
    VmPage m = pages[i];
    assert m != null;
    return m;
  }

  VmObject object() {
    VmObject o = object;
    assert o != null;
    return o;
  }

  Vnode vnode() {
    Vnode v = vnode;
    assert v != null;
    return v;
  }

  @Override
  public int channelNumber() {
    return number * 17 + 9;
  }

  @Override
  public @Nullable Object holder() {
    return owner;
  }

  @Override
  public String toString() { // racy, for reports
    return "buf(" + number + " " + vnode + " block=" + block + " pages=" + count + (delayed ? " delayed" : "")
        + (owner == null ? "" : " owner=" + owner) + ")";
  }
}
