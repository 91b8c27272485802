package dev.faultline.vm.pager;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import org.jspecify.annotations.Nullable;

/** A write-out of file pages by the vnode pager: nobody waits for it, or the thread that gave up its PG_BUSY for it. */
final class FileWrite extends FileTransfer {
  private final FileIo io; // (C)
  private final @Nullable KThread waiter; // (C) gets its busy pages back; null: nobody waits

  FileWrite(FileIo io, VmObject object, Vnode vnode, VmPage[] pages, int[] chunks, @Nullable KThread waiter) {
    super(io.domain(), object, vnode, pages, chunks);
    this.io = io;
    this.waiter = waiter;
  }

  @Override
  protected void ended(boolean ok) {
    if (waiter != null) {
      io.endWaited(this, waiter, ok);
    } else {
      io.endAlone(this, ok);
    }
  }

  @Override
  protected void released(boolean ok) {
    if (waiter != null) {
      finish();
    } else {
      io.endedAlone(pages.length, ok);
    }
  }

  /** Returns whether nobody waits: then the pages' pip is the transfer's, too. */
  boolean isAlone() {
    return waiter == null;
  }

  VmObject target() {
    return object;
  }

  Vnode file() {
    return vnode;
  }

  VmPage[] pages() {
    return pages;
  }

  int[] chunks() {
    return chunks;
  }
}
