package dev.faultline.vm.pager;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;

/** A write-out of file pages that nobody waits for. Its pages are soft-busy and hold pip until it completes. */
final class VnodeWrite extends DiskTransfer {
  private final VnodePager pager; // (C)
  final Vnode vnode; // (C)
  final VmObject object; // (C)
  final VmPage[] pages; // (C)

  VnodeWrite(VnodePager pager, Vnode vnode, VmObject object, VmPage[] pages) {
    super(pager.domain(), object.id());
    this.pager = pager;
    this.vnode = vnode;
    this.object = object;
    this.pages = pages;
  }

  @Override
  void iodone() {
    pager.iodone(this);
  }
}
