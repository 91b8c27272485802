package dev.faultline.vm.fault;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A device pager that says what a test wants it to say, and remembers what it was asked for last. */
final class StubPager implements Pager {
  private final World world;

  PagerReturn answer = PagerReturn.OK;

  /** How many neighbours it promises on either side. */
  int before;

  int after;

  /** The window of the last pagein: its first page, how many pages, which of them is wanted. */
  @Nullable Window asked;

  record Window(long first, int count, int req) {}

  /** Makes the pager of devices of a world. */
  StubPager(World world) {
    this.world = world;
    world.kernel().objects().setPager(ObjectType.DEVICE, this);
  }

  /** Returns an address space with an object of its own, of so many pages, at page 16. */
  Space space(int pages) {
    VmObject o = world.inKernel(() -> world.kernel().objects().allocate(
        ObjectType.DEVICE, (long) pages * world.pageSize(), "device", null, null));
    return world.space().mapObject(o, 0, 16, pages);
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
    asked = new Window(pages[0].offset() / world.pageSize(), count, req);
    o.lock.lock();
    for (int i = 0; i < count; i++) {
      if (pages[i].offset() != pages[0].offset() + (long) i * world.pageSize() || !pages[i].isBusy()) {
        throw new AssertionError("not a window: " + Arrays.toString(pages));
      }
      if (i != req) {
        world.kernel().pages().freeBusy(pages[i]);
      }
    }
    o.lock.unlock();
    return answer;
  }

  @Override
  public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
    Arrays.fill(results, PagerReturn.FAIL);
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    around.before = before;
    around.after = after;
    return true;
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return true;
  }

  @Override
  public void dealloc(VmObject o) {}
}
