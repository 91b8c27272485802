package dev.faultline.vm.bed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;

/** The pager of files that are all holes; counts the objects that let go of their vnode. */
final class StubFiles implements Pager {
  @Override
  public PagerReturn getPages(VmObject o, VmPage[] array, int count, int req) {
    return PagerReturn.FAIL;
  }

  @Override
  public void putPages(VmObject o, VmPage[] array, int count, boolean sync, PagerReturn[] results) {
    throw new AssertionError("the stub cleaner writes");
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    return false;
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return false;
  }

  @Override
  public void dealloc(VmObject o) {
    assertThat(o.lock.isHeld()).isTrue();
  }

  @Override
  public void flushBuffers(VmObject o) {
    StubVnode v = (StubVnode) o.handle();
    assertThat(v).as("a file's object").isNotNull();
    assertThat(v.isHeld()).as("V held").isTrue();
    v.flushed++;
  }

  @Override
  public void detached(VmObject o) {
    StubVnode v = (StubVnode) o.handle();
    assertThat(v).isNotNull();
    assertThat(v.isHeld()).as("V held").isTrue();
    assertThat(o.isDead()).isTrue();
    v.detach();
  }
}
