package dev.faultline.lin.lincheck;

import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;

/** Resident, idle, wholly valid, zeroed pages, each in an object of its own; the objects form a chain, first on top. */
final class Pages {
  static final int SIZE = 64;

  final VmObject[] objects; // (C)
  final VmPage[] pages; // (C)

  /** Makes so many, on the booting thread, which is no strand. */
  Pages(World world, int n) {
    objects = new VmObject[n];
    pages = new VmPage[n];
    world.enter();
    for (int i = n - 1; i >= 0; i--) {
      VmObject o =
          i == n - 1 ? world.kernel.objects().allocate(ObjectType.DEFAULT, SIZE)
              : world.kernel.objects().shadow(objects[i + 1], 0, SIZE);
      o.lock.lock();
      VmPage m = world.kernel.pages().alloc(o, 0, AllocClass.NORMAL);
      if (m == null) {
        throw new IllegalStateException("no memory");
      }
      world.kernel.pages().zeroFill(m);
      m.setValid(VmPage.ALL_CHUNKS);
      world.kernel.pages().wakeup(m);
      o.lock.unlock();
      objects[i] = o;
      pages[i] = m;
    }
    world.leave();
  }
}
