package dev.faultline.vm.buf;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.FileIo;
import dev.faultline.vm.pager.FileTransfer;
import dev.faultline.vm.sync.SyncDomain;

/** The I/O of a buffer, and its biodone. */
final class BufTransfer extends FileTransfer {
  private final BufferCache cache; // (C)
  private final Buf buf; // (C) owned by this, if it is a write
  private final boolean toDisk; // (C)
  private final FileIo io; // (C)
  private final ResidentPages resident; // (C)

  BufTransfer(
      BufferCache cache, SyncDomain domain, FileIo io, ResidentPages resident, Buf buf, boolean toDisk,
      VmPage[] pages, int[] chunks) {
    super(domain, buf.object(), buf.vnode(), pages, chunks);
    this.cache = cache;
    this.buf = buf;
    this.toDisk = toDisk;
    this.io = io;
    this.resident = resident;
  }

  @Override
  protected void ended(boolean ok) {
    VmObject o = object;
    for (int i = 0; i < pages.length; i++) {
      VmPage m = pages[i];
      if (ok && toDisk) {
        io.wrote(o, vnode, m, chunks[i]);
      } else if (ok) {
        io.zeroTail(o, vnode, m, chunks[i]);
        m.clearZero();
        m.clearDirty(chunks[i]);
        m.setValid(m.valid() | chunks[i]);
      }
      resident.endIo(m, buf);
    }
    o.pipDown(pages.length, buf);
  }

  @Override
  protected void released(boolean ok) {
    if (toDisk) {
      cache.writeEnded(buf);
      io.otherWriteEnded(pages.length, ok); // last: from here on the kernel may be at rest
    }
    finish();
  }
}
