package dev.faultline.vm.scenario;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import org.jspecify.annotations.Nullable;

/**
 * What the page daemon does to a page, for actors that stand in for it and for set-ups. Each enters the kernel, and
 * does nothing where the page is absent or in other hands.
 */
final class PageSteps {
  private final ScenarioWorld world; // (C)
  private final Kernel kernel; // (C)
  private final PageoutClean cleaner; // (C)

  PageSteps(ScenarioWorld world) {
    this.world = world;
    kernel = world.kernel();
    cleaner = new PageoutClean(kernel.objects());
  }

  private @Nullable VmPage lookup(VmObject o, int page) {
    return kernel.pages().lookup(o, (long) page * kernel.config().machine().pageSize());
  }

  /** Writes a page of an object without a pager, or with swap; keeps a reference meanwhile, as the queues would. */
  void write(VmObject o, int page, Cleaner.How how) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m == null) {
            o.lock.unlock();
            return;
          }
          if (how == Cleaner.How.ASYNC) {
            kernel.pages().queues().deactivate(m);
          }
          o.pipUp(1); // keeps it over the wait
          cleaner.clean(o, m, how);
          o.lock.lock();
          o.pipDown(1);
          o.lock.unlock();
        });
  }

  /** Puts a page on the cache queue, if it is clean. */
  void cache(VmObject o, int page) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m != null) {
            cacheIdle(m);
          }
          o.lock.unlock();
        });
  }

  @SuppressWarnings("GuardedBy") // the checker takes the queues of two expressions for two
  private void cacheIdle(VmPage m) {
    kernel.pages().queues().lock.lock();
    kernel.pages().cacheLocked(m);
    kernel.pages().queues().lock.unlock();
  }

  /** Frees the first page of the cache queue. */
  void freeCached() {
    world.inKernel(() -> {
      kernel.pages().freeCachedHead();
    });
  }

  /** Frees a page if it is clean: so that a store whose dirt was lost is lost itself. */
  void freeIfClean(VmObject o, int page) {
    cache(o, page);
    freeCached();
  }

  /** Moves a page from memory to its backing store. All is quiet. */
  void pageOut(VmObject o, int page) {
    write(o, page, Cleaner.How.FORCE);
    freeIfClean(o, page);
    world.inKernel(
        () -> {
          o.lock.lock();
          world.require(lookup(o, page) == null, "page is still resident");
          o.lock.unlock();
        });
  }

  /** Makes all but the first chunk of a page invalid, and has no translation lead to it. All is quiet. */
  void leaveFirstChunk(VmObject o, int page) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m == null) {
            throw new IllegalStateException("no page");
          }
          kernel.pages().mappings().protect(m, VmProt.NONE);
          m.setValid(1);
          m.clearDirty(VmPage.ALL_CHUNKS & ~1);
          o.lock.unlock();
        });
  }

  /** Makes a page clean though it is mapped for writing, as one read from its store is. All is quiet. */
  void forgetDirt(VmObject o, int page) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m != null) {
            m.clearDirty(VmPage.ALL_CHUNKS);
          }
          o.lock.unlock();
        });
  }

  /** Takes a page's translations the right to store, as a pageout begins. */
  void protect(VmObject o, int page) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m != null) {
            kernel.pages().mappings().protect(m, VmProt.READ);
          }
          o.lock.unlock();
        });
  }

  /** Makes a page the next that the daemon looks at, unused. All is quiet. */
  void deactivate(VmObject o, int page) {
    world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          if (m != null) {
            kernel.pages().mappings().clearReference(m);
            m.setReferenced(false);
            kernel.pages().queues().deactivate(m);
          }
          o.lock.unlock();
        });
  }

  /** Runs something while a page is busy, which must not wait for it. All is quiet. */
  void whileBusy(VmObject o, int page, Runnable body) {
    VmPage m =
        world.inKernel(
            () -> {
              o.lock.lock();
              VmPage found = lookup(o, page);
              if (found == null) {
                throw new IllegalStateException("no page");
              }
              found.setBusy(this);
              o.lock.unlock();
              return found;
            });
    body.run();
    world.inKernel(
        () -> {
          o.lock.lock();
          kernel.pages().wakeup(m, this);
          o.lock.unlock();
        });
  }

  /** Returns whether a page is resident. All is quiet. */
  boolean isResident(VmObject o, int page) {
    return world.inKernel(
        () -> {
          o.lock.lock();
          VmPage m = lookup(o, page);
          o.lock.unlock();
          return m != null;
        });
  }

  /** Returns whether a swap block counts as holding a page. All is quiet. */
  boolean isInSwap(VmObject o, int page) {
    return world.inKernel(
        () -> {
          o.lock.lock();
          boolean has = o.pagerHasLocked((long) page * kernel.config().machine().pageSize());
          o.lock.unlock();
          return has;
        });
  }

  @Override
  public String toString() {
    return "steps of the page daemon in " + world;
  }
}
