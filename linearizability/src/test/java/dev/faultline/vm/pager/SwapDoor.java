package dev.faultline.vm.pager;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;

/** Lets tests of other packages at the swap area's books, as pageouts do. */
public final class SwapDoor {
  private final SwapSpace space; // (C)
  private final int pageSize; // (C)

  /** Opens a swap area of so many pages. */
  public SwapDoor(Kernel kernel, int pages) {
    pageSize = kernel.pages().memory().pageSize();
    space = new SwapSpace(kernel.domain(), pageSize, pages);
  }

  /** Returns a new object with an empty block table. */
  public VmObject newObject(Kernel kernel, int pages) {
    VmObject o = kernel.objects().allocate(ObjectType.DEFAULT, (long) pages * pageSize);
    o.lock.lock();
    space.attach(o);
    o.lock.unlock();
    return o;
  }

  /** Gives an object without a pager swap, as its first pageout does. Caller holds O. */
  public static void convert(Kernel kernel, VmObject o) {
    if (o.type() == ObjectType.DEFAULT && !kernel.swapPager().convert(o)) {
      throw new IllegalStateException("no swap");
    }
  }

  /** Finds a page of swap for a page of an object and says that it holds its contents; as a pageout does. */
  public boolean put(VmObject o, int index) {
    o.lock.lock();
    space.lock.lock();
    try {
      SwapTable table = SwapSpace.table(o);
      SwapTable.Block b = table.findOrAdd(index >> 3);
      b.locked++;
      if (b.pages[index & 7] == SwapTable.EMPTY) {
        space.allocate(table, o, b, index & 7);
      }
      boolean got = b.pages[index & 7] != SwapTable.EMPTY;
      if (got) {
        space.setValid(table, b, index & 7, true);
      }
      b.locked--;
      table.dropIfIdle(b);
      return got;
    } finally {
      space.lock.unlock();
      o.lock.unlock();
    }
  }

  /** Frees the page of swap of a page of an object. */
  public void free(VmObject o, int index) {
    o.lock.lock();
    try {
      space.free(o, (long) index * pageSize, 1);
    } finally {
      o.lock.unlock();
    }
  }

  /** Returns whether swap holds a page of an object. */
  public boolean holds(VmObject o, int index) {
    o.lock.lock();
    try {
      return space.validPage(o, (long) index * pageSize) != SwapTable.EMPTY;
    } finally {
      o.lock.unlock();
    }
  }

  /** Returns whether every page of swap holds contents of one of these objects. */
  public boolean holdsNoMore(VmObject... objects) {
    space.lock.lock();
    try {
      int valid = 0;
      for (VmObject o : objects) {
        valid += SwapSpace.table(o).validCount();
      }
      return valid == space.size();
    } finally {
      space.lock.unlock();
    }
  }

  /** Checks I-44 to I-46, with nothing under way. */
  public void checkInvariants() {
    space.lock.lock();
    try {
      space.checkInvariants(true);
    } finally {
      space.lock.unlock();
    }
  }
}
