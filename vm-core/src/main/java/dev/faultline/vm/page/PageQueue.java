package dev.faultline.vm.page;

import dev.faultline.vm.base.KernelPanic;
import org.jspecify.annotations.Nullable;

/** A doubly linked list of pages through their own links. Guarded by the lock of whoever owns it (Q or F). */
final class PageQueue {
  private final int queue; // (C) VmPage.QUEUE_...
  @Nullable VmPage head;
  @Nullable VmPage tail;
  int length;

  PageQueue(int queue) {
    this.queue = queue;
  }

  void addTail(VmPage m) {
    if (m.queue != VmPage.QUEUE_NONE) {
      throw KernelPanic.of("page queue " + queue + ": page is on a queue already", m);
    }
    m.queue = queue;
    m.pageqNext = null;
    m.pageqPrev = tail;
    if (tail == null) {
      head = m;
    } else {
      tail.pageqNext = m;
    }
    tail = m;
    length++;
  }

  void remove(VmPage m) {
    if (m.queue != queue) {
      throw KernelPanic.of("page queue " + queue + ": page is not on it", m);
    }
    if (m.pageqPrev == null) {
      head = m.pageqNext;
    } else {
      m.pageqPrev.pageqNext = m.pageqNext;
    }
    if (m.pageqNext == null) {
      tail = m.pageqPrev;
    } else {
      m.pageqNext.pageqPrev = m.pageqPrev;
    }
    m.pageqNext = null;
    m.pageqPrev = null;
    m.queue = VmPage.QUEUE_NONE;
    length--;
  }

  @Nullable VmPage removeHead() {
    VmPage m = head;
    if (m != null) {
      remove(m);
    }
    return m;
  }
}
