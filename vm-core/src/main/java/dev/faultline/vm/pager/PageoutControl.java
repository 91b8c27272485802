package dev.faultline.vm.pager;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import org.jspecify.annotations.Nullable;

/** One pageout to swap under way (the original's spc, struct swpagerclean). There are NPENDINGIO of them. */
final class PageoutControl extends DiskTransfer {
  static final int PAGES = 8;

  private final SwapPageout pageout; // (C)
  final VmPage[] pages = new VmPage[PAGES]; // owner's, as the transfer
  int count; // likewise
  boolean sync; // likewise: somebody waits for it
  @Nullable VmObject object; // likewise; kept by the pip of its pages
  @Nullable PageoutControl next; // S: free or done list

  PageoutControl(SwapPageout pageout, int number) {
    super(pageout.domain(), number);
    this.pageout = pageout;
  }

  @Override
  void iodone() {
    if (sync) {
      finish();
    } else {
      pageout.iodone(this);
    }
  }
}
