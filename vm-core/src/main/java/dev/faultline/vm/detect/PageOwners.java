package dev.faultline.vm.detect;

import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/**
 * Looks at who holds a busy page: somebody does (I-12), it is not a thread that has ended (I-57), and the object knows
 * of it where it must (I-23).
 *
 * <p>Under O, which guards the flag and its owner. What it cannot see is a thread that goes back to user mode with a
 * page: that shows when the page is found busy at rest (I-13), or in a hang.
 */
public final class PageOwners implements PageCheck {
  private final SyncDomain domain; // (C)

  public PageOwners(SyncDomain domain) {
    this.domain = domain;
  }

  @Override
  public @Nullable String check(VmPage m) {
    if (!(m.object() instanceof VmObject o)) { // racy: looked at again
      return null;
    }
    o.lock.lock();
    try {
      return m.object() == o && m.isBusy() && !m.isFictitious() ? owner(m, o) : null;
    } finally {
      o.lock.unlock();
    }
  }

  private @Nullable String owner(VmPage m, VmObject o) {
    Object owner = m.busyOwner();
    if (owner == null) {
      return "I-12 busy page without owner " + m;
    }
    if (owner instanceof KThread t) {
      boolean[] lives = new boolean[1];
      domain.forEachThread(x -> lives[0] |= x == t);
      if (!lives[0]) {
        return "I-57 busy page of a thread that has ended " + m + " " + t;
      }
      if (!t.isPageDaemon()) {
        return null; // prefault, the copies of a fork: without pip
      }
    }
    return o.pip() > 0 ? null : "I-23 page busy with a transfer, but pip is 0 " + m + " " + o;
  }

  @Override
  public String toString() {
    return "owners of busy pages";
  }
}
