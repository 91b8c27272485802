package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.Cpu;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * R24. The daemon finds a page clean and caches it, from where it is reused without a look, while a processor stores.
 * Unmapped first and tested afterwards, a page that was stored to is dirty. Tested first, the store comes between.
 */
public final class R24_CacheAgainstStore {
  private R24_CacheAgainstStore() {}

  private abstract static class Shared {
    static final long VA = 0;
    final PageWorld w = new PageWorld(Mode.FIXED);
    final VmObject o = w.object(1);
    final VmPage m = w.page(o, 0);
    final Cpu cpu = w.machine.cpu(0);
    final Actors.Meeting meeting = new Actors.Meeting();

    Shared() {
      Pmap pmap = w.pmaps.create("user");
      pmap.enter(VA, m, VmProt.READ | VmProt.WRITE, false);
      cpu.switchTo(pmap.table());
      cpu.load(VA);
    }

    boolean user() {
      w.enter();
      meeting.arrive();
      return PageWorld.store(cpu, VA, 7);
    }
  }

  /** The deliberately wrong step: tests, then unmaps. */
  @JCStressTest
  @Outcome(id = {"true, false", "false, true"}, expect = ACCEPTABLE, desc = "Stored and kept, or cached in time.")
  @Outcome(id = "true, true", expect = ACCEPTABLE_INTERESTING, desc = "Cached with a store in it: thrown away unread.")
  @Outcome(expect = FORBIDDEN, desc = "Dirty without a store.")
  @State
  public static class TestFirst extends Shared {
    @Actor
    public void store(ZZ_Result r) {
      r.r1 = user();
    }

    @Actor
    public void daemon(ZZ_Result r) {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      w.pages.testDirty(m);
      boolean clean = m.dirty() == 0;
      if (clean) {
        w.pmaps.protect(m, VmProt.NONE);
      }
      r.r2 = clean;
      o.lock.unlock();
    }
  }

  /** vm_page_cache. */
  @JCStressTest
  @Outcome(id = {"true, false", "false, true"}, expect = ACCEPTABLE, desc = "Stored and kept, or cached in time.")
  @Outcome(expect = FORBIDDEN, desc = "A page with a store in it was cached.")
  @State
  public static class UnmapFirst extends Shared {
    @Actor
    public void store(ZZ_Result r) {
      r.r1 = user();
    }

    @Actor
    @SuppressWarnings("GuardedBy") // the checker does not see that the accessor returns the field
    public void daemon(ZZ_Result r) {
      w.enter();
      meeting.arrive();
      o.lock.lock();
      w.pages.queues().lock.lock();
      try {
        r.r2 = w.pages.cacheLocked(m);
      } finally {
        w.pages.queues().lock.unlock();
        o.lock.unlock();
      }
    }
  }
}
